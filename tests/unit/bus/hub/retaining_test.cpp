// tests/unit/bus/hub/retaining_test.cpp - what the log lets go, what it keeps, and who is told.
#include <doctest/doctest.h>

#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/ledger_lines.hpp"

using namespace laban;
using namespace laban::test;
using nlohmann::json;

namespace {

constexpr auto limit = 60s;

// A hub with small segments and a queue that takes and acknowledges everything, so that nothing stays for its sake.
struct Keeping {
  Keeping() {
    fixture.options.segment_bytes = 64u << 10;
    fixture.options.keep.bytes = 256u << 10;
    fixture.options.checkpoint_every = 50ms;
  }

  Hub& start() {
    fixture.start();
    join();
    return *fixture.hub;
  }
  void join() {
    client = std::make_unique<RawClient>(fixture.hub->endpoint());
    const auto welcome = client->hello("outbox", true);
    REQUIRE(welcome);
    sequence = welcome->as<codec::Welcome>().last_sequence;
    REQUIRE(client->declare_queue("sink", "#"));
    client->say(codec::ClientMessage{codec::Consume{1, "sink", 1'000}});
  }

  // Publishes and acknowledges about so many KiB.
  void fill(int kibibytes) {
    for (int i = 0; i < kibibytes / 20; ++i) {
      std::vector<NewEvent> events;
      for (int k = 0; k < 20; ++k) {
        auto event = raw_event(std::to_string(sequence + 1 + static_cast<std::uint64_t>(k)), "x");
        event.data.assign(900, std::byte{7});
        events.push_back(std::move(event));
      }
      REQUIRE_FALSE(client->publish(sequence + 1, events).empty());
      sequence += 20;
      client->acknowledge(1, client->deliveries(20));
    }
  }

  json status() { return json::parse(fixture.hub->inspect("status")); }
  std::uint64_t first() { return status()["firstOffset"]; }

  // Goes on filling until the log has let go of the offset.
  bool drops(std::uint64_t offset) {
    return eventually(limit, [&] {
      fill(40);
      return first() > offset;
    });
  }

  HubFixture fixture;
  std::unique_ptr<RawClient> client;
  std::uint64_t sequence = 0;
};

}  // namespace

TEST_CASE(
    "retention: the log keeps to its size, and a reader that comes too late is told what it missed (G210, G211)") {
  Keeping test;
  test.start();
  REQUIRE(test.drops(100));
  CHECK(eventually(limit, [&] { return test.status()["logBytes"] <= 512u << 10; }));
  CHECK(test.fixture.hub->metrics().find("laban_hub_log_dropped_events_total 0\n") == std::string::npos);

  codec::Subscribe subscribe;
  subscribe.subscription = 2;
  subscribe.patterns = {"#"};
  subscribe.from = codec::Subscribe::From::offset;
  subscribe.offset = 10;
  test.client->say(codec::ClientMessage{subscribe});
  REQUIRE(test.client->hear<codec::Subscribed>());
  test.client->say(codec::ClientMessage{codec::Replay{2, 9, 0, 4'000}});
  const auto heard = test.client->hear<codec::Replayed>();
  REQUIRE(heard);
  const auto& replayed = heard->as<codec::Replayed>();
  CHECK(replayed.lost_from == 10);
  CHECK(replayed.lost_to >= 100);
  CHECK(replayed.lost_reason == "retention");
  REQUIRE_FALSE(replayed.events.empty());
  CHECK(replayed.events.front().offset == replayed.lost_to + 1);
}

TEST_CASE("retention: what a queue still has outlives its segment, in every state, also over a crash (G210)") {
  Keeping test;
  test.start();
  auto& client = *test.client;
  // One of each kind: waiting, delivered, scheduled, parked.
  for (const auto* name : {"ready", "held", "later", "parked"}) REQUIRE(client.declare_queue(name, name));
  auto scheduled = raw_event("later", "later");
  scheduled.deliverytime = std::chrono::system_clock::now() + 1h;
  REQUIRE_FALSE(client
                    .publish(1, {raw_event("ready", "ready"), raw_event("held", "held"), scheduled,
                                 raw_event("parked", "parked")})
                    .empty());
  test.sequence = 4;
  client.acknowledge(1, client.deliveries(3));  // the sink does not get the scheduled one
  client.say(codec::ClientMessage{codec::Consume{2, "held", 1}});
  const auto held = client.deliveries(1);
  REQUIRE(held.size() == 1);
  client.say(codec::ClientMessage{codec::Consume{3, "parked", 1}});
  const auto bad = client.deliveries(1);
  REQUIRE(bad.size() == 1);
  client.say(codec::ClientMessage{codec::Settle{3, codec::Outcome::reject, {bad[0].number}, 0, 0, "poison"}});
  const auto parked_offset = bad[0].offset;
  client.say(codec::ClientMessage{codec::Cancel{3, {}}});

  REQUIRE(test.drops(200));
  const auto first = test.first();
  CHECK(test.fixture.hub->metrics().find("laban_hub_log_carried_events_total 0\n") == std::string::npos);
  // Again, so that the copies are copied.
  REQUIRE(test.drops(first + 600));

  SUBCASE("restart") {
    test.fixture.restart();
  }
  SUBCASE("crash") {
    test.fixture.crash_and_start();
  }
  RawClient later{test.fixture.hub->endpoint()};
  REQUIRE(later.hello());
  later.say(codec::ClientMessage{codec::Consume{1, "ready", 1}});
  const auto ready = later.deliveries(1);
  REQUIRE(ready.size() == 1);
  CHECK(ready[0].id == "ready");
  CHECK(ready[0].offset < 10);
  later.say(codec::ClientMessage{codec::Consume{2, "held", 1}});
  const auto again = later.deliveries(1);
  REQUIRE(again.size() == 1);
  CHECK(again[0].id == "held");
  CHECK(again[0].redelivered);
  CHECK(again[0].offset == held[0].offset);
  REQUIRE(later.ask({0, codec::Redrive{"parked", false, 0}}));
  later.say(codec::ClientMessage{codec::Consume{3, "parked", 1}});
  const auto redriven = later.deliveries(1);
  REQUIRE(redriven.size() == 1);
  CHECK(redriven[0].id == "parked");
  CHECK(redriven[0].offset == parked_offset);
  const auto queues = json::parse(test.fixture.hub->inspect("queues", R"({"check":true})"));
  for (const auto& queue : queues["queues"]) {
    CHECK(queue["lawHolds"] == true);
    CHECK(queue["audit"] == nullptr);
    if (queue["name"] == "later") CHECK(queue["delayed"] == 1);
  }
}

TEST_CASE(
    "retention: what a slow consumer has not taken moves forward again and again, and comes out whole and in order "
    "(G210)") {
  Keeping test;
  test.start();
  auto& client = *test.client;
  REQUIRE(client.declare_queue("slow", "slow"));
  constexpr std::size_t count = 100;
  std::vector<NewEvent> events;
  for (std::size_t i = 1; i <= count; ++i) {
    events.push_back(raw_event("slow-" + std::to_string(i), "slow", "key-" + std::to_string(i)));
    events.back().data.assign(900, std::byte{3});
  }
  REQUIRE_FALSE(client.publish(1, events).empty());
  test.sequence = count;
  client.acknowledge(1, client.deliveries(count));
  RawClient slow{test.fixture.hub->endpoint()};
  REQUIRE(slow.hello());
  slow.say(codec::ClientMessage{codec::Consume{1, "slow", 10}});
  std::vector<std::string> taken;
  while (taken.size() < count) {
    REQUIRE(test.drops(test.first() + 50));
    const auto messages = slow.deliveries(10);
    REQUIRE(messages.size() == 10);
    for (const auto& message : messages) taken.push_back(message.id);
    slow.acknowledge(1, messages);
  }
  for (std::size_t i = 0; i < count; ++i) CHECK(taken[i] == events[i].id);
  CHECK(test.fixture.hub->metrics().find("laban_hub_log_carried_events_total 0\n") == std::string::npos);
}

TEST_CASE("retention: a durable cursor holds the log until it has read, or is deleted (G211)") {
  Keeping test;
  test.start();
  REQUIRE(test.client->ask({0, codec::SaveCursor{"bookkeeper", 0}}));
  test.fill(1'000);
  REQUIRE(eventually(limit, [&] {
    test.fill(20);
    return test.status()["logHeldBy"] == "cursor";
  }));
  CHECK(test.first() == 1);
  CHECK(test.fixture.hub->metrics().find("laban_hub_log_held{reason=\"cursor\"} 1") != std::string::npos);
  REQUIRE(test.client->ask({0, codec::SaveCursor{"bookkeeper", 300}}));
  CHECK(eventually(limit, [&] {
    test.fill(20);
    return test.first() > 100;
  }));
  CHECK(test.first() <= 301);
  const auto gone = test.client->ask({0, codec::DeleteCursor{"bookkeeper"}});
  REQUIRE(gone);
  CHECK_FALSE(gone->as<codec::Reply>().refused);
  const auto nobody = test.client->ask({0, codec::DeleteCursor{"bookkeeper"}});
  REQUIRE(nobody);
  CHECK(nobody->as<codec::Reply>().refused);
  CHECK(test.drops(400));
  CHECK(ledger_lines(*test.client).empty());
}

TEST_CASE("retention: an observer's cursor never holds the log, and the ledger says what it lost (G211, G216)") {
  Keeping test;
  test.start();
  test.fill(40);
  const auto saved = test.client->ask({0, codec::SaveCursor{"watcher", 20, true}});
  REQUIRE(saved);
  REQUIRE_FALSE(saved->as<codec::Reply>().refused);
  REQUIRE(test.drops(100));
  std::vector<json> lines;
  REQUIRE(eventually(limit, [&] {
    lines = ledger_lines(*test.client);
    return !lines.empty();
  }));
  CHECK(lines[0]["reason"] == "retention");
  CHECK(lines[0]["whose"] == "cursor");
  CHECK(lines[0]["who"] == "watcher");
  CHECK(lines[0]["from"] == 21);
  CHECK(lines[0]["count"] == lines[0]["to"].get<std::uint64_t>() - 20);
  // Each stretch is told once.
  for (std::size_t i = 1; i < lines.size(); ++i) {
    CHECK(lines[i]["from"] == lines[i - 1]["to"].get<std::uint64_t>() + 1);
  }
  CHECK(test.fixture.hub->metrics().find("laban_hub_lost_total{reason=\"retention\"}") != std::string::npos);
}

TEST_CASE("retention: at the log's outer limit a durable cursor loses too, and is told (G212, G216)") {
  Keeping test;
  test.fixture.options.keep.bytes_at_most = 512u << 10;
  test.start();
  REQUIRE(test.client->ask({0, codec::SaveCursor{"sleeper", 0}}));
  REQUIRE(test.drops(50));
  CHECK(test.status()["logBytes"].get<std::uint64_t>() > 256u << 10);
  std::vector<json> lines;
  REQUIRE(eventually(limit, [&] {
    lines = ledger_lines(*test.client);
    return !lines.empty();
  }));
  CHECK(lines[0]["who"] == "sleeper");
  CHECK(lines[0]["from"] == 1);

  // Its total survives a crash, whether a checkpoint has it or the line alone.
  const auto total = [&] {
    const auto text = test.fixture.hub->metrics();
    const auto at = text.find("laban_hub_lost_total{reason=\"retention\"} ");
    REQUIRE(at != std::string::npos);
    return std::stoull(text.substr(at + 41));
  };
  REQUIRE(eventually(limit, [&] { return test.status()["logBytes"] <= 512u << 10; }));  // no more is dropped
  const auto before = total();
  REQUIRE(test.client->declare_queue("marker"));  // and all of it is stored
  test.fixture.options.keep = {};
  test.fixture.crash_and_start();
  CHECK(total() == before);
}

TEST_CASE("retention: by age, on a hub where nothing else happens (G210)") {
  Keeping test;
  test.fixture.options.keep.bytes = 0;
  test.fixture.options.keep.age = std::chrono::seconds{1};
  test.start();
  test.fill(400);
  const auto head = test.status()["head"].get<std::uint64_t>();
  // The newest segment stays, and it has at most a segment's worth.
  CHECK(eventually(limit, [&] { return test.first() + 100 > head; }));
}
