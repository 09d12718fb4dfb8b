// tests/unit/bus/hub/queue_fates_test.cpp - what becomes of messages that wait, fail, expire or find no room.
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

TEST_CASE("queues: with overflow park what is over the limit parks and can be put back (G202)") {
  World world;
  auto spec = named("q");
  spec.messages_max = 2;
  spec.overflow = "park";
  world.declare(spec);
  const auto runs = world.publish({raw_event("1", "x", "a"), raw_event("2", "x", "b"), raw_event("3", "x", "c")});
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].count == 3);
  CHECK(world.queue("q").at("parked") == 1);
  CHECK(world.queue("q").at("parkedMessages").at(0).at("reason") == "overflow");
  REQUIRE(world.client.ask({0, codec::Redrive{"q", false, 0}}));
  CHECK(world.queue("q").at("ready") == 3);
}

TEST_CASE("queues: back-off holds the key of what failed and lets the others go on (G82)") {
  World world;
  auto spec = named("q");
  spec.backoff = 400ms;
  spec.backoff_max = 400ms;
  world.declare(spec);
  world.publish({raw_event("a1", "x", "a"), raw_event("a2", "x", "a"), raw_event("b1", "x", "b")});
  world.consume(world.client, "q", 1);
  const auto first = world.client.deliveries(1);
  REQUIRE(ids(first) == Ids{"a1"});
  const auto failed_at = std::chrono::steady_clock::now();
  world.settle(world.client, codec::Outcome::fail, first);
  const auto other = world.client.deliveries(1);
  REQUIRE(ids(other) == Ids{"b1"});
  CHECK(world.queue("q").at("delayed") == 1);
  world.client.acknowledge(1, other);
  const auto again = world.client.deliveries(1);
  REQUIRE(ids(again) == Ids{"a1"});
  CHECK(std::chrono::steady_clock::now() - failed_at >= 399ms);
  CHECK(again[0].attempts == 1);
  world.client.acknowledge(1, again);
  CHECK(ids(world.client.deliveries(1)) == Ids{"a2"});
}

TEST_CASE("queues: what is given back with a delay keeps its key waiting, and no attempt is counted (G82)") {
  World world;
  world.declare(named("q"));
  world.publish({raw_event("a1", "x", "a"), raw_event("a2", "x", "a")});
  world.consume(world.client, "q", 10);
  const auto first = world.client.deliveries(1);
  REQUIRE(ids(first) == Ids{"a1"});
  world.settle(world.client, codec::Outcome::give_back, first, 300);
  CHECK(world.becomes("q", "delayed", 1));
  CHECK(world.client.deliveries(1, 50ms).empty());
  const auto again = world.client.deliveries(1);
  REQUIRE(ids(again) == Ids{"a1"});
  CHECK(again[0].attempts == 0);
}

TEST_CASE("queues: a parked message holds its key or releases it, as declared (G83)") {
  for (const bool holds : {true, false}) {
    CAPTURE(holds);
    World world;
    auto spec = named("q");
    spec.on_park = holds ? "hold" : "release";
    world.declare(spec);
    world.publish({raw_event("a1", "x", "a"), raw_event("a2", "x", "a"), raw_event("b1", "x", "b")});
    world.consume(world.client, "q", 1);
    const auto first = world.client.deliveries(1);
    world.settle(world.client, codec::Outcome::reject, first);
    REQUIRE(world.becomes("q", "parked", 1));
    const auto parked = world.queue("q").at("parkedMessages").at(0);
    CHECK(parked.at("reason") == "rejected");
    CHECK(parked.at("holdsKey") == holds);
    CHECK(parked.at("history").at(0).at("reason") == "as the test wants it");
    CHECK(parked.at("history").at(0).at("time").is_string());
    Ids next;
    for (int i = 0; i < (holds ? 1 : 2); ++i) {
      const auto one = world.client.deliveries(1);
      REQUIRE(one.size() == 1);
      next.push_back(one[0].id);
      world.client.acknowledge(1, one);
    }
    CHECK(next == (holds ? Ids{"b1"} : Ids{"a2", "b1"}));
    CHECK(world.client.deliveries(1, 50ms).empty());
    REQUIRE(world.client.ask({0, codec::Redrive{"q", false, 0}}));
    const auto back = world.client.deliveries(1);
    REQUIRE(ids(back) == Ids{"a1"});
    CHECK(back[0].redelivered);
    CHECK(back[0].attempts == 0);
  }
}

TEST_CASE("queues: what expires has a line on laban.lost, or goes to the dead-letter exchange (G203)") {
  World world;
  REQUIRE(world.client.declare_queue("losses", "#", "laban.lost"));
  auto plain = named("plain");
  plain.message_ttl = 50ms;
  world.declare(plain, "x");
  auto mortal = named("mortal");
  mortal.dead_letter_exchange = "amq.fanout";
  world.declare(mortal, "y");
  world.declare(named("graves"), "", "amq.fanout");
  auto own = raw_event("b", "y");
  own.expirytime = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now() + 50ms);
  world.publish({raw_event("a", "x"), own});
  CHECK(world.becomes("plain", "ledgered", 1));
  CHECK(world.becomes("mortal", "moved", 1));
  CHECK(world.becomes("graves", "ready", 1));
  const auto lost = world.losses(1);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].at("who") == "plain");
  CHECK(lost[0].at("reason") == "expired");
}

TEST_CASE("queues: a dead letter that no exchange takes stays at its source and parks (G204)") {
  World world;
  auto spec = named("q");
  spec.dead_letter_exchange = "nowhere";
  world.declare(spec, "x");
  auto blind = named("blind");
  blind.dead_letter_exchange = "amq.direct";
  blind.dead_letter_key = "no such binding";
  world.declare(blind, "y");
  world.publish({raw_event("a", "x"), raw_event("b", "y")});
  for (const auto* name : {"q", "blind"}) {
    CAPTURE(name);
    RawClient taker{world.fixture.hub->endpoint()};
    REQUIRE(taker.hello());
    world.consume(taker, name, 1);
    const auto taken = taker.deliveries(1);
    REQUIRE(taken.size() == 1);
    world.settle(taker, codec::Outcome::reject, taken);
    CHECK(world.becomes(name, "parked", 1));
    CHECK(world.queue(name).at("parkedMessages").at(0).at("reason") == "dead-letter-failed");
    CHECK(world.queue(name).at("moved") == 0);
  }
  // With the exchange there, putting it back gives it its way.
  ExchangeSpec nowhere;
  nowhere.name = "nowhere";
  nowhere.type = "fanout";
  REQUIRE_FALSE(world.client.ask({0, nowhere})->as<codec::Reply>().refused);
  world.declare(named("graves"), "", "nowhere");
  REQUIRE(world.client.ask({0, codec::Redrive{"q", false, 0}}));
  world.consume(world.client, "q", 1);
  const auto again = world.client.deliveries(1);
  REQUIRE(again.size() == 1);
  world.settle(world.client, codec::Outcome::reject, again);
  CHECK(world.becomes("graves", "ready", 1));
  CHECK(world.becomes("q", "moved", 1));
}

TEST_CASE("queues: dead letters that time alone drives round in a circle are cut, and parked (G204)") {
  World world;
  for (const auto& [name, other] : {std::pair{"ping", "pong"}, std::pair{"pong", "ping"}}) {
    auto spec = named(name);
    spec.message_ttl = 20ms;
    spec.dead_letter_exchange = "amq.direct";
    spec.dead_letter_key = other;
    world.declare(spec, name, "amq.direct");
  }
  world.publish({raw_event("round", "ping", {}, "amq.direct")});
  const auto sum = [&](const char* what) {
    return world.queue("ping").value(what, 0) + world.queue("pong").value(what, 0);
  };
  CHECK(eventually(10s, [&] { return sum("parked") + sum("ledgered") == 1; }));
  CHECK(sum("ready") + sum("delayed") == 0);
  CHECK(sum("moved") <= 2);
}
