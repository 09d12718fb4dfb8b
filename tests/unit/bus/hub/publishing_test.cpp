// tests/unit/bus/hub/publishing_test.cpp - confirms, duplicates, refusals, over a real socket.
#include <doctest/doctest.h>

#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;

TEST_CASE("publishing: a confirm tells offset, level and queues reached (G30)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p1"));
  REQUIRE(client.declare_queue("billing", "order.*"));

  const auto runs = client.publish(1, {raw_event("a", "order.placed"), raw_event("b", "order.paid")});

  REQUIRE(runs.size() == 1);
  CHECK(runs[0].first_sequence == 1);
  CHECK(runs[0].count == 2);
  CHECK(runs[0].first_offset == 1);
  CHECK(runs[0].level == Level::synced);
  CHECK(runs[0].queues == 1);
  CHECK_FALSE(runs[0].unroutable);
  CHECK_FALSE(runs[0].refused);
}

TEST_CASE("publishing: what no queue takes is parked and told (G31)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p1"));

  const auto runs = client.publish(1, {raw_event("a", "nobody.cares")});

  REQUIRE(runs.size() == 1);
  CHECK(runs[0].unroutable);
  CHECK(runs[0].queues == 0);
  client.say(codec::ClientMessage{codec::Consume{1, "laban.parking", 10}});
  const auto parked = client.deliveries(1);
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].id == "a");
}

TEST_CASE("publishing: a mandatory event that no queue takes is refused and not stored (G31)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  const auto welcome = client.hello("p1");
  REQUIRE(welcome);
  auto event = raw_event("a", "nobody.cares");
  event.mandatory = true;

  const auto runs = client.publish(1, {event});

  REQUIRE(runs.size() == 1);
  CHECK(runs[0].refused);
  CHECK(runs[0].code == codec::Refusal::unroutable);
  CHECK(runs[0].first_offset == 0);
}

TEST_CASE("publishing: a resent event is stored once, also after a restart of the hub (G32)") {
  HubFixture fixture;
  fixture.start();
  std::uint64_t offset = 0;
  {
    RawClient client{fixture.hub->endpoint()};
    REQUIRE(client.hello("incarnation"));
    const auto first = client.publish(1, {raw_event("a", "x"), raw_event("b", "x")});
    REQUIRE(first.size() == 1);
    offset = first[0].first_offset;
    const auto again = client.publish(1, {raw_event("a", "x"), raw_event("b", "x"), raw_event("c", "x")});
    REQUIRE(again.size() == 2);
    CHECK(again[0].duplicate);
    CHECK(again[0].count == 2);
    CHECK(again[0].first_offset == offset);
    CHECK_FALSE(again[1].duplicate);
    CHECK(again[1].first_offset == offset + 2);
  }
  for (const bool crash : {false, true}) {
    crash ? fixture.crash_and_start() : fixture.restart();
    RawClient client{fixture.hub->endpoint()};
    const auto welcome = client.hello("incarnation");
    REQUIRE(welcome);
    CHECK(welcome->as<codec::Welcome>().last_sequence == 3);
    const auto again = client.publish(3, {raw_event("c", "x")});
    REQUIRE(again.size() == 1);
    CHECK(again[0].duplicate);
    CHECK(welcome->as<codec::Welcome>().head == offset + 2);
  }
}

TEST_CASE("publishing: a producer that said goodbye is forgotten, and its resend is refused (G33)") {
  HubFixture fixture;
  fixture.start();
  {
    RawClient client{fixture.hub->endpoint()};
    REQUIRE(client.hello("incarnation"));
    REQUIRE(client.publish(1, {raw_event("a", "x"), raw_event("b", "x")}).size() == 1);
    client.say(codec::ClientMessage{codec::Bye{}});
    client.say(codec::ClientMessage{codec::Ping{}});
    const auto refused = client.hear<codec::Refused>();
    REQUIRE(refused);
    CHECK(refused->as<codec::Refused>().code == codec::Refusal::no_session);
  }
  RawClient client{fixture.hub->endpoint()};
  REQUIRE(client.hello("incarnation"));
  const auto runs = client.publish(2, {raw_event("b", "x")});
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].refused);
  CHECK(runs[0].code == codec::Refusal::unknown_producer);
}

TEST_CASE("publishing: a newer holder of a producer's name fences the older one (G33)") {
  HubFixture fixture;
  fixture.start();
  RawClient older{fixture.hub->endpoint()};
  RawClient newer{fixture.hub->endpoint()};
  REQUIRE(older.hello("outbox", true));
  REQUIRE(older.publish(1, {raw_event("a", "x")}).size() == 1);
  const auto welcome = newer.hello("outbox", true);
  REQUIRE(welcome);
  CHECK(welcome->as<codec::Welcome>().last_sequence == 1);
  const auto told = older.hear<codec::Refused>();
  REQUIRE(told);
  CHECK(told->as<codec::Refused>().code == codec::Refusal::fenced);

  const auto late = older.publish(2, {raw_event("b", "x")});
  REQUIRE(late.size() == 1);
  CHECK(late[0].code == codec::Refusal::fenced);
  const auto fresh = newer.publish(2, {raw_event("b", "x")});
  REQUIRE(fresh.size() == 1);
  CHECK_FALSE(fresh[0].refused);
}

TEST_CASE("publishing: a refused sequence is never confirmed as stored later, also not after a restart (G34)") {
  HubFixture fixture;
  fixture.start();
  auto event = raw_event("b", "nobody");
  event.mandatory = true;
  {
    RawClient client{fixture.hub->endpoint()};
    REQUIRE(client.hello("outbox", true));
    const auto runs = client.publish(1, {raw_event("a", "x"), event, raw_event("c", "x")});
    REQUIRE(runs.size() == 3);
    CHECK_FALSE(runs[0].refused);
    CHECK(runs[1].refused);
    CHECK_FALSE(runs[2].refused);
  }
  fixture.crash_and_start();
  RawClient client{fixture.hub->endpoint()};
  REQUIRE(client.hello("outbox", true));
  const auto runs = client.publish(2, {event});
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].refused);
  CHECK_FALSE(runs[0].duplicate);
}

TEST_CASE("publishing: an atomic frame is stored whole or not at all (G35)") {
  HubFixture fixture;
  fixture.options.ledger_every = 1h;  // whose lines would take offsets
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  auto bad = raw_event("b", "nobody");
  bad.mandatory = true;
  const auto none = client.publish(1, {raw_event("a", "x"), bad, raw_event("c", "x")}, Level::synced, true);
  std::size_t refused = 0;
  for (const auto& run : none) refused += run.refused ? run.count : 0;
  CHECK(refused == 3);
  const auto all = client.publish(4, {raw_event("d", "x"), raw_event("e", "x")}, Level::synced, true);
  REQUIRE(all.size() == 1);
  CHECK(all[0].count == 2);
  CHECK(all[0].first_offset == 1);
}

TEST_CASE("publishing: an atomic frame that does not fit whole into a queue is refused whole (G35)") {
  HubFixture fixture;
  fixture.options.ledger_every = 1h;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  QueueSpec queue;
  queue.name = "narrow";
  queue.messages_max = 3;
  REQUIRE(client.ask({0, queue}));
  BindingSpec binding;
  binding.exchange = "amq.topic";
  binding.queue = "narrow";
  binding.pattern = "#";
  REQUIRE(client.ask({0, codec::Bind{binding}}));
  const auto four = client.publish(1, std::vector<NewEvent>(4, raw_event("a", "x")), Level::synced, true);
  std::size_t refused = 0;
  for (const auto& run : four) refused += run.refused ? run.count : 0;
  CHECK(refused == 4);
  CHECK(four[0].code == codec::Refusal::queue_full);
  const auto three = client.publish(5, std::vector<NewEvent>(3, raw_event("b", "x")), Level::synced, true);
  REQUIRE(three.size() == 1);
  CAPTURE(three[0].message);
  CHECK_FALSE(three[0].refused);
  CHECK(three[0].count == 3);
  CHECK(three[0].first_offset == 1);
}

TEST_CASE("publishing: an anonymous producer that was silent for too long is forgotten, and its resend refused (G33)") {
  HubFixture fixture;
  fixture.options.limits.producer_memory = std::chrono::hours{0};
  fixture.start();
  {
    RawClient client{fixture.hub->endpoint()};
    REQUIRE(client.hello("incarnation"));
    REQUIRE(client.publish(1, {raw_event("a", "x"), raw_event("b", "x")}).size() == 1);
    RawClient named{fixture.hub->endpoint()};
    REQUIRE(named.hello("outbox", true));
    REQUIRE(named.publish(1, {raw_event("c", "x")}).size() == 1);
  }  // gone without a word
  REQUIRE(
      eventually(60s, [&] { return fixture.hub->inspect("status").find("\"producers\":1,") != std::string::npos; }));
  RawClient late{fixture.hub->endpoint()};
  const auto welcome = late.hello("incarnation");
  REQUIRE(welcome);
  CHECK(welcome->as<codec::Welcome>().last_sequence == 0);
  const auto runs = late.publish(2, {raw_event("b", "x")});
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].refused);
  CHECK(runs[0].code == codec::Refusal::unknown_producer);
  RawClient named{fixture.hub->endpoint()};
  const auto known = named.hello("outbox", true);
  REQUIRE(known);
  CHECK(known->as<codec::Welcome>().last_sequence == 1);
}

TEST_CASE("publishing: an address that makes no sense is refused with what to do") {
  HubFixture fixture;
  fixture.options.ledger_every = 1h;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  const auto unknown = client.publish(1, {raw_event("a", "x", {}, "no.such.exchange")});
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].code == codec::Refusal::invalid_address);
  CHECK(unknown[0].message.find("no.such.exchange") != std::string_view::npos);
  const auto longest = client.publish(2, {raw_event("a", std::string(256, 'k'))});
  REQUIRE(longest.size() == 1);
  CHECK(longest[0].code == codec::Refusal::invalid_address);
  const auto forged = client.publish(3, {raw_event("a", "x", {}, "laban.lost")});
  REQUIRE(forged.size() == 1);
  CHECK(forged[0].code == codec::Refusal::denied);
  const auto good = client.publish(4, {raw_event("a", "x")});
  REQUIRE(good.size() == 1);
  CHECK(good[0].first_offset == 1);
}

TEST_CASE("publishing: without a sync a confirm reaches written at most (G36)") {
  HubFixture fixture;
  fixture.options.sync = SyncMode::off;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  const auto synced = client.publish(1, {raw_event("a", "x")});
  REQUIRE(synced.size() == 1);
  CHECK(synced[0].level == Level::written);
  const auto accepted = client.publish(2, {raw_event("b", "x")}, Level::accepted);
  REQUIRE(accepted.size() == 1);
  CHECK(accepted[0].level == Level::accepted);
  CHECK(accepted[0].first_offset == 2);
}

TEST_CASE("publishing: the level asked for is the level told where the log syncs") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  const auto written = client.publish(1, {raw_event("a", "x")}, Level::written);
  REQUIRE(written.size() == 1);
  CHECK(written[0].level == Level::written);
  const auto accepted = client.publish(2, {raw_event("b", "x")}, Level::accepted);
  REQUIRE(accepted.size() == 1);
  CHECK(accepted[0].level == Level::accepted);
  const auto synced = client.publish(3, {raw_event("c", "x")});
  REQUIRE(synced.size() == 1);
  CHECK(synced[0].level == Level::synced);
  CHECK(synced[0].first_offset == 3);
}
