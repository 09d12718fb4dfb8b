// tests/unit/bus/hub/queue_kinds_test.cpp - what a queue can be declared to be, each kind over real sockets.
#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "tests/unit/bus/hub/queue_world.hpp"

using namespace laban;
using namespace laban::test;

namespace {

using nlohmann::json;
using World = QueueWorld;

}  // namespace

TEST_CASE("queues: an exclusive queue is its session's alone and ends with it, what it held is ledgered (G199)") {
  World world;
  REQUIRE(world.client.declare_queue("losses", "#", "laban.lost"));
  RawClient owner{world.fixture.hub->endpoint()};
  REQUIRE(owner.hello());
  auto mine = named("mine");
  mine.exclusive = true;
  REQUIRE_FALSE(owner.ask({0, mine})->as<codec::Reply>().refused);
  REQUIRE_FALSE(owner.ask({0, codec::Bind{{"amq.topic", "mine", {}, "#", {}}}})->as<codec::Reply>().refused);
  CHECK(world.refused(world.client, {0, mine}, codec::Refusal::denied));
  auto passive = named("mine");
  passive.passive = true;
  CHECK(world.refused(world.client, {0, passive}, codec::Refusal::denied));
  CHECK(world.refused(world.client, {0, codec::DeleteQueue{"mine"}}, codec::Refusal::denied));
  world.consume(world.client, "mine", 1, 5);
  const auto denied = world.client.hear<codec::Refused>();
  REQUIRE(denied);
  CHECK(denied->as<codec::Refused>().code == codec::Refusal::denied);
  REQUIRE(world.publish({raw_event("a", "x")}).size() == 1);
  owner.say(codec::ClientMessage{codec::Bye{}});
  CHECK(eventually(10s, [&] { return !world.has_queue("mine"); }));
  const auto lost = world.losses(1);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].at("who") == "mine");
  CHECK(lost[0].at("reason") == "queue-deleted");
  CHECK(lost[0].at("count") == 1);
}

TEST_CASE("queues: what a queue that is not durable held is ledgered when the hub was gone (G199)") {
  for (const bool crash : {true, false}) {
    CAPTURE(crash);
    World world;
    REQUIRE(world.client.declare_queue("losses", "#", "laban.lost"));
    auto mine = named("mine");
    mine.exclusive = true;
    world.declare(mine, "x");
    auto brief = named("brief");
    brief.durable = false;
    world.declare(brief, "y");
    world.publish({raw_event("a", "x"), raw_event("b", "x"), raw_event("c", "y")});
    crash ? world.fixture.crash_and_start() : world.fixture.restart();
    CHECK_FALSE(world.has_queue("mine"));
    CHECK_FALSE(world.has_queue("brief"));
    RawClient reader{world.fixture.hub->endpoint()};
    REQUIRE(reader.hello());
    std::map<std::string, int> counts;
    for (const auto& line : World::losses(reader, 2)) {
      INFO(line.dump());
      CHECK(line.at("reason") == "queue-deleted");
      counts[line.at("who").get<std::string>()] = line.at("count").get<int>();
    }
    CHECK(counts == std::map<std::string, int>{{"brief", 1}, {"mine", 2}});
    CHECK(world.fixture.hub->metrics().find("laban_hub_lost_total{reason=\"queue-deleted\"} 3") != std::string::npos);
    world.fixture.restart();
    CHECK(world.fixture.hub->metrics().find("laban_hub_lost_total{reason=\"queue-deleted\"} 3") != std::string::npos);
  }
}

TEST_CASE("queues: an auto-delete queue goes with its last consumer, not before it had one (G199)") {
  World world;
  auto spec = named("fleeting");
  spec.auto_delete = true;
  world.declare(spec);
  RawClient one{world.fixture.hub->endpoint()};
  RawClient other{world.fixture.hub->endpoint()};
  REQUIRE(one.hello());
  REQUIRE(other.hello());
  CHECK(world.has_queue("fleeting"));
  world.consume(one, "fleeting", 1);
  world.consume(other, "fleeting", 1);
  REQUIRE(world.becomes("fleeting", "consumers", 2));
  one.say(codec::ClientMessage{codec::Cancel{1, ""}});
  REQUIRE(world.becomes("fleeting", "consumers", 1));
  CHECK(world.has_queue("fleeting"));
  other.say(codec::ClientMessage{codec::Bye{}});
  CHECK(eventually(10s, [&] { return !world.has_queue("fleeting"); }));
}

TEST_CASE("exchanges: an auto-delete exchange goes with its last binding, and stays gone after a restart (G199)") {
  World world;
  ExchangeSpec spec;
  spec.name = "brief";
  spec.auto_delete = true;
  REQUIRE_FALSE(world.client.ask({0, spec})->as<codec::Reply>().refused);
  const auto there = [&] {
    const auto answer = json::parse(world.fixture.hub->inspect("exchanges"));
    for (const auto& one : answer.at("exchanges")) {
      if (one.at("name") == "brief") return true;
    }
    return false;
  };
  CHECK(there());
  world.declare(named("q"), "#", "brief");
  REQUIRE_FALSE(world.client.ask({0, codec::Unbind{{"brief", "q", {}, "#", {}}}})->as<codec::Reply>().refused);
  CHECK_FALSE(there());
  world.fixture.crash_and_start();
  CHECK_FALSE(there());
}

TEST_CASE("queues: one that nobody uses for its time to live is deleted, one that has a consumer is not (G199)") {
  World world;
  auto spec = named("forgotten");
  spec.queue_ttl = 50ms;
  auto used = named("used");
  used.queue_ttl = 50ms;
  world.declare(used);
  world.consume(world.client, "used", 1);
  REQUIRE(world.becomes("used", "consumers", 1));
  world.declare(spec);
  CHECK(eventually(10s, [&] { return !world.has_queue("forgotten"); }));
  CHECK(world.has_queue("used"));
}

TEST_CASE("queues: of a single active consumer the others stand by, and the oldest takes over (G200)") {
  World world;
  auto spec = named("q");
  spec.single_active = true;
  world.declare(spec);
  RawClient first{world.fixture.hub->endpoint()};
  RawClient second{world.fixture.hub->endpoint()};
  REQUIRE(first.hello());
  REQUIRE(second.hello());
  world.consume(first, "q", 10);
  REQUIRE(world.becomes("q", "consumers", 1));
  world.consume(second, "q", 10);
  REQUIRE(world.becomes("q", "consumers", 2));
  world.publish({raw_event("a", "x", "k1"), raw_event("b", "x", "k2")});
  CHECK(ids(first.deliveries(2)) == Ids{"a", "b"});
  CHECK(second.deliveries(1, 100ms).empty());
  first.say(codec::ClientMessage{codec::Bye{}});
  const auto taken = second.deliveries(2);
  CHECK(ids(taken) == Ids{"a", "b"});
  for (const auto& message : taken) CHECK(message.redelivered);
}

TEST_CASE("queues: priority puts keys in order, within a key publish order stays (G82)") {
  World world;
  world.declare(named("q"));
  auto low = raw_event("low", "x", "a");
  auto high = raw_event("high", "x", "b");
  high.priority = 9;
  auto urgent_behind = raw_event("urgent, behind low", "x", "a");
  urgent_behind.priority = 200;
  world.publish({low, urgent_behind, high});
  world.consume(world.client, "q", 1);
  Ids seen;
  for (int i = 0; i < 3; ++i) {
    const auto one = world.client.deliveries(1);
    REQUIRE(one.size() == 1);
    seen.push_back(one[0].id);
    world.client.acknowledge(1, one);
  }
  CHECK(seen == Ids{"high", "low", "urgent, behind low"});
}

TEST_CASE("queues: a scheduled message comes when due, holds nobody before, and a crash does not forget it (G201)") {
  World world;
  world.declare(named("q"));
  auto later = raw_event("later", "x", "k");
  const auto due = std::chrono::system_clock::now() + 700ms;
  later.deliverytime = std::chrono::time_point_cast<std::chrono::nanoseconds>(due);
  world.publish({later, raw_event("now", "x", "k")});
  CHECK(world.queue("q").at("delayed") == 1);
  world.consume(world.client, "q", 10);
  const auto first = world.client.deliveries(1);
  REQUIRE(ids(first) == Ids{"now"});
  world.client.acknowledge(1, first);
  REQUIRE(world.becomes("q", "acknowledged", 1));
  world.fixture.crash_and_start();
  RawClient heir{world.fixture.hub->endpoint()};
  REQUIRE(heir.hello());
  world.consume(heir, "q", 10);
  CHECK(ids(heir.deliveries(1)) == Ids{"later"});
  CHECK(std::chrono::system_clock::now() >= due);
}

TEST_CASE("queues: renewing keeps a delivery, silence loses it to another (G81)") {
  World world;
  auto spec = named("q");
  spec.redelivery_timeout = 300ms;
  world.declare(spec);
  RawClient working{world.fixture.hub->endpoint()};
  RawClient idle{world.fixture.hub->endpoint()};
  REQUIRE(working.hello());
  REQUIRE(idle.hello());
  world.publish({raw_event("a", "x")});
  world.consume(working, "q", 1);
  const auto held = working.deliveries(1);
  REQUIRE(held.size() == 1);
  world.consume(idle, "q", 1);
  const auto until = std::chrono::steady_clock::now() + 900ms;
  while (std::chrono::steady_clock::now() < until) {
    world.settle(working, codec::Outcome::renew, held);
    CHECK(idle.deliveries(1, 50ms).empty());
  }
  const auto again = idle.deliveries(1);
  REQUIRE(again.size() == 1);
  CHECK(again[0].redelivered);
  CHECK(again[0].attempts == 1);
  world.client.acknowledge(1, held);
  world.settle(working, codec::Outcome::acknowledge, held);
  CHECK(eventually(10s, [&] {
    return world.fixture.hub->metrics().find("laban_hub_stale_settlements_total 0") == std::string::npos;
  }));
  CHECK(world.queue("q").at("acknowledged") == 0);
}

TEST_CASE(
    "queues: a full queue refuses the publish and says so, in messages and in bytes; acknowledging makes room (G202)") {
  World world;
  auto spec = named("q");
  spec.messages_max = 2;
  world.declare(spec, "few");
  auto small = named("small");
  small.bytes_max = 1'000;
  world.declare(small, "big");
  const auto runs = world.publish({raw_event("1", "few"), raw_event("2", "few"), raw_event("3", "few")});
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].count == 2);
  CHECK(runs[1].refused);
  CHECK(runs[1].code == codec::Refusal::queue_full);
  CHECK(runs[1].message.find("'q' is full") != std::string_view::npos);
  auto big = raw_event("big", "big");
  big.data.resize(2'000);
  const auto too_big = world.publish({big});
  REQUIRE(too_big.size() == 1);
  CHECK(too_big[0].refused);
  world.consume(world.client, "q", 1);
  const auto taken = world.client.deliveries(1);
  REQUIRE(taken.size() == 1);
  world.client.acknowledge(1, taken);
  REQUIRE(world.becomes("q", "acknowledged", 1));
  const auto room = world.publish({raw_event("4", "few")});
  REQUIRE(room.size() == 1);
  CHECK_FALSE(room[0].refused);
  CHECK(world.queue("q").at("lawHolds") == true);
}

TEST_CASE("queues: one settlement may speak for all deliveries up to a number (G43)") {
  World world;
  world.declare(named("q"));
  world.publish({raw_event("1", "x", "a"), raw_event("2", "x", "b"), raw_event("3", "x", "c")});
  world.consume(world.client, "q", 10);
  const auto taken = world.client.deliveries(3);
  REQUIRE(taken.size() == 3);
  codec::Settle settle;
  settle.consumer = 1;
  settle.up_to = taken[1].number;
  world.client.say(codec::ClientMessage{settle});
  CHECK(world.becomes("q", "acknowledged", 2));
  CHECK(world.queue("q").at("unacknowledged") == 1);
}

TEST_CASE("model: passive declares ask, and deleting, binding and unbinding twice is once (G47)") {
  World world;
  auto ask = named("q");
  ask.passive = true;
  CHECK(world.refused(world.client, {0, ask}, codec::Refusal::not_found));
  world.declare(named("q"));
  CHECK_FALSE(world.client.ask({0, ask})->as<codec::Reply>().refused);
  ExchangeSpec exchange;
  exchange.name = "e";
  exchange.passive = true;
  CHECK(world.refused(world.client, {0, exchange}, codec::Refusal::not_found));
  exchange.passive = false;
  const BindingSpec binding{"e", "q", {}, "x", {}};
  for (int i = 0; i < 2; ++i) {
    CHECK_FALSE(world.client.ask({0, exchange})->as<codec::Reply>().refused);
    CHECK_FALSE(world.client.ask({0, codec::Bind{binding}})->as<codec::Reply>().refused);
  }
  for (int i = 0; i < 2; ++i) {
    CHECK_FALSE(world.client.ask({0, codec::Unbind{binding}})->as<codec::Reply>().refused);
    CHECK_FALSE(world.client.ask({0, codec::DeleteQueue{"q"}})->as<codec::Reply>().refused);
    CHECK_FALSE(world.client.ask({0, codec::DeleteExchange{"e"}})->as<codec::Reply>().refused);
  }
  exchange.type = "fanout";
  CHECK_FALSE(world.client.ask({0, exchange})->as<codec::Reply>().refused);
  exchange.type = "direct";
  CHECK(world.refused(world.client, {0, exchange}, codec::Refusal::different));
}

TEST_CASE("metrics: on a hub that has done nothing every total of the contract is there, and 0 (G198)") {
  HubFixture fixture;
  const auto page = fixture.start().metrics();
  const auto has = [&](const std::string& line) { return page.find("\n" + line) != std::string::npos; };
  for (const auto* exchange : {"(default)", "amq.direct", "amq.fanout", "amq.headers", "amq.topic"}) {
    CHECK(has(std::string{"laban_hub_published_total{exchange=\""} + exchange + "\"} 0\n"));
    CHECK(has(std::string{"laban_hub_unroutable_total{exchange=\""} + exchange + "\"} 0\n"));
  }
  CHECK(has("laban_hub_confirmed_total 0\n"));
  for (const auto* name : {"enqueued", "acknowledged", "redelivered"}) {
    CHECK(has("laban_hub_" + std::string{name} + "_total{queue=\"laban.parking\"} 0\n"));
  }
  for (const auto* state : {"ready", "unacknowledged", "delayed", "parked"}) {
    CHECK(has("laban_hub_queue_messages{queue=\"laban.parking\",state=\"" + std::string{state} + "\"} 0\n"));
  }
  for (const auto reason : queue::all_park_reasons) {
    CHECK(has("laban_hub_parked_total{queue=\"laban.parking\",reason=\"" + std::string{name_of(reason)} + "\"} 0\n"));
  }
  for (const auto reason : queue::all_loss_reasons) {
    CHECK(has("laban_hub_lost_total{reason=\"" + std::string{name_of(reason)} + "\"} 0\n"));
  }
  CHECK(has("laban_hub_log_bytes "));
  CHECK(has("laban_hub_sync_seconds_count "));
}
