// tests/system/client/client_test.cpp - the client through everything that can happen to a hub.
#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "shop/order_fulfilment.capnp.h"
#include "tests/support/eventually.hpp"
#include "tests/support/seed.hpp"
#include "tests/system/client/fake_hub.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

constexpr auto limit = 60s;

BusOptions options(const FakeHub& hub, std::string service = "order") {
  BusOptions result;
  result.service = std::move(service);
  result.hub.endpoint = hub.endpoint();
  result.linger = 100ms;
  return result;
}

NewEvent event(std::string type, std::string instance = "i") {
  NewEvent result;
  result.type = std::move(type);
  result.correlationid = std::move(instance);
  return result;
}

std::vector<std::string> ids_in(const FakeLog& log) {
  std::vector<std::string> ids;
  for (const auto& stored : log.events) {
    EventFields fields;
    REQUIRE(codec::read_envelope(stored.envelope, fields));
    ids.emplace_back(fields.id);
  }
  return ids;
}

}  // namespace

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

TEST_CASE("client: run() ends on stop, gives back what it did not handle, and says goodbye") {
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

TEST_CASE("subscriber: live events come in order, and an earlier start is replayed first") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub)};
  for (int i = 0; i < 500; ++i) bus.publish(event("old.happened"));
  REQUIRE(bus.flush(limit));
  Subscriber reader{{"reader", {hub.endpoint(), "", ""}}};
  std::vector<std::uint64_t> seen;
  SubscriptionOptions from_first;
  from_first.from = SubscriptionOptions::From::first;
  reader.subscribe(from_first, [&](const Event& received) { seen.push_back(received.offset()); });
  REQUIRE(reader.wait_until_ready(limit));
  for (int i = 0; i < 500; ++i) bus.publish(event("new.happened"));
  CHECK(eventually(limit, [&] {
    reader.poll(10ms);
    return seen.size() == 1000;
  }));
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.front() == 1);
  CHECK(seen.back() == 1000);
  CHECK(eventually(limit, [&] {
    reader.poll(10ms);
    return reader.progress().position == 1000 && reader.progress().head == 1000;
  }));
  CHECK(reader.progress().log_id == 77);
}

TEST_CASE("subscriber: two thirds of live batches lost, and hub restarts, still give each event once in order (G54)") {
  LABAN_SEED(seed);
  auto log = std::make_shared<FakeLog>();
  auto hub = std::make_unique<FakeHub>(log);
  const std::string endpoint = hub->endpoint();
  hub->faults.drop_live_percent = 66;
  Bus bus{options(*hub)};
  Subscriber reader{{"reader", {endpoint, "", ""}}};
  std::vector<std::uint64_t> seen;
  SubscriptionOptions filtered;
  filtered.patterns = {"a.#", "a.b"};  // overlapping
  reader.subscribe(filtered, [&](const Event& received) { seen.push_back(received.offset()); });
  REQUIRE(reader.wait_until_ready(limit));
  std::vector<std::uint64_t> expected;
  std::uint64_t offset = 0;
  for (int restart = 0; restart < 3; ++restart) {
    for (int i = 0; i < 300; ++i) {
      const bool wanted = (seed + i) % 3 != 0;
      bus.publish(event(wanted ? "a.b" : "c.d"));
      ++offset;
      if (wanted) expected.push_back(offset);
      if (i % 20 == 0) reader.poll(1ms);
    }
    REQUIRE(bus.flush(limit));
    hub->stop();
    hub = std::make_unique<FakeHub>(log, endpoint);
    hub->faults.drop_live_percent = 66;
  }
  CHECK(eventually(limit, [&] {
    reader.poll(10ms);
    return seen.size() >= expected.size();
  }));
  CHECK(seen == expected);
}

TEST_CASE("subscriber: what retention took is told as a miss (G55)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub)};
  for (int i = 0; i < 20; ++i) bus.publish(event("a.happened"));
  REQUIRE(bus.flush(limit));
  hub.with_log([](FakeLog& all) { all.first = 11; });
  Subscriber reader{{"reader", {hub.endpoint(), "", ""}}};
  std::vector<std::uint64_t> seen;
  std::vector<Miss> misses;
  reader.on_miss([&](const Miss& miss) { misses.push_back(miss); });
  SubscriptionOptions from_offset;
  from_offset.from = SubscriptionOptions::From::offset;
  from_offset.offset = 5;
  reader.subscribe(from_offset, [&](const Event& received) { seen.push_back(received.offset()); });
  CHECK(eventually(limit, [&] {
    reader.poll(10ms);
    return seen.size() == 10;
  }));
  REQUIRE(misses.size() == 1);
  CHECK((misses[0].from == 5 && misses[0].to == 10 && misses[0].reason == "retention"));
  CHECK(reader.stats().lost == 6);
}

TEST_CASE("subscriber: a slow reader spills to replay and loses nothing (G59)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Bus bus{options(hub)};
  Subscriber reader{{"reader", {hub.endpoint(), "", ""}}};
  std::vector<std::uint64_t> seen;
  SubscriptionOptions small;
  small.buffer_events = 16;
  reader.subscribe(small, [&](const Event& received) { seen.push_back(received.offset()); });
  REQUIRE(reader.wait_until_ready(limit));
  for (int i = 0; i < 2000; ++i) {
    bus.publish(event("a.happened"));
    if (i % 100 == 0) bus.flush(limit);
  }
  REQUIRE(bus.flush(limit));
  CHECK(eventually(limit, [&] {
    reader.poll(10ms);
    return seen.size() >= 2000;
  }));
  REQUIRE(seen.size() == 2000);
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i + 1);
  CHECK(reader.stats().dropped == 0);
}

TEST_CASE("subscriber: the other overflow policies drop what they say, count it and tell it (G59)") {
  for (const Overflow policy : {Overflow::drop_oldest, Overflow::drop_newest, Overflow::disconnect}) {
    CAPTURE(static_cast<int>(policy));
    auto log = std::make_shared<FakeLog>();
    FakeHub hub{log};
    Bus bus{options(hub)};
    Subscriber reader{{"reader", {hub.endpoint(), "", ""}}};
    std::vector<std::uint64_t> seen;
    std::vector<Miss> misses;
    SubscriptionOptions small;
    small.buffer_events = 10;
    small.overflow = policy;
    reader.on_miss([&](const Miss& miss) { misses.push_back(miss); });
    reader.subscribe(small, [&](const Event& received) { seen.push_back(received.offset()); });
    REQUIRE(reader.wait_until_ready(limit));
    std::uint64_t published = 0;
    for (; published < 100; ++published) bus.publish_and_wait(event("a.happened"));
    if (policy == Overflow::disconnect) {
      CHECK_THROWS_AS(eventually(limit, [&] { return reader.poll(10ms) == 99999; }), Error);
      continue;
    }
    // One more that both policies keep: there is room again.
    REQUIRE(eventually(limit, [&] {
      reader.poll(10ms);
      return reader.progress().position >= published;
    }));
    const std::uint64_t dropped = reader.stats().dropped;
    CHECK(dropped > 0);
    CHECK(seen.size() + dropped == published);
    std::uint64_t told = 0;
    for (const auto& miss : misses) told += miss.to - miss.from + 1;
    CHECK(told == dropped);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    CHECK(seen.front() == (policy == Overflow::drop_newest ? 1 : dropped + 1));
  }
}

TEST_CASE("subscriber: a refused pattern is an error with the hub's words (G57)") {
  auto log = std::make_shared<FakeLog>();
  FakeHub hub{log};
  Subscriber reader{{"reader", {hub.endpoint(), "", ""}}};
  SubscriptionOptions bad;
  bad.patterns = {"bad..pattern"};
  reader.subscribe(bad, [](const Event&) {});
  CHECK_THROWS_WITH_AS(reader.wait_until_ready(limit), "bad..pattern is no pattern: write words", Error);
}

TEST_CASE("subscriber: another log than before is an error, since offsets would mean something else (G57)") {
  auto log = std::make_shared<FakeLog>();
  auto hub = std::make_unique<FakeHub>(log);
  const std::string endpoint = hub->endpoint();
  Subscriber reader{{"reader", {endpoint, "", ""}}};
  reader.subscribe({}, [](const Event&) {});
  REQUIRE(reader.wait_until_ready(limit));
  hub->stop();
  auto other = std::make_shared<FakeLog>();
  other->id = 78;
  hub = std::make_unique<FakeHub>(other, endpoint);
  CHECK_THROWS_AS(eventually(limit, [&] { return reader.poll(10ms) == 99; }), Error);
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
