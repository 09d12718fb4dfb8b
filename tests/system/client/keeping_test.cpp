// tests/system/client/keeping_test.cpp - cursors, backups, retention and drops, as a program that uses the library meets them.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "bus/journal/verify.hpp"
#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto limit = 60s;

struct Fixture : HubFixture {
  Fixture() { options.ledger_every = 20ms; }

  HubAddress address() const { return {options.listen, "", ""}; }
  BusOptions bus(std::string service) const {
    BusOptions result;
    result.service = std::move(service);
    result.hub = address();
    return result;
  }
  json ask(const std::string& what) { return json::parse(hub->inspect(what)); }
};

NewEvent event(std::string type, std::string instance = "i") {
  NewEvent result;
  result.type = std::move(type);
  result.correlationid = std::move(instance);
  return result;
}

// A reader from a cursor that collects what it sees.
struct CursorReader {
  CursorReader(const Fixture& fixture, std::chrono::milliseconds save_every, bool observer = false)
      : subscriber{{"bookkeeper", fixture.address()}} {
    SubscriptionOptions options;
    options.from = SubscriptionOptions::From::cursor;
    options.cursor = "books";
    options.save_every = save_every;
    options.observer = observer;
    subscriber.on_miss([this](const Miss& miss) { misses.push_back(miss); });
    subscriber.subscribe(options, [this](const Event& received) { seen.push_back(received.offset()); });
  }
  bool sees(std::uint64_t offset) {
    return eventually(limit, [&] {
      subscriber.poll(5ms);
      return !seen.empty() && seen.back() >= offset;
    });
  }
  Subscriber subscriber;
  std::vector<std::uint64_t> seen;
  std::vector<Miss> misses;
};

}  // namespace

TEST_CASE("cursor: a reader goes on behind what it has saved, over restarts of itself and of the hub (G61)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("order")};
  for (int i = 0; i < 10; ++i) bus.publish_and_wait(event("a.happened"));
  {
    CursorReader reader{fixture, 0ms};
    REQUIRE(reader.sees(10));
    CHECK(reader.seen.front() == 1);
    CHECK(reader.subscriber.save_cursor(limit));
    for (int i = 0; i < 5; ++i) bus.publish_and_wait(event("a.happened"));
    REQUIRE(reader.sees(15));
    // Handled and not saved: it comes again.
  }
  const auto cursors = fixture.ask("cursors")["cursors"];
  REQUIRE(cursors.size() == 1);
  CHECK((cursors[0]["name"] == "books" && cursors[0]["offset"] == 10 && cursors[0]["observer"] == false));
  SUBCASE("restart") {
    fixture.restart();
  }
  SUBCASE("crash") {
    fixture.crash_and_start();
  }
  {
    CursorReader reader{fixture, 10ms};
    REQUIRE(reader.sees(15));
    CHECK(reader.seen == std::vector<std::uint64_t>{11, 12, 13, 14, 15});
    // By itself, a little later.
    CHECK(eventually(limit, [&] {
      reader.subscriber.poll(5ms);
      return fixture.ask("cursors")["cursors"][0]["offset"] == 15;
    }));
  }
  CursorReader last{fixture, 0ms};
  bus.publish_and_wait(event("a.happened"));
  REQUIRE(last.sees(16));
  CHECK(last.seen == std::vector<std::uint64_t>{16});
}

TEST_CASE("cursor: run() saves before it returns; a cursor can be set and deleted by hand (G61)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("order")};
  for (int i = 0; i < 4; ++i) bus.publish_and_wait(event("a.happened"));
  std::stop_source stop;
  SubscriptionOptions options;
  options.from = SubscriptionOptions::From::cursor;
  options.cursor = "books";
  options.save_every = 0ms;
  Subscriber reader{{"reader", fixture.address()}};
  reader.subscribe(options, [&](const Event& received) {
    if (received.offset() == 4) stop.request_stop();
  });
  reader.run(stop.get_token());
  CHECK(fixture.ask("cursors")["cursors"][0]["offset"] == 4);
  Model model{fixture.address()};
  model.save_cursor("books", 2);
  CHECK(fixture.ask("cursors")["cursors"][0]["offset"] == 2);
  CHECK_THROWS_AS(model.save_cursor("books", 100), Error);
  model.delete_cursor("books");
  CHECK(fixture.ask("cursors")["cursors"].empty());
  CHECK_THROWS_AS(model.delete_cursor("books"), Error);
}

TEST_CASE(
    "cursor: the log is kept for a cursor from its first moment, and an observer is told what it missed (G61, G211)") {
  const bool observer = [] {
    bool value = false;
    SUBCASE("durable") {
      value = false;
    }
    SUBCASE("observer") {
      value = true;
    }
    return value;
  }();
  Fixture fixture;
  fixture.options.segment_bytes = 64u << 10;
  fixture.options.keep.bytes = 256u << 10;
  fixture.options.checkpoint_every = 50ms;
  fixture.start();
  {
    CursorReader reader{fixture, 10ms, observer};
    REQUIRE(reader.subscriber.wait_until_ready(limit));
    CHECK(eventually(limit, [&] { return !fixture.ask("cursors")["cursors"].empty(); }));
  }
  Bus service{fixture.bus("sink")};
  service.on("#", [](const Event&) {});
  REQUIRE(service.wait_until_ready(limit));
  NewEvent large = event("a.happened");
  large.data.assign(2'000, std::byte{1});
  const auto reached = [&] {
    const auto status = fixture.ask("status");
    return observer ? status["firstOffset"] > 100 : status["logHeldBy"] == "cursor";
  };
  REQUIRE(eventually(limit, [&] {
    for (int i = 0; i < 50; ++i) service.publish(large);
    service.flush(limit);
    while (service.poll(0ms) != 0) continue;
    return reached();
  }));
  const auto head = fixture.ask("status")["head"].get<std::uint64_t>();
  CursorReader reader{fixture, 10ms, observer};
  REQUIRE(reader.sees(head));
  if (observer) {
    REQUIRE_FALSE(reader.misses.empty());
    CHECK(reader.misses.front().from == 1);
    CHECK(reader.misses.front().reason == "retention");
    CHECK(reader.seen.front() == reader.misses.front().to + 1);
  } else {
    CHECK(reader.misses.empty());
    CHECK(reader.seen.front() == 1);
  }
}

TEST_CASE("backup: a copy made while events are published is whole, and a hub goes on from it (G24, G214)") {
  Fixture fixture;
  fixture.options.segment_bytes = 256u << 10;
  fixture.start();
  Model model{fixture.address()};
  QueueSpec queue;
  queue.name = "work";
  model.declare(queue);
  model.bind({"amq.topic", "work", {}, "#", {}});
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> confirmed{0};
  std::thread publisher{[&] {
    Bus bus{fixture.bus("order")};
    NewEvent one = event("a.happened");
    one.data.assign(500, std::byte{1});
    while (!stop) confirmed = bus.publish_and_wait(one).offset;
  }};
  CHECK(eventually(limit, [&] { return confirmed > 500; }));
  const auto copy = (fixture.directory / "copy").string();
  const auto before = confirmed.load();
  std::uint64_t told = 0;
  const auto report = model.backup(copy, [&](std::uint64_t done, std::uint64_t) { told = done; });
  const auto after = confirmed.load();
  CHECK(eventually(limit, [&] { return confirmed > after + 10; }));
  stop = true;
  publisher.join();

  CHECK(report.head >= before);
  CHECK(report.generation == 2);
  CHECK(told == report.bytes);
  const auto verified = journal::verify(journal::posix_file_system(), copy);
  CHECK_FALSE(verified.damage.has_value());
  CHECK(verified.head == report.head);
  CHECK_THROWS_AS(model.backup(copy), Error);
  fixture.hub->stop();

  HubOptions restored = fixture.options;
  restored.data = copy;
  restored.listen = "tcp://127.0.0.1:0";
  Hub hub{restored};
  hub.start();
  const auto status = json::parse(hub.inspect("status"));
  CHECK(status["head"] == report.head);
  CHECK(status["generation"] == 2);
  const auto queues = json::parse(hub.inspect("queues", R"({"queue":"work","check":true})"));
  CHECK(queues["queues"][0]["ready"] == report.head);
  CHECK(queues["queues"][0]["audit"] == nullptr);
}

TEST_CASE("backup: a reader who had read further than the backup goes is refused, others start (G215)") {
  Fixture fixture;
  fixture.start();
  Model model{fixture.address()};
  const auto publish = [&](int count) {
    Bus bus{fixture.bus("order")};
    for (int i = 0; i < count; ++i) bus.publish_and_wait(event("a.happened"));
  };
  publish(10);
  const auto copy = (fixture.directory / "copy").string();
  model.backup(copy);
  publish(10);
  const auto reader_at = [&](std::uint64_t offset, std::uint32_t generation) {
    SubscriptionOptions options;
    options.from = SubscriptionOptions::From::offset;
    options.offset = offset;
    options.log_id = fixture.ask("status")["logId"];
    options.generation = generation;
    return options;
  };
  // One that lives through the restore, and had read everything.
  Subscriber far{{"far", fixture.address()}};
  far.subscribe({}, [](const Event&) {});
  REQUIRE(far.wait_until_ready(limit));

  fixture.hub->stop();
  fixture.options.data = copy;
  fixture.start();
  publish(30);  // beyond where anybody had been: offsets alone would not tell
  CHECK_THROWS_AS(eventually(limit, [&] { return far.poll(10ms) == 99'999; }), Error);

  const auto start = [&](const SubscriptionOptions& options) {
    Subscriber reader{{"reader", fixture.address()}};
    reader.subscribe(options, [](const Event&) {});
    return reader.wait_until_ready(limit);
  };
  CHECK(start(reader_at(11, 1)));
  CHECK_THROWS_AS(start(reader_at(12, 1)), Error);
  CHECK(start(reader_at(12, 2)));
  auto foreign = reader_at(3, 1);
  foreign.log_id ^= 1;
  CHECK_THROWS_AS(start(foreign), Error);
  CHECK_THROWS_AS(start(reader_at(3, 3)), Error);
}

TEST_CASE("overflow: what a subscription drops stands on laban.lost, with its reader and policy (G59, G63)") {
  const auto policy = [] {
    auto value = Overflow::drop_oldest;
    SUBCASE("drop oldest") {
      value = Overflow::drop_oldest;
    }
    SUBCASE("drop newest") {
      value = Overflow::drop_newest;
    }
    SUBCASE("disconnect") {
      value = Overflow::disconnect;
    }
    return value;
  }();
  Fixture fixture;
  fixture.start();
  Subscriber reader{{"dashboard", fixture.address()}};
  SubscriptionOptions small;
  small.buffer_events = 10;
  small.overflow = policy;
  small.patterns = {"a.*"};
  reader.subscribe(small, [](const Event&) {});
  REQUIRE(reader.wait_until_ready(limit));
  Subscriber ledger{{"ledger", fixture.address()}};
  std::vector<json> lines;
  SubscriptionOptions lost;
  lost.exchange = "laban.lost";
  lost.from = SubscriptionOptions::From::first;
  ledger.subscribe(lost, [&](const Event& received) {
    const auto* text = reinterpret_cast<const char*>(received.data().data());
    lines.push_back(json::parse(text, text + received.data().size()));
  });
  Bus bus{fixture.bus("order")};
  for (int i = 0; i < 100; ++i) bus.publish_and_wait(event("a.happened", "key" + std::to_string(i % 3)));
  REQUIRE(eventually(limit, [&] {
    ledger.poll(5ms);
    return !lines.empty();
  }));
  CHECK(lines[0]["reason"] == "overflow");
  CHECK(lines[0]["whose"] == "subscription");
  CHECK(lines[0]["who"] == "dashboard");
  CHECK(lines[0]["detail"] == (policy == Overflow::drop_oldest   ? "dropOldest"
                               : policy == Overflow::drop_newest ? "dropNewest"
                                                                 : "disconnect"));
  CHECK_FALSE(lines[0]["keys"].empty());
  if (policy == Overflow::disconnect) return;
  // Every drop, counted here, arrives there.
  CHECK(eventually(limit, [&] {
    ledger.poll(5ms);
    std::uint64_t told = 0;
    for (const auto& line : lines) told += line["count"].get<std::uint64_t>();
    return told == reader.stats().dropped;
  }));
}

TEST_CASE("publish: a mandatory event that no queue takes is told as refused, in the hub's words (G62)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("order")};
  NewEvent lonely = event("a.happened");
  lonely.mandatory = true;
  const auto refused = bus.publish_and_wait(lonely);
  CHECK(refused.refused);
  CHECK_FALSE(refused.temporary);
  CHECK(refused.offset == 0);
  CHECK(refused.reason.find("mandatory") != std::string::npos);
  Model model{fixture.address()};
  QueueSpec queue;
  queue.name = "audit";
  model.declare(queue);
  model.bind({"amq.topic", "audit", {}, "#", {}});
  const auto taken = bus.publish_and_wait(lonely);
  CHECK((!taken.refused && taken.queues == 1));
}

TEST_CASE("publish: an atomic set is stored next to each other or refused whole, for one reason (G60)") {
  Fixture fixture;
  fixture.options.ledger_every = 1h;
  fixture.start();
  Bus bus{fixture.bus("order")};
  Bus noise{fixture.bus("noise")};
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 20; ++i) noise.publish(event("noise.made"));
    const auto confirms = bus.publish_atomic_and_wait(std::vector<NewEvent>(50, event("a.happened")), limit);
    REQUIRE(confirms.size() == 50);
    for (std::size_t i = 0; i < confirms.size(); ++i) {
      CHECK_FALSE(confirms[i].refused);
      CHECK(confirms[i].offset == confirms[0].offset + i);
    }
  }
  REQUIRE(noise.flush(limit));
  const auto head = fixture.ask("status")["head"];
  std::vector<NewEvent> mixed(3, event("a.happened"));
  mixed[1].mandatory = true;
  mixed[1].exchange = "amq.direct";
  for (const auto& confirm : bus.publish_atomic_and_wait(mixed, limit)) {
    CHECK(confirm.refused);
    CHECK(confirm.reason.find("mandatory") != std::string::npos);
  }
  CHECK(fixture.ask("status")["head"] == head);
  CHECK(bus.publish_atomic({event("a.happened"), event("b.happened")}).size() == 2);
  CHECK(bus.flush(limit));
  CHECK_THROWS_AS(bus.publish_atomic({}), Error);
  auto numbered = std::vector<NewEvent>(2, event("a.happened"));
  numbered[0].sequence = 7;
  CHECK_THROWS_AS(bus.publish_atomic(numbered), Error);
}

TEST_CASE("publish: an atomic set is stored once and whole across crashes of the hub (G60)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("order")};
  std::map<std::string, std::vector<std::uint64_t>> sets;
  Subscriber reader{{"reader", fixture.address()}};
  SubscriptionOptions everything;
  everything.from = SubscriptionOptions::From::first;
  everything.patterns = {"set.*"};
  reader.subscribe(everything, [&](const Event& received) {
    sets[std::string{received.correlationid()}].push_back(received.offset());
  });
  constexpr int rounds = 5, each = 40;
  for (int round = 0; round < rounds; ++round) {
    REQUIRE(bus.wait_until_connected(limit));
    for (int i = 0; i < each; ++i) {
      bus.publish_atomic(std::vector<NewEvent>(7, event("set.made", std::to_string(round * each + i))));
    }
    bus.flush(std::chrono::milliseconds{round});
    fixture.crash_and_start();
  }
  REQUIRE(bus.flush(limit));
  REQUIRE(eventually(limit, [&] {
    reader.poll(5ms);
    return sets.size() == rounds * each;
  }));
  const auto head = fixture.ask("status")["head"].get<std::uint64_t>();
  REQUIRE(eventually(limit, [&] {
    reader.poll(5ms);
    return reader.progress().position >= head;
  }));
  for (const auto& [name, offsets] : sets) {
    REQUIRE(offsets.size() == 7);
    CHECK(offsets.back() == offsets.front() + 6);
  }
}
