// tests/unit/bus/hub/queue_world.hpp - one hub and one client over real sockets, and what tests of queues ask of them.
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bus/queue/queue_types.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

namespace laban::test {

// One hub, one client that declares, publishes and takes.
struct QueueWorld {
  QueueWorld() : client(fixture.start().endpoint()) { REQUIRE(client.hello("p")); }

  nlohmann::json queue(const std::string& name) const {
    const auto answer = nlohmann::json::parse(fixture.hub->inspect("queues", nlohmann::json{{"queue", name}}.dump()));
    return answer.value("queues", nlohmann::json::array()).empty() ? nlohmann::json::object()
                                                                   : answer.at("queues").at(0);
  }
  bool has_queue(const std::string& name) const {
    const auto answer = nlohmann::json::parse(fixture.hub->inspect("queues"));
    for (const auto& one : answer.at("queues")) {
      if (one.at("name") == name) return true;
    }
    return false;
  }
  bool becomes(const std::string& name, const char* what, std::uint64_t value) const {
    return eventually(10s, [&] { return queue(name).value(what, ~std::uint64_t{0}) == value; });
  }
  bool refused(RawClient& who, codec::Request request, codec::Refusal code) const {
    const auto answer = who.ask(std::move(request));
    REQUIRE(answer);
    return answer->as<codec::Reply>().refused && answer->as<codec::Reply>().code == code;
  }
  void declare(QueueSpec spec, const std::string& pattern = "#", const std::string& exchange = "amq.topic") {
    const auto answer = client.ask({0, spec});
    REQUIRE(answer);
    REQUIRE_FALSE(answer->as<codec::Reply>().refused);
    const auto bound = client.ask({0, codec::Bind{{exchange, spec.name, {}, pattern, {}}}});
    REQUIRE(bound);
    REQUIRE_FALSE(bound->as<codec::Reply>().refused);
  }
  std::vector<codec::Confirms::Run> publish(const std::vector<NewEvent>& events) {
    auto runs = client.publish(sequence, events);
    sequence += events.size();
    return runs;
  }
  void consume(RawClient& who, const std::string& name, std::uint32_t prefetch, std::uint64_t consumer = 1) const {
    who.say(codec::ClientMessage{codec::Consume{consumer, name, prefetch}});
  }
  void settle(RawClient& who, codec::Outcome outcome, const std::vector<RawClient::Message>& messages,
              std::uint32_t delay_millis = 0) const {
    codec::Settle settle;
    settle.consumer = 1;
    settle.outcome = outcome;
    settle.delay_millis = delay_millis;
    settle.reason = "as the test wants it";
    for (const auto& message : messages) settle.numbers.push_back(message.number);
    who.say(codec::ClientMessage{settle});
  }
  // The lines of laban.lost that a queue of them has got.
  std::vector<nlohmann::json> losses(std::size_t count) { return losses(client, count); }
  static std::vector<nlohmann::json> losses(RawClient& reader, std::size_t count) {
    reader.say(codec::ClientMessage{codec::Consume{9, "losses", 100}});
    std::vector<nlohmann::json> lines;
    while (lines.size() < count) {
      const auto heard = reader.hear<codec::Deliveries>();
      if (!heard) break;
      for (const auto& message : heard->as<codec::Deliveries>().messages) {
        EventFields fields;
        REQUIRE(codec::read_envelope(message.recorded.envelope, fields));
        lines.push_back(nlohmann::json::parse(
            std::string_view{reinterpret_cast<const char*>(fields.data.data()), fields.data.size()}));
      }
    }
    return lines;
  }

  HubFixture fixture;
  RawClient client;
  std::uint64_t sequence = 1;
};

inline QueueSpec named(const std::string& name) {
  QueueSpec spec;
  spec.name = name;
  return spec;
}

inline std::vector<std::string> ids(const std::vector<RawClient::Message>& messages) {
  std::vector<std::string> result;
  for (const auto& message : messages) result.push_back(message.id);
  return result;
}

using Ids = std::vector<std::string>;

}  // namespace laban::test
