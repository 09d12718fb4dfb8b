// tests/system/client/client_test.cpp - the client through everything that can happen to a hub.
#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>

#include "laban/model.hpp"
#include "shop/order_fulfilment.capnp.h"
#include "tests/support/eventually.hpp"
#include "tests/support/seed.hpp"
#include "tests/system/client/at_fake_hub.hpp"

using namespace laban;
using namespace laban::test;

TEST_CASE("client: a published event is confirmed with offset and level") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub)};
  const Confirm confirm = bus.publish_and_wait(event("order.placed"));
  CHECK(confirm.offset == 1);
  CHECK(confirm.level == Level::synced);
  CHECK_FALSE(confirm.refused);
  const auto envelope = hub.with_log([](FakeLog& all) { return codec::Frame{all.events.at(0).envelope}; });
  EventFields fields;
  REQUIRE(codec::read_envelope(envelope.bytes(), fields));
  CHECK(fields.source == "order");
  CHECK(fields.exchange == "amq.topic");
  CHECK(fields.routingkey == "order.placed");
  CHECK(fields.sequence == 1);
  CHECK(fields.id == confirm.id);
  CHECK(fields.time != Timestamp{});
  CHECK(bus.connected());
}

TEST_CASE("client: what was published before the hub was there is stored once it is (G53)") {
  auto log = std::make_shared<FakeLog>();
  std::string endpoint;
  {
    FakeHub reserves_a_port{log};
    endpoint = reserves_a_port.endpoint();
  }
  BusOptions early;
  early.service = "order";
  early.hub.endpoint = endpoint;
  Bus bus{early};
  for (int i = 0; i < 100; ++i) bus.publish(event("order.placed"));
  CHECK_FALSE(bus.connected());
  CHECK_FALSE(bus.flush(50ms));
  FakeHub hub{log, endpoint};
  CHECK(bus.flush(limit));
  CHECK(hub.stored() == 100);
}

TEST_CASE("client: hub restarts in the middle of publishing lose nothing and store nothing twice (G53)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  auto log = std::make_shared<FakeLog>();
  auto hub = std::make_unique<FakeHub>(log);
  const std::string endpoint = hub->endpoint();
  Bus bus{options(*hub)};
  std::vector<std::string> published;
  std::map<std::string, int> confirmed;
  bus.on_confirm([&](const Confirm& confirm) { ++confirmed[confirm.id]; });
  for (int restart = 0; restart < 6; ++restart) {
    if (restart % 2 == 0) REQUIRE(bus.wait_until_connected(limit));
    for (std::uint64_t count = 200 + random() % 800; count > 0; --count)
      published.push_back(bus.publish(event("x.happened")));
    if (random() % 2 == 0) hub->faults.drop_confirms = true;
    if (random() % 2 == 0) bus.flush(20ms);
    hub->stop();
    hub = std::make_unique<FakeHub>(log, endpoint);
  }
  CHECK(bus.flush(limit));
  CHECK(hub->with_log([](FakeLog& all) { return ids_in(all); }) == published);
  CHECK(confirmed.size() == published.size());
  CHECK(std::all_of(confirmed.begin(), confirmed.end(), [](const auto& entry) { return entry.second == 1; }));
  CHECK(bus.stats().reconnects > 0);
  CHECK(bus.stats().unconfirmed == 0);
}

TEST_CASE("client: a hub that falls silent is greeted again, and what it missed comes again (G53)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub)};
  CHECK(bus.publish_and_wait(event("a.happened")).offset == 1);
  hub.faults.mute = true;
  bus.publish(event("b.happened"));
  CHECK(eventually(limit, [&] { return !bus.connected(); }));
  hub.faults.mute = false;
  CHECK(bus.flush(limit));
  CHECK(hub.stored() == 2);
  CHECK(hub.hellos() >= 2);
}

TEST_CASE("client: a full window says would-block, and blocks publish() until there is room (G56)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  hub.faults.drop_publishes = true;
  BusOptions small = options(hub);
  small.window_events = 10;
  Bus bus{small};
  for (int i = 0; i < 10; ++i) CHECK(bus.try_publish(event("x.happened")));
  CHECK_FALSE(bus.try_publish(event("x.happened")));
  std::atomic<bool> done = false;
  std::thread blocked{[&] {
    bus.publish(event("y.happened"));
    done = true;
  }};
  CHECK_FALSE(done);
  hub.faults.drop_publishes = false;
  hub.faults.mute = true;  // the session dies, and the next one gets it all
  CHECK(eventually(limit, [&] { return !bus.connected(); }));
  hub.faults.mute = false;
  blocked.join();
  CHECK(bus.flush(limit));
  CHECK(hub.stored() == 11);
}

TEST_CASE("client: a refused event is counted and told, and does not stop the others") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub)};
  hub.faults.refuse_storage = true;
  const Confirm refused = bus.publish_and_wait(event("x.happened"));
  CHECK(refused.refused);
  CHECK(refused.temporary);
  CHECK(refused.reason == "the disk is full: free some");
  hub.faults.refuse_storage = false;
  CHECK_FALSE(bus.publish_and_wait(event("y.happened")).refused);
  CHECK(bus.stats().refused == 1);
}

TEST_CASE("client: a hub of another wire version is an error with the hub's own words (G57)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  hub.faults.refuse_wire = true;
  const char* text = "this hub speaks wire version 9: use its release";
  Bus bus{options(hub)};
  CHECK_THROWS_WITH_AS(bus.wait_until_connected(limit), text, Error);
  CHECK_THROWS_WITH_AS(bus.publish(event("x.happened")), text, Error);
  CHECK_THROWS_WITH_AS(bus.poll(0ms), text, Error);
  CHECK_THROWS_WITH_AS(bus.run({}), text, Error);
  Model model{{hub.endpoint(), "", ""}, 5s};
  CHECK_THROWS_WITH_AS(model.inspect("queues"), text, Error);
}

TEST_CASE("client: frames that do not decode are counted and change nothing (G52)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  hub.faults.garbage = true;
  Bus bus{options(hub)};
  CHECK(bus.publish_and_wait(event("x.happened")).offset == 1);
  CHECK(bus.stats().malformed >= 2);
}

TEST_CASE("client: misuse is refused with what to do") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  CHECK_THROWS_AS(Bus{BusOptions{}}, Error);
  Bus bus{options(hub)};
  CHECK_THROWS_AS(bus.publish(NewEvent{}), Error);
  NewEvent long_key = event("x");
  long_key.routingkey = std::string(300, 'k');
  CHECK_THROWS_WITH_AS(bus.publish(long_key), "routingkey has 300 bytes: use at most 255", Error);
  bus.on("a.happened", [](const Event&) {});
  CHECK_THROWS_AS(bus.on("a.happened", [](const Event&) {}), Error);
  bus.poll(0ms);
  CHECK_THROWS_AS(bus.on("late.happened", [](const Event&) {}), Error);
  SubscriptionOptions nothing;
  nothing.patterns.clear();
  CHECK_THROWS_AS(bus.subscribe(nothing, [](const Event&) {}), Error);
}

TEST_CASE("client: with no hub, waiting calls say so in time") {
  BusOptions nowhere;
  nowhere.service = "order";
  nowhere.hub.endpoint = "tcp://127.0.0.1:1";
  nowhere.linger = 0ms;
  Bus bus{nowhere};
  CHECK_FALSE(bus.wait_until_connected(50ms));
  CHECK_THROWS_AS(bus.publish_and_wait(event("x.happened"), 50ms), Error);
  Model model{nowhere.hub, 50ms};
  CHECK_THROWS_WITH_AS(
      model.inspect("queues"),
      "no hub answers at tcp://127.0.0.1:1: start one with `laban hub`, or give its address with --hub "
      "or LABAN_HUB",
      Error);
}

TEST_CASE("client: a service's queue is declared and bound, and its events come to their handlers") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus payment{options(hub, "payment")};
  std::vector<std::string> seen;
  payment.on<shop::OrderPlaced>([&](shop::OrderPlaced::Reader placed, const Event& cause) {
    seen.push_back(placed.getOrderId().cStr());
    Fact<shop::PaymentTaken> taken{cause};
    taken->setOrderId(placed.getOrderId());
    payment.publish(taken);
  });
  REQUIRE(payment.wait_until_ready(limit));
  Bus order{options(hub, "order")};
  for (int i = 0; i < 5; ++i) {
    Fact<shop::OrderPlaced> placed{"order-" + std::to_string(i)};
    placed->setOrderId(std::to_string(i));
    order.publish(placed);
  }
  CHECK(eventually(limit, [&] {
    payment.poll(10ms);
    return hub.settled().size() == 5;
  }));
  CHECK(seen == std::vector<std::string>{"0", "1", "2", "3", "4"});
  CHECK(hub.stored() == 10);
  const auto envelope = hub.with_log([](FakeLog& all) { return codec::Frame{all.events.at(5).envelope}; });
  EventFields fields;
  REQUIRE(codec::read_envelope(envelope.bytes(), fields));
  CHECK(fields.type == "payment.taken");
  CHECK(fields.correlationid == "order-0");
  CHECK(payment.stats().handled == 5);
}

TEST_CASE("client: an acknowledgement never overtakes what its handler published (G58)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus service{options(hub, "service")};
  service.on("a.happened", [&](const Event&) { service.publish(event("b.happened")); });
  REQUIRE(service.wait_until_ready(limit));
  Bus other{options(hub, "other")};
  std::size_t acknowledged = 0;
  for (int round = 0; round < 50; ++round) {
    other.publish_and_wait(event("a.happened", std::to_string(round)));
    REQUIRE(eventually(limit, [&] {
      service.poll(10ms);
      return hub.settled().size() == acknowledged + 1;
    }));
    ++acknowledged;
  }
  // Each settle has had the publish of its handler before it.
  int ahead = 0;
  for (const auto& kind : hub.order()) {
    if (kind == "publish") ++ahead;
    if (kind == "settle") CHECK((ahead -= 2) >= 0);
  }
}

TEST_CASE("client: a handler that throws gives its event back with the reason; what cannot be understood is rejected") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub, "service")};
  int tries = 0;
  bus.on("a.happened", [&](const Event&) {
    if (++tries < 3) throw std::runtime_error("out of paper");
  });
  bus.on<shop::OrderPlaced>([](auto, const Event&) { FAIL("a JSON payload is no OrderPlaced"); });
  REQUIRE(bus.wait_until_ready(limit));
  bus.publish(event("a.happened", "1"));
  NewEvent foreign = event("order.placed", "2");
  foreign.datacontenttype = json_content_type;
  foreign.data = {std::byte{'{'}, std::byte{'}'}};
  bus.publish(foreign);
  CHECK(eventually(limit, [&] {
    bus.poll(10ms);
    return hub.settled().size() == 4;
  }));
  const auto settled = hub.settled();
  CHECK(std::count(settled.begin(), settled.end(), "fail 1 out of paper") == 2);
  CHECK(std::count(settled.begin(), settled.end(), "ack 1") == 1);
  CHECK(std::any_of(settled.begin(), settled.end(), [](const auto& line) { return line.rfind("reject 2 ", 0) == 0; }));
  CHECK(bus.stats().failed == 3);
}

TEST_CASE("client: before_acknowledge runs before a batch is acknowledged, and what it throws keeps the batch (G58)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub, "service")};
  int handled = 0, commits = 0;
  bool disk_is_full = true;
  bus.on("#", [&](const Event&) { ++handled; });
  bus.before_acknowledge([&] {
    CHECK(hub.settled().empty());
    ++commits;
    if (disk_is_full) throw Error(Errc::storage, "disk full: free some");
  });
  REQUIRE(bus.wait_until_ready(limit));
  bus.publish_and_wait(event("a.happened", "1"));
  CHECK_THROWS_AS(eventually(limit, [&] { return bus.poll(10ms) == 99; }), Error);
  CHECK(handled == 1);
  CHECK(eventually(limit, [&] { return hub.settled().size() == 1; }));
  CHECK(hub.settled()[0] == "back 1");
}

TEST_CASE("client: run() ends on stop, gives back what it did not handle, and says goodbye (G64)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  {
    Bus bus{options(hub, "service")};
    std::stop_source stop;
    bus.on("#", [&](const Event& seen) {
      if (seen.offset() == 3) stop.request_stop();
    });
    REQUIRE(bus.wait_until_ready(limit));
    Bus other{options(hub, "other")};
    for (int i = 0; i < 10; ++i) other.publish(event("a.happened", std::to_string(i)));
    REQUIRE(other.flush(limit));
    bus.run(stop.get_token());
    CHECK(eventually(limit, [&] { return hub.settled().size() >= 3; }));
    const auto settled = hub.settled();
    CHECK(settled[0] == "ack 1");
    CHECK(settled[2] == "ack 3");
    for (std::size_t i = 3; i < settled.size(); ++i) CHECK(settled[i].rfind("back ", 0) == 0);
  }
  CHECK(eventually(limit, [&] { return hub.order().back() == "bye"; }));
}

TEST_CASE("client: deliveries of a hub that died are not settled with the next one, they come again") {
  auto log = std::make_shared<FakeLog>();
  auto hub = std::make_unique<FakeHub>(log);
  const std::string endpoint = hub->endpoint();
  Bus bus{options(*hub, "service")};
  int handled = 0;
  bus.on("a.happened", [&](const Event&) { ++handled; });
  REQUIRE(bus.wait_until_ready(limit));
  bus.publish_and_wait(event("a.happened", "1"));
  REQUIRE(eventually(limit, [&] { return bus.poll(10ms) == 1; }));
  hub->stop();
  hub = std::make_unique<FakeHub>(log, endpoint);
  // The new one has no queue any more: the client declares and binds it again.
  REQUIRE(eventually(limit, [&] { return bus.connected(); }));
  bus.poll(100ms);
  bus.publish(event("a.happened", "2"));
  CHECK(eventually(limit, [&] {
    bus.poll(10ms);
    return handled >= 2;
  }));
}

TEST_CASE("model: questions are answered, refusals are errors with the hub's words") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Model model{{hub.endpoint(), "", ""}, 10s};
  CHECK(model.inspect("queues") == R"({"asked":"asked"})");
  CHECK_THROWS_WITH_AS(model.inspect("nonsense"), "nothing to inspect is called nonsense: try queues", Error);
  QueueSpec queue;
  queue.name = "q";
  model.declare(queue);
}
