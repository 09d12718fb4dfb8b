// tests/system/client/subscriber_test.cpp - the subscriber through everything that can happen to its feed.
#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/support/eventually.hpp"
#include "tests/support/seed.hpp"
#include "tests/system/client/at_fake_hub.hpp"

using namespace laban;
using namespace laban::test;

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
