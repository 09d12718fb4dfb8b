// tests/support/ledger_lines.hpp - what stands on laban.lost, read back from the hub's log.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/raw_client.hpp"

namespace laban::test {

// The lines' payloads in offset order; `client` has said hello.
inline std::vector<nlohmann::json> ledger_lines(RawClient& client) {
  codec::Subscribe subscribe;
  subscribe.subscription = 4'711;
  subscribe.exchange = "laban.lost";
  subscribe.patterns = {"#"};
  subscribe.from = codec::Subscribe::From::first;
  client.say(codec::ClientMessage{subscribe});
  std::vector<nlohmann::json> lines;
  const auto subscribed = client.hear<codec::Subscribed>();
  if (subscribed == nullptr) return lines;
  const auto head = subscribed->as<codec::Subscribed>().head;
  auto position = subscribed->as<codec::Subscribed>().start - 1;
  while (position < head) {
    client.say(codec::ClientMessage{codec::Replay{4'711, position, head, 0}});
    const auto heard = client.hear<codec::Replayed>();
    if (heard == nullptr || heard->as<codec::Replayed>().up_to <= position) return lines;
    position = heard->as<codec::Replayed>().up_to;
    for (const auto& event : heard->as<codec::Replayed>().events) {
      EventFields fields;
      if (!codec::read_envelope(event.envelope, fields)) continue;
      const auto* text = reinterpret_cast<const char*>(fields.data.data());
      lines.push_back(nlohmann::json::parse(text, text + fields.data.size(), nullptr, false));
    }
  }
  return lines;
}

}  // namespace laban::test
