// tests/system/queues/queues_client_test.cpp - what queues promise, as a service meets it through <laban/bus.hpp>.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto patience = 60s;

struct World {
  World() { fixture.start(); }

  BusOptions options(const std::string& service) const {
    BusOptions to;
    to.service = service;
    to.hub = {fixture.options.listen, "", ""};
    to.linger = 100ms;
    return to;
  }
  Model model() const { return Model{{fixture.options.listen, "", ""}}; }
  json queue(const std::string& name) const {
    return json::parse(fixture.hub->inspect("queues", json{{"queue", name}}.dump())).at("queues").at(0);
  }
  bool becomes(const std::string& name, const char* what, std::uint64_t value) const {
    return eventually(patience, [&] { return queue(name).at(what) == value; });
  }

  HubFixture fixture;
};

NewEvent say(const std::string& type, const std::string& key) {
  NewEvent event;
  event.type = type;
  event.partitionkey = key;
  return event;
}

// A bus that runs on a thread of its own until it goes.
class Running {
 public:
  Running(Bus& bus) : thread_{[&bus](std::stop_token stop) { bus.run(stop); }} {}

 private:
  std::jthread thread_;
};

}  // namespace

TEST_CASE("queues from code: a handler that works long keeps what it renews, and what waits behind it (G205)") {
  for (const bool by_itself : {true, false}) {
    CAPTURE(by_itself);
    World world;
    QueueSpec spec;
    spec.name = "slow";
    spec.redelivery_timeout = 300ms;
    world.model().declare(spec);
    Bus working{world.options("working")};
    Bus idle{world.options("idle")};
    std::atomic<bool> release{false};
    std::atomic<int> handled{0};
    std::atomic<int> taken{0};
    ConsumeOptions from;
    from.queue = "slow";
    if (!by_itself) from.renew_every = 50ms;
    working.consume(from, [&](const Event&, const Delivery&) {
      ++handled;
      while (!release) {
        if (by_itself) working.renew();
        std::this_thread::yield();
      }
      return Verdict::acknowledge;
    });
    idle.consume({.queue = "slow"}, [&](const Event&, const Delivery&) {
      ++taken;
      return Verdict::acknowledge;
    });
    auto event = say("a", "1");
    event.exchange = "amq.default";
    event.routingkey = "slow";
    auto behind = event;
    behind.partitionkey = "2";
    idle.publish_and_wait(event);
    idle.publish_and_wait(behind);
    {
      Running run{working};
      REQUIRE(eventually(patience, [&] { return handled == 1; }));
      const auto until = std::chrono::steady_clock::now() + 1s;
      while (std::chrono::steady_clock::now() < until) idle.poll(50ms);
      CHECK(taken == 0);
      release = true;
      CHECK(world.becomes("slow", "acknowledged", 2));
    }
    CHECK(handled == 2);
    CHECK(world.queue("slow").at("redelivered") == 0);
  }
}

TEST_CASE("queues from code: a handler that neither ends nor renews loses its delivery to another (G205)") {
  World world;
  QueueSpec spec;
  spec.name = "slow";
  spec.redelivery_timeout = 200ms;
  world.model().declare(spec);
  Bus hung{world.options("hung")};
  Bus heir{world.options("heir")};
  std::atomic<bool> release{false};
  std::atomic<int> handled{0};
  hung.consume({.queue = "slow"}, [&](const Event&, const Delivery&) {
    ++handled;
    while (!release) std::this_thread::yield();
    return Verdict::acknowledge;
  });
  bool again = false;
  heir.consume({.queue = "slow"}, [&](const Event&, const Delivery& delivery) {
    again = delivery.redelivered && delivery.attempts == 1;
    return Verdict::acknowledge;
  });
  auto event = say("a", "1");
  event.exchange = "amq.default";
  event.routingkey = "slow";
  heir.publish_and_wait(event);
  Running run{hung};
  REQUIRE(eventually(patience, [&] { return handled == 1; }));
  CHECK(eventually(patience, [&] { return heir.poll(50ms) > 0 && again; }));
  release = true;
  CHECK(world.becomes("slow", "acknowledged", 1));
}

TEST_CASE("queues from code: reasons are kept with what parks, a delay holds the key (G83)") {
  World world;
  QueueSpec spec;
  spec.name = "q";
  spec.delivery_limit = 2;
  spec.backoff = spec.backoff_max = 1ms;
  world.model().declare(spec);
  world.model().bind({"amq.topic", "q", {}, "#", {}});
  Bus bus{world.options("worker")};
  std::map<std::string, int> seen;
  bus.consume({.queue = "q"}, [&](const Event& event, const Delivery&) -> Settlement {
    const auto tries = ++seen[std::string{event.type()}];
    if (event.type() == "refused") return {Verdict::reject, "not for me"};
    if (event.type() == "failing") return {Verdict::fail, "try " + std::to_string(tries)};
    if (event.type() == "busy" && tries == 1) return {Verdict::give_back, {}, 200ms};
    return Verdict::acknowledge;
  });
  for (const auto* type : {"refused", "failing", "busy", "fine"}) bus.publish(say(type, type));
  REQUIRE(bus.flush(patience));
  CHECK(eventually(patience, [&] {
    bus.poll(50ms);
    return seen["busy"] == 2;
  }));
  CHECK(eventually(patience, [&] {
    bus.poll(10ms);
    return world.queue("q").at("parked") == 2 && world.queue("q").at("acknowledged") == 2;
  }));
  std::map<std::string, std::string> reasons;
  const auto queue = world.queue("q");
  CAPTURE(queue.dump());
  for (const auto& message : queue.at("parkedMessages")) {
    const auto& last = message.at("history").back();
    reasons[message.at("reason").get<std::string>()] = last.at("reason").get<std::string>();
    CHECK(last.at("consumer") == "worker");
  }
  CHECK(reasons == std::map<std::string, std::string>{{"rejected", "not for me"}, {"delivery-limit", "try 2"}});
}

TEST_CASE(
    "queues from code: a full queue is a refused confirm that says which, and that it may be taken later (G202)") {
  World world;
  QueueSpec spec;
  spec.name = "narrow";
  spec.messages_max = 1;
  world.model().declare(spec);
  world.model().bind({"amq.topic", "narrow", {}, "#", {}});
  Bus bus{world.options("speaker")};
  CHECK_FALSE(bus.publish_and_wait(say("one", "1")).refused);
  const auto full = bus.publish_and_wait(say("two", "2"));
  CHECK(full.refused);
  CHECK(full.temporary);
  CHECK(full.reason.find("'narrow' is full") != std::string::npos);
  bus.consume({.queue = "narrow"}, [](const Event&, const Delivery&) { return Verdict::acknowledge; });
  REQUIRE(eventually(patience, [&] { return bus.poll(50ms) > 0; }));
  REQUIRE(world.becomes("narrow", "acknowledged", 1));
  CHECK_FALSE(bus.publish_and_wait(say("two", "2")).refused);
}

TEST_CASE("queues from code: schedules, priorities and expiry travel with the event (G201)") {
  World world;
  QueueSpec spec;
  spec.name = "q";
  world.model().declare(spec);
  world.model().bind({"amq.topic", "q", {}, "#", {}});
  Bus bus{world.options("both")};
  const auto now = [] {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  };
  auto later = say("later", "1");
  later.deliverytime = now() + 300ms;
  auto urgent = say("urgent", "2");
  urgent.priority = 9;
  auto stale = say("stale", "3");
  stale.expirytime = now() + 1ms;
  const auto due = later.deliverytime;
  for (const auto& event : {say("plain", "4"), later, urgent, stale}) bus.publish_and_wait(event);
  REQUIRE(world.becomes("q", "ledgered", 1));
  std::vector<std::string> order;
  bool early = false;
  bus.consume({.queue = "q", .prefetch = 1}, [&](const Event& event, const Delivery&) {
    order.emplace_back(event.type());
    early = early || (event.type() == "later" && now() < due);
    return Verdict::acknowledge;
  });
  CHECK(eventually(patience, [&] {
    bus.poll(50ms);
    return order.size() == 3;
  }));
  CHECK(order == std::vector<std::string>{"urgent", "plain", "later"});
  CHECK_FALSE(early);
}

TEST_CASE("queues from code: the model is declared, asked and taken away, twice the same, otherwise refused (G47)") {
  World world;
  auto model = world.model();
  QueueSpec queue;
  queue.name = "q";
  queue.passive = true;
  CHECK_THROWS_WITH_AS(model.declare(queue), "queue 'q' is not declared: declare it", Error);
  queue.passive = false;
  ExchangeSpec exchange;
  exchange.name = "e";
  exchange.type = "headers";
  const BindingSpec eu{"e", "q", {}, "", {{"x-match", std::string{"all"}}, {"region", std::string{"eu"}}}};
  for (int i = 0; i < 2; ++i) {
    model.declare(queue);
    model.declare(exchange);
    model.bind(eu);
  }
  exchange.type = "fanout";
  CHECK_THROWS_WITH_AS(
      model.declare(exchange),
      "exchange 'e' is there already and differs: type is headers, not fanout: declare it as it is, or "
      "delete it first",
      Error);
  Bus bus{world.options("speaker")};
  auto event = say("t", "1");
  event.exchange = "e";
  event.headers = {{"region", std::string{"eu"}}};
  CHECK(bus.publish_and_wait(event).queues == 1);
  event.headers = {{"region", std::int64_t{1}}};
  CHECK(bus.publish_and_wait(event).unroutable);
  const auto told = json::parse(model.inspect("explain", R"({"key":"","exchange":"e","headers":{"region":"eu"}})"));
  CHECK(told.at("queues") == json{"q"});
  CHECK(json::parse(model.inspect("explain", R"({"key":"","exchange":"e","headers":{"region":1}})"))
            .at("queues")
            .empty());
  for (int i = 0; i < 2; ++i) {
    model.unbind(eu);
    model.delete_queue("q");
    model.delete_exchange("e");
  }
}

TEST_CASE("queues from code: the empty routing key is zero words, which only # and the empty pattern take (G70)") {
  World world;
  auto model = world.model();
  for (const auto& [name, pattern] : std::map<std::string, std::string>{{"all", "#"}, {"one", "*"}, {"none", ""}}) {
    QueueSpec queue;
    queue.name = name;
    model.declare(queue);
    model.bind({"amq.topic", name, {}, pattern, {}});
  }
  Bus bus{world.options("speaker")};
  auto event = say("t", "1");
  event.keyless = true;
  CHECK(bus.publish_and_wait(event).queues == 2);
  CHECK(world.queue("one").at("ready") == 0);
}
