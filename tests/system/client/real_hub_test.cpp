// tests/system/client/real_hub_test.cpp - the client and the hub together, in one process, with a log on the disk.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "bus/hub/hub.hpp"
#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "shop/order_fulfilment.capnp.h"
#include "tests/support/eventually.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

constexpr auto limit = 60s;

// A hub that can be killed and started again where it was.
class LiveHub {
 public:
  LiveHub() {
    std::string name = (std::filesystem::temp_directory_path() / "laban-client-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    directory_ = name;
    options_.listen = "tcp://127.0.0.1:0";
    options_.http = "";
    options_.data = (directory_ / "log").string();
    start();
    options_.listen = hub_->endpoint();
    options_.feeds = hub_->feeds_endpoint();
    if (const auto star = options_.feeds.find('*'); star != std::string::npos) {
      options_.feeds.replace(star, 1, "127.0.0.1");
    }
  }
  ~LiveHub() {
    hub_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    hub_ = std::make_unique<Hub>(options_);
    hub_->start();
  }
  void crash() { hub_->crash(); }
  void stop() { hub_->stop(); }
  HubAddress address() const { return {options_.listen, "", ""}; }

  nlohmann::json queue(const std::string& name) {
    const auto answer = nlohmann::json::parse(hub_->inspect("queues", R"({"check":true})"));
    for (const auto& one : answer["queues"]) {
      if (one["name"] == name) return one;
    }
    return nullptr;
  }

 private:
  std::filesystem::path directory_;
  HubOptions options_;
  std::unique_ptr<Hub> hub_;
};

BusOptions options(const LiveHub& hub, std::string service) {
  BusOptions result;
  result.service = std::move(service);
  result.hub = hub.address();
  result.linger = 200ms;
  return result;
}

NewEvent event(std::string type, std::string instance = "i") {
  NewEvent result;
  result.type = std::move(type);
  result.correlationid = std::move(instance);
  return result;
}

}  // namespace

TEST_CASE("client and hub: a confirm says offset, level, queues reached and unroutable") {
  LiveHub hub;
  Bus bus{options(hub, "order")};
  const Confirm lonely = bus.publish_and_wait(event("order.placed"));
  CHECK((lonely.offset == 1 && lonely.level == Level::synced && lonely.unroutable));
  Model model{hub.address()};
  QueueSpec queue;
  queue.name = "audit";
  model.declare(queue);
  model.bind({"amq.topic", "audit", {}, "order.#", {}});
  const Confirm routed = bus.publish_and_wait(event("order.placed"));
  CHECK((routed.offset == 2 && routed.queues == 1 && !routed.unroutable));
  queue.delivery_limit = 7;
  CHECK_THROWS_AS(model.declare(queue), Error);
}

TEST_CASE(
    "client and hub: crashes in the middle of publishing lose nothing, store nothing twice, and a subscriber sees "
    "each event once in order (G53, G54)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  LiveHub hub;
  Subscriber reader{{"reader", hub.address()}};
  std::vector<std::string> seen;
  std::uint64_t last = 0;
  SubscriptionOptions from_first;
  from_first.from = SubscriptionOptions::From::first;
  from_first.patterns = {"x.#", "#.happened"};
  reader.subscribe(from_first, [&](const Event& received) {
    CHECK(received.offset() > last);
    last = received.offset();
    seen.emplace_back(received.id());
  });
  Bus bus{options(hub, "order")};
  std::vector<std::string> published;
  std::map<std::string, int> confirmed;
  bus.on_confirm([&](const Confirm& confirm) {
    CHECK_FALSE(confirm.refused);
    ++confirmed[confirm.id];
  });
  for (int round = 0; round < 5; ++round) {
    REQUIRE(bus.wait_until_connected(limit));
    for (std::uint64_t count = 500 + random() % 1500; count > 0; --count) {
      published.push_back(bus.publish(event("x.happened", std::to_string(count % 7))));
      if (count % 100 == 0) reader.poll(0ms);
    }
    if (random() % 2 == 0) bus.flush(std::chrono::milliseconds{random() % 20});
    if (random() % 4 == 0) {
      hub.stop();
    } else {
      hub.crash();
    }
    hub.start();
  }
  CHECK(bus.flush(limit));
  CHECK(eventually(limit, [&] {
    reader.poll(10ms);
    return seen.size() >= published.size();
  }));
  CHECK(seen == published);
  CHECK(confirmed.size() == published.size());
  CHECK(std::all_of(confirmed.begin(), confirmed.end(), [](const auto& one) { return one.second == 1; }));
}

TEST_CASE(
    "client and hub: consumers that compete get each key in order, one message at a time, and every message (G58)") {
  LiveHub hub;
  Model model{hub.address()};
  QueueSpec queue;
  queue.name = "work";
  model.declare(queue);
  model.bind({"amq.topic", "work", {}, "#", {}});
  constexpr int keys = 10, each = 40;
  std::mutex mutex;
  std::map<std::string, int> next;
  std::set<std::string> busy;
  std::atomic<int> handled{0};
  std::stop_source stop;
  const auto consume = [&](int number) {
    Bus bus{options(hub, "worker" + std::to_string(number))};
    bus.consume({"work", 16, false}, [&](const Event& received, const Delivery&) {
      const std::string key{received.partitionkey()};
      {
        const std::lock_guard lock{mutex};
        CHECK(busy.insert(key).second);
        CHECK(next[key]++ == std::stoi(std::string{received.subject()}));
      }
      std::this_thread::yield();
      const std::lock_guard lock{mutex};
      busy.erase(key);
      ++handled;
      return Verdict::acknowledge;
    });
    bus.run(stop.get_token());
  };
  std::thread first{consume, 1}, second{consume, 2};
  Bus bus{options(hub, "order")};
  for (int i = 0; i < each; ++i) {
    for (int key = 0; key < keys; ++key) {
      NewEvent next_event = event("x.happened", "k" + std::to_string(key));
      next_event.subject = std::to_string(i);
      bus.publish(next_event);
    }
  }
  CHECK(bus.flush(limit));
  CHECK(eventually(limit, [&] { return handled == keys * each; }));
  stop.request_stop();
  first.join();
  second.join();
  CHECK(eventually(limit, [&] { return hub.queue("work")["acknowledged"] == keys * each; }));
  CHECK(hub.queue("work")["lawHolds"] == true);
}

TEST_CASE(
    "client and hub: a handler that throws gets its event again, then it is parked with its reason, and redriven") {
  LiveHub hub;
  Model model{hub.address()};
  QueueSpec queue;
  queue.name = "payment";
  queue.delivery_limit = 3;
  queue.backoff = 1ms;
  queue.backoff_max = 2ms;
  model.declare(queue);
  Bus bus{options(hub, "payment")};
  int tries = 0;
  bool broken = true;
  bus.on("order.placed", [&](const Event&) {
    ++tries;
    if (broken) throw std::runtime_error("the bank is closed");
  });
  REQUIRE(bus.wait_until_ready(limit));
  bus.publish(event("order.placed"));
  CHECK(eventually(limit, [&] {
    bus.poll(5ms);
    return hub.queue("payment")["parked"] == 1;
  }));
  CHECK(tries >= 3);
  CHECK(bus.stats().failed == static_cast<std::uint64_t>(tries));
  CHECK(model.inspect("queues", R"({"queue":"payment"})").find("the bank is closed") != std::string::npos);
  broken = false;
  model.redrive("payment", false);
  CHECK(eventually(limit, [&] {
    bus.poll(5ms);
    return hub.queue("payment")["acknowledged"] == 1;
  }));
}

TEST_CASE("client and hub: what a consumer did not settle comes to the next one, marked as seen before") {
  LiveHub hub;
  {
    Bus bus{options(hub, "service")};
    bus.on("#", [](const Event&) {});
    bus.before_acknowledge([] { throw Error(Errc::storage, "power cut"); });
    REQUIRE(bus.wait_until_ready(limit));
    bus.publish_and_wait(event("a.happened"));
    CHECK_THROWS_AS(eventually(limit, [&] { return bus.poll(10ms) == 99; }), Error);
  }
  Bus bus{options(hub, "other")};
  std::optional<Delivery> delivery;
  bus.consume({"service", 16, false}, [&](const Event&, const Delivery& seen) {
    delivery = seen;
    return Verdict::acknowledge;
  });
  CHECK(eventually(limit, [&] {
    bus.poll(10ms);
    return delivery.has_value();
  }));
  CHECK(delivery->redelivered);
}

TEST_CASE("client and hub: a named producer goes on where it was, and an older holder of the name is fenced (G57)") {
  LiveHub hub;
  BusOptions named = options(hub, "outbox");
  named.producer = "outbox";
  {
    Bus bus{named};
    CHECK(bus.publish_and_wait(event("a.happened")).sequence == 1);
    CHECK(bus.publish_and_wait(event("a.happened")).sequence == 2);
  }
  Bus older{named};
  CHECK(older.last_sequence(limit) == 2);
  CHECK(older.publish_and_wait(event("a.happened")).sequence == 3);
  NewEvent again = event("a.happened");
  again.sequence = 3;
  const Confirm known = older.publish_and_wait(again);
  CHECK(known.duplicate);
  Bus newer{named};
  CHECK(newer.last_sequence(limit) == 3);
  CHECK(eventually(limit, [&] {
    try {
      older.publish(event("a.happened"));
      older.flush(10ms);
      return false;
    } catch (const Error& error) {
      return error.code() == Errc::refused;
    }
  }));
  CHECK(newer.publish_and_wait(event("b.happened")).offset > 0);
}

TEST_CASE("client and hub: a deleted queue ends its consumer with the hub's words (G57)") {
  LiveHub hub;
  Bus bus{options(hub, "service")};
  bus.on("#", [](const Event&) {});
  REQUIRE(bus.wait_until_ready(limit));
  bus.poll(50ms);
  REQUIRE(eventually(limit, [&] { return hub.queue("service")["consumers"] == 1; }));
  Model model{hub.address()};
  model.delete_queue("service");
  CHECK_THROWS_AS(eventually(limit, [&] { return bus.poll(10ms) == 99; }), Error);
}

TEST_CASE("client and hub: a reader can start at an offset, a time and beyond the head, which is refused (G57)") {
  LiveHub hub;
  Bus bus{options(hub, "order")};
  for (int i = 0; i < 10; ++i) bus.publish_and_wait(event("a.happened"));
  const auto first_seen = [&](SubscriptionOptions start) {
    Subscriber reader{{"reader", hub.address()}};
    std::uint64_t offset = 0;
    reader.subscribe(start, [&](const Event& received) {
      if (offset == 0) offset = received.offset();
    });
    REQUIRE(reader.wait_until_ready(limit));
    CHECK(eventually(limit, [&] {
      reader.poll(10ms);
      return reader.progress().position >= 10;
    }));
    return offset;
  };
  SubscriptionOptions start;
  start.from = SubscriptionOptions::From::offset;
  start.offset = 7;
  CHECK(first_seen(start) == 7);
  start.offset = 5000;
  Subscriber reader{{"reader", hub.address()}};
  reader.subscribe(start, [](const Event&) {});
  CHECK_THROWS_AS(reader.wait_until_ready(limit), Error);
  start.from = SubscriptionOptions::From::time;
  start.time = std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::nanoseconds{1}};
  CHECK(first_seen(start) == 1);
}

TEST_CASE("client and hub: a reader that stands still spills to replay, and gets everything once and in order (G59)") {
  LiveHub hub;
  Subscriber reader{{"reader", hub.address()}};
  SubscriptionOptions wish;
  wish.patterns = {"n.#"};
  wish.buffer_events = 16;
  std::vector<std::uint64_t> offsets;
  reader.subscribe(wish, [&](const Event& seen) { offsets.push_back(seen.offset()); });
  std::uint64_t misses = 0;
  reader.on_miss([&](const Miss&) { ++misses; });
  REQUIRE(reader.wait_until_ready(limit));
  Bus bus{options(hub, "publisher")};
  constexpr std::uint64_t count = 3'000;
  for (std::uint64_t i = 0; i < count; ++i) bus.publish(event("n." + std::to_string(i % 7)));
  REQUIRE(bus.flush(limit));
  const auto end = std::chrono::steady_clock::now() + limit;
  while (offsets.size() < count && std::chrono::steady_clock::now() < end) reader.poll(50ms);
  REQUIRE(offsets.size() == count);
  for (std::size_t i = 1; i < offsets.size(); ++i) REQUIRE(offsets[i] > offsets[i - 1]);
  CHECK(misses == 0);
  CHECK(reader.stats().dropped == 0);
  CHECK(reader.stats().lost == 0);
}
