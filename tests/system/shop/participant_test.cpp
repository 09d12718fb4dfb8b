// tests/system/shop/participant_test.cpp - inbox and outbox against a real hub: once, in order, through crashes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "laban/error.hpp"
#include "laban/patterns/participant.hpp"
#include "shop/order_fulfilment.capnp.h"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_log.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::chrono_literals;
using namespace laban;
using patterns::Participant;
using patterns::ParticipantOptions;
using patterns::Transaction;
using test::eventually;
using test::HubProcess;
using test::read_hub_log;
using test::TemporaryDirectory;

namespace {

constexpr auto patience = 30s;

ParticipantOptions options_for(const HubProcess& hub, const std::string& service) {
  ParticipantOptions options;
  options.bus.service = service;
  options.bus.hub.endpoint = hub.endpoint();
  options.database = hub / (service + ".db");
  options.tables = "CREATE TABLE IF NOT EXISTS effects(number INTEGER PRIMARY KEY, instance TEXT NOT NULL)";
  return options;
}

BusOptions plain(const HubProcess& hub, const std::string& service) {
  BusOptions options;
  options.service = service;
  options.hub.endpoint = hub.endpoint();
  return options;
}

// Notes the event's instance down and announces a payment for it.
void react(const Event& cause, Transaction& tx) {
  tx.run("INSERT INTO effects(instance) VALUES (?)", cause.correlationid());
  Fact<shop::PaymentTaken> taken{cause};
  taken->setOrderId(std::string{cause.correlationid()});
  tx.publish(taken);
}

NewEvent order(const std::string& instance) {
  Fact<shop::OrderPlaced> placed{std::string_view{instance}};
  placed->setOrderId(instance);
  auto event = placed.event();
  event.id = "id of " + instance;
  return event;
}

// Has waiting events and facts dealt with until the condition holds.
template <class Condition>
bool drive(Participant& participant, Condition condition) {
  return eventually(patience, [&] {
    participant.poll(10ms);
    return condition();
  });
}

int effects(Participant& participant) {
  return participant.database().first<int>("SELECT count(*) FROM effects").value_or(-1);
}

std::int64_t said(const HubProcess& hub, std::string_view type) {
  const auto log = read_hub_log(hub.endpoint(), patience);
  return std::count_if(log.begin(), log.end(), [&](const test::LoggedEvent& event) { return event.type == type; });
}

}  // namespace

TEST_CASE("participant: an event that comes again has its effect once (G151)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  Participant service{options_for(hub, "payment")};
  service.on<shop::OrderPlaced>([](auto, const Event& cause, Transaction& tx) { react(cause, tx); });
  REQUIRE(service.wait_until_ready(patience));

  // Two publishers that say the same event: to the hub two events, to the inbox one.
  for (int i = 0; i < 2; ++i) {
    auto event = order("a");
    event.source = "order";
    Bus publisher{plain(hub, "order")};
    publisher.publish_and_wait(event, patience);
  }
  CHECK(drive(service, [&] { return service.stats().handled + service.stats().duplicates == 2; }));
  CHECK(service.stats().duplicates == 1);
  CHECK(effects(service) == 1);
  REQUIRE(service.flush(patience));
  CHECK(said(hub, "payment.taken") == 1);
  CHECK(said(hub, "order.placed") == 2);
}

TEST_CASE(
    "participant: a handler that throws undoes its effects and publishes alone, and its event comes again (G154)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  Participant service{options_for(hub, "payment")};
  bool thrown = false;
  service.on<shop::OrderPlaced>([&](auto, const Event& cause, Transaction& tx) {
    react(cause, tx);
    if (cause.correlationid() == "b" && !std::exchange(thrown, true)) throw std::runtime_error("not today");
  });
  REQUIRE(service.wait_until_ready(patience));
  Bus publisher{plain(hub, "order")};
  for (const char* instance : {"a", "b", "c"}) publisher.publish_and_wait(order(instance), patience);
  CHECK(drive(service, [&] { return service.stats().handled == 3; }));
  CHECK(thrown);
  CHECK(service.stats().failed == 1);
  CHECK(effects(service) == 3);
  REQUIRE(service.flush(patience));
  CHECK(said(hub, "payment.taken") == 3);
}

TEST_CASE("participant: events that wait are one transaction with one sync (G155)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  Participant service{options_for(hub, "payment")};
  service.on<shop::OrderPlaced>([](auto, const Event& cause, Transaction& tx) { react(cause, tx); });
  REQUIRE(service.wait_until_ready(patience));
  Bus publisher{plain(hub, "order")};
  for (int i = 0; i < 200; ++i) publisher.publish(order("order " + std::to_string(i)));
  REQUIRE(publisher.flush(patience));
  CHECK(drive(service, [&] { return service.stats().handled == 200; }));
  CHECK(service.stats().commits < 100);
  REQUIRE(service.flush(patience));
  CHECK(said(hub, "payment.taken") == 200);
  CHECK(service.database().first<int>("SELECT count(*) FROM laban_outbox") == 0);
}

TEST_CASE("outbox: what was decided while the hub was away is said once, in order, when it is back (G154)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  const auto say = [](Participant& service, const std::string& instance) {
    service.transact([&](Transaction& tx) { tx.publish(order(instance)); });
  };
  {
    Participant service{options_for(hub, "order")};
    say(service, "a");
    REQUIRE(service.flush(patience));
    hub.kill();
    say(service, "b");
    CHECK_FALSE(service.flush(50ms));
  }  // the service ends too, with one fact unsaid
  hub.start();
  Participant service{options_for(hub, "order")};
  say(service, "c");
  REQUIRE(service.flush(patience));
  std::vector<std::string> instances;
  for (const auto& event : read_hub_log(hub.endpoint(), patience)) instances.push_back(event.correlationid);
  CHECK(instances == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("outbox: what a transaction that was given up wanted to say is never said (G154)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  Participant service{options_for(hub, "order")};
  CHECK_THROWS_WITH(service.transact([&](Transaction& tx) {
    tx.publish(order("ghost"));
    throw std::runtime_error("changed my mind");
  }),
                    "changed my mind");
  service.transact([&](Transaction& tx) { tx.publish(order("real")); });
  REQUIRE(service.flush(patience));
  const auto log = read_hub_log(hub.endpoint(), patience);
  REQUIRE(log.size() == 1);
  CHECK(log.front().correlationid == "real");
}

TEST_CASE("outbox: a fact younger than the pace waits, is there after a restart, and is said in order (G162)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  auto slow = options_for(hub, "payment");
  slow.pace = 24h;
  slow.bus.linger = 0ms;
  {
    Participant service{slow};
    service.on<shop::OrderPlaced>([](auto, const Event& cause, Transaction& tx) { react(cause, tx); });
    REQUIRE(service.wait_until_ready(patience));
    Bus publisher{plain(hub, "order")};
    for (const char* instance : {"a", "b"}) publisher.publish_and_wait(order(instance), patience);
    REQUIRE(drive(service, [&] { return service.stats().handled == 2; }));
    CHECK(service.stats().unsaid == 2);
    CHECK(said(hub, "payment.taken") == 0);
  }
  Participant service{options_for(hub, "payment")};
  service.on<shop::OrderPlaced>([](auto, const Event& cause, Transaction& tx) { react(cause, tx); });
  CHECK(drive(service, [&] { return service.stats().unsaid == 0; }));
  CHECK(effects(service) == 2);
  CHECK(said(hub, "payment.taken") == 2);
}

TEST_CASE("outbox: a database older than the hub's log is refused, a new one goes on after it (G160)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  const auto options = options_for(hub, "order");
  const auto say = [](Participant& service, const std::string& instance) {
    service.transact([&](Transaction& tx) { tx.publish(order(instance)); });
    return service.flush(patience);
  };
  {
    Participant service{options};
    REQUIRE(say(service, "a"));
  }
  const auto old = directory / "old.db";
  std::filesystem::copy_file(options.database, old);
  {
    Participant service{options};
    REQUIRE(say(service, "b"));
  }

  std::filesystem::copy_file(old, options.database, std::filesystem::copy_options::overwrite_existing);
  {
    Participant service{options};
    CHECK_THROWS_WITH_AS(say(service, "c"), doctest::Contains("older than the hub's log"), Error);
  }
  std::filesystem::remove(options.database);
  {
    Participant service{options};
    REQUIRE(say(service, "d"));
  }
  CHECK(said(hub, "order.placed") == 3);
}

TEST_CASE("inbox: beyond its limit the oldest events are forgotten and counted (G155)") {
  TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  auto options = options_for(hub, "payment");
  options.inbox_max = 10;
  Participant service{options};
  service.on<shop::OrderPlaced>([](auto, const Event& cause, Transaction& tx) { react(cause, tx); });
  REQUIRE(service.wait_until_ready(patience));
  Bus publisher{plain(hub, "order")};
  for (int i = 0; i < 30; ++i) publisher.publish(order("order " + std::to_string(i)));
  CHECK(drive(service, [&] { return service.stats().handled == 30; }));
  service.transact([](Transaction&) {});
  CHECK(service.database().first<int>("SELECT count(*) FROM laban_inbox") == 10);
  CHECK(service.stats().forgotten == 20);
}
