// tests/unit/bus/hub/losses_test.cpp - the ledger: each way to lose something has its line, once.
#include <doctest/doctest.h>

#include "tests/support/eventually.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/ledger_lines.hpp"

using namespace laban;
using namespace laban::test;
using nlohmann::json;

namespace {

constexpr auto limit = 60s;

struct Fixture : HubFixture {
  Fixture() { options.ledger_every = 20ms; }

  // Waits until the ledger has so many lines.
  std::vector<json> lines(RawClient& client, std::size_t count) {
    std::vector<json> found;
    CHECK(eventually(limit, [&] {
      found = ledger_lines(client);
      return found.size() >= count;
    }));
    return found;
  }
  double lost(const std::string& reason) const {
    const auto text = hub->metrics();
    const auto name = "laban_hub_lost_total{reason=\"" + reason + "\"} ";
    const auto at = text.find(name);
    return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size()));
  }
};

}  // namespace

TEST_CASE("ledger: what expires has a line with its keys, range and count (G46, G216)") {
  Fixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("q", "#"));
  auto one = raw_event("1", "x", "k1");
  auto two = raw_event("2", "x", "k2");
  one.expirytime = two.expirytime = std::chrono::system_clock::now() + 1ms;
  REQUIRE_FALSE(client.publish(1, {one, two}).empty());
  const auto lines = fixture.lines(client, 1);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["reason"] == "expired");
  CHECK(lines[0]["queue"] == "q");
  CHECK((lines[0]["from"] == 1 && lines[0]["to"] == 2 && lines[0]["count"] == 2));
  CHECK(lines[0]["keys"] == json{"k1", "k2"});
  CHECK(fixture.lost("expired") == 2);
}

TEST_CASE("ledger: refused events share a line, with the publisher, its sequences, keys and the reason (G216)") {
  Fixture fixture;
  fixture.options.ledger_every = 300ms;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  std::vector<NewEvent> events;
  for (int i = 0; i < 200; ++i) {
    events.push_back(raw_event(std::to_string(i), "nobody", "k" + std::to_string(i % 2)));
    events.back().mandatory = true;
  }
  REQUIRE_FALSE(client.publish(1, events).empty());
  const auto lines = fixture.lines(client, 1);
  CHECK(lines.size() <= 2);  // the interval may have ended in between
  CHECK(lines[0]["reason"] == "refused");
  CHECK(lines[0]["whose"] == "publisher");
  CHECK(lines[0]["who"] == "raw");
  CHECK(lines[0]["range"] == "sequence");
  CHECK(lines[0]["from"] == 1);
  CHECK(lines[0]["keys"] == json{"k0", "k1"});
  CHECK(lines[0]["detail"].get<std::string>().find("mandatory") != std::string::npos);
  CHECK(fixture.lost("refused") == 200);
  fixture.crash_and_start();
  CHECK(fixture.lost("refused") == 200);
  // Sent again they are the same refused events, and no new loss.
  RawClient again{fixture.hub->endpoint()};
  REQUIRE(again.hello("p"));
}

TEST_CASE("ledger: a flood of refusals by any number of publishers costs a bounded number of lines (G216)") {
  Fixture fixture;
  fixture.options.ledger_every = 1h;
  fixture.start();
  RawClient reader{fixture.hub->endpoint()};
  REQUIRE(reader.hello());
  for (int i = 0; i < 40; ++i) {
    RawClient client{fixture.hub->endpoint()};
    REQUIRE(client.hello("p" + std::to_string(i)));
    auto event = raw_event("a", "nobody");
    event.mandatory = true;
    REQUIRE_FALSE(client.publish(1, std::vector<NewEvent>(100, event)).empty());
  }
  CHECK(ledger_lines(reader).empty());
  CHECK(fixture.hub->metrics().find("laban_hub_refused_total 4000") != std::string::npos);
}

TEST_CASE("ledger: what a subscription's overflow policy dropped is told by its client and written (G216)") {
  Fixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE_FALSE(client.publish(1, {raw_event("1", "x"), raw_event("2", "x"), raw_event("3", "x")}).empty());
  codec::Subscribe subscribe;
  subscribe.subscription = 7;
  subscribe.patterns = {"#"};
  client.say(codec::ClientMessage{subscribe});
  REQUIRE(client.hear<codec::Subscribed>());
  // What cannot be so is not believed.
  client.say(codec::ClientMessage{codec::Dropped{8, 1, 2, 2, "dropOldest", {}}});
  client.say(codec::ClientMessage{codec::Dropped{7, 1, 2, 5, "dropOldest", {}}});
  client.say(codec::ClientMessage{codec::Dropped{7, 1, 2'000, 5, "dropOldest", {}}});
  client.say(codec::ClientMessage{codec::Dropped{7, 1, 2, 2, "dropOldest", {"k"}}});
  const auto lines = fixture.lines(client, 1);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["reason"] == "overflow");
  CHECK(lines[0]["whose"] == "subscription");
  CHECK(lines[0]["detail"] == "dropOldest");
  CHECK((lines[0]["from"] == 1 && lines[0]["to"] == 2 && lines[0]["count"] == 2));
  CHECK(lines[0]["keys"] == json{"k"});
}

TEST_CASE("ledger: a log that takes nothing refuses and counts, and the line follows when it does again (G217)") {
  FaultyFiles files;
  Fixture fixture;
  fixture.options.data = "/log";
  fixture.options.files = &files;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  files.inject(
      {.kind = Fault::Kind::error, .error = ENOSPC, .at = 1, .how_often = ~0ull, .only = [](const FileCall& call) {
         return call.kind == FileCall::Kind::write;
       }});
  for (std::uint64_t sequence = 2; sequence < 7; ++sequence) {
    const auto runs = client.publish(sequence, {raw_event("b", "x", "key")});
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].code == codec::Refusal::storage);
  }
  CHECK(fixture.hub->metrics().find("laban_hub_refused_total 5") != std::string::npos);
  CHECK(ledger_lines(client).empty());
  files.heal();
  const auto lines = fixture.lines(client, 1);
  std::uint64_t count = 0;
  for (const auto& line : lines) {
    CHECK(line["reason"] == "refused");
    count += line["count"].get<std::uint64_t>();
  }
  CHECK(count == 5);
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.back()["to"] == 6);
  CHECK(lines[0]["keys"] == json{"key"});
}

TEST_CASE(
    "disk: below its watermark publishing is refused and says so, the rest goes on, and it recovers (G13, G213)") {
  FaultyFiles files;
  Fixture fixture;
  fixture.options.data = "/log";
  fixture.options.files = &files;
  fixture.options.segment_bytes = 1u << 20;
  fixture.options.disk_free_min = 8u << 20;
  files.set_capacity(64u << 20);
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("q", "#"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  files.set_capacity(9u << 20);  // what is there and a little
  std::uint64_t sequence = 2;
  std::string why;
  REQUIRE(eventually(limit, [&] {
    const auto runs = client.publish(sequence++, {raw_event("b", "x")});
    if (runs.empty() || !runs[0].refused) return false;
    CHECK(runs[0].code == codec::Refusal::storage);
    why = runs[0].message;
    return true;
  }));
  CHECK(why.find("free") != std::string::npos);
  CHECK(fixture.hub->metrics().find("laban_hub_log_writable 0") != std::string::npos);
  CHECK(json::parse(fixture.hub->inspect("status"))["diskLow"] == true);
  // Consumers still empty their queues.
  client.say(codec::ClientMessage{codec::Consume{1, "q", 10}});
  const auto delivered = client.deliveries(1);
  REQUIRE_FALSE(delivered.empty());
  client.acknowledge(1, delivered);
  CHECK(eventually(limit, [&] {
    return json::parse(fixture.hub->inspect("queues", R"({"queue":"q"})"))["queues"][0]["acknowledged"] >=
           delivered.size();
  }));
  files.set_capacity(64u << 20);
  CHECK(eventually(limit, [&] {
    const auto runs = client.publish(sequence++, {raw_event("c", "x")});
    return !runs.empty() && !runs[0].refused;
  }));
}
