// tests/unit/bus/client/publish_window_test.cpp - published events are kept, packed, sent again and settled.
#include "bus/client/publish_window.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <thread>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::client;
using namespace std::chrono_literals;

namespace {

using Limits = PublishWindow::Limits;

bool append(PublishWindow& window, const std::string& name, std::uint64_t sequence = 0,
            std::shared_ptr<PublishWindow::Waiter> waiter = nullptr) {
  NewEvent event;
  event.id = name;
  event.type = "x";
  event.sequence = sequence;
  return window.append(event, 0ms, std::move(waiter));
}

codec::Confirms confirms(std::uint64_t first, std::uint32_t count, std::uint64_t offset = 1) {
  codec::Confirms result;
  result.runs.push_back({first, count, offset, Level::synced, 1, false, false, false, {}, {}});
  return result;
}

struct Sent {
  std::uint64_t first_sequence;
  std::vector<std::string> ids;
};

Sent read(const SharedFrame& frame) {
  const auto decoded = codec::decode_client_message(*frame);
  const auto& publish = std::get<codec::Publish>(std::get<codec::ClientMessage>(decoded));
  Sent sent{publish.first_sequence, {}};
  std::uint64_t sequence = publish.first_sequence;
  for (const auto& event : publish.events) {
    EventFields fields;
    REQUIRE(codec::read_envelope(event, fields));
    CHECK(fields.sequence == sequence++);
    sent.ids.emplace_back(fields.id);
  }
  return sent;
}

std::vector<Sent> send_all(PublishWindow& window) {
  std::vector<Sent> all;
  while (auto frame = window.next()) {
    all.push_back(read(frame));
    window.sent();
  }
  return all;
}

std::vector<Confirm> taken(PublishWindow& window) {
  std::vector<Confirm> confirms;
  (void)window.take_confirms([&](const Confirm& confirm) { confirms.push_back(confirm); });
  return confirms;
}

std::uint64_t unconfirmed(const PublishWindow& window) {
  BusStats stats;
  window.add_to(stats);
  return stats.unconfirmed;
}

}  // namespace

TEST_CASE("publish window: what waits goes into one frame, numbered from 1, and frames are bounded") {
  PublishWindow window{{100, 1 << 20, 3, 1 << 20}, Level::synced, false};
  for (int i = 0; i < 7; ++i) CHECK(append(window, "e" + std::to_string(i)));
  const auto sent = send_all(window);
  REQUIRE(sent.size() == 3);
  CHECK(sent[0].first_sequence == 1);
  CHECK(sent[0].ids == std::vector<std::string>{"e0", "e1", "e2"});
  CHECK(sent[1].first_sequence == 4);
  CHECK(sent[2].ids == std::vector<std::string>{"e6"});
  CHECK_FALSE(window.has_unsent());
}

TEST_CASE("publish window: full is said, and a confirm makes room (G56)") {
  PublishWindow window{{2, 1 << 20, 10, 1 << 20}, Level::synced, false};
  CHECK(append(window, "a"));
  CHECK(append(window, "b"));
  CHECK_FALSE(append(window, "c"));
  send_all(window);
  window.confirm(confirms(1, 1));
  CHECK(append(window, "c"));
  CHECK_FALSE(append(window, "d"));
  CHECK(unconfirmed(window) == 2);
}

TEST_CASE("publish window: bytes are bounded too, and one event goes through whatever its size") {
  PublishWindow window{{100, 64, 10, 64}, Level::synced, false};
  CHECK(append(window, std::string(500, 'a')));
  CHECK_FALSE(append(window, "b"));
  send_all(window);
  window.confirm(confirms(1, 1));
  CHECK(append(window, "b"));
}

TEST_CASE("publish window: a publisher that waits goes on when there is room (G56)") {
  PublishWindow window{{1, 1 << 20, 10, 1 << 20}, Level::synced, false};
  CHECK(append(window, "a"));
  send_all(window);
  std::thread publisher{[&] {
    NewEvent event;
    event.id = "b";
    event.type = "x";
    CHECK(window.append(event, std::nullopt));
  }};
  window.confirm(confirms(1, 1));
  publisher.join();
  CHECK(send_all(window).at(0).first_sequence == 2);
}

TEST_CASE("publish window: a new session gets everything unconfirmed again, in order and before what is new (G53)") {
  PublishWindow window{{100, 1 << 20, 2, 1 << 20}, Level::synced, false};
  for (int i = 0; i < 5; ++i) append(window, "e" + std::to_string(i));
  CHECK(send_all(window).size() == 3);
  window.confirm(confirms(1, 2));
  window.welcome(2);
  append(window, "new");
  const auto again = send_all(window);
  REQUIRE(again.size() == 3);
  CHECK(again[0].ids == std::vector<std::string>{"e2", "e3"});
  CHECK(again[1].ids == std::vector<std::string>{"e4"});
  CHECK(again[2].ids == std::vector<std::string>{"new"});
  BusStats stats;
  window.add_to(stats);
  CHECK(stats.resent == 3);
}

TEST_CASE("publish window: a named producer counts on where the hub's log ends") {
  PublishWindow window{{100, 1 << 20, 10, 1 << 20}, Level::synced, true};
  CHECK_FALSE(append(window, "early"));  // the hub has not said yet
  window.welcome(41);
  CHECK(append(window, "a"));
  CHECK(send_all(window).at(0).first_sequence == 42);
}

TEST_CASE("publish window: a named producer's event that the hub has is left for the hub to say") {
  PublishWindow window{{100, 1 << 20, 10, 1 << 20}, Level::synced, true};
  window.keep_confirms();
  window.welcome(41);
  CHECK(append(window, "known", 40));
  CHECK(append(window, "new", 42));
  CHECK(send_all(window).size() == 2);
  codec::Confirms said;
  said.runs.push_back({40, 1, 7, Level::synced, 1, false, true, false, {}, {}});
  window.confirm(said);
  const auto known = taken(window);
  REQUIRE(known.size() == 1);
  CHECK((known[0].id == "known" && known[0].duplicate && known[0].offset == 7));
}

TEST_CASE("publish window: a sequence that is underway is refused, a jump begins a new frame") {
  PublishWindow window{{100, 1 << 20, 10, 1 << 20}, Level::synced, true};
  window.welcome(0);
  append(window, "a", 1);
  append(window, "c", 3);
  CHECK_THROWS_AS(append(window, "again", 3), Error);
  const auto sent = send_all(window);
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].first_sequence == 3);
  window.confirm(confirms(1, 1));
  window.confirm(confirms(3, 1));
  CHECK(append(window, "b", 2));  // was refused once, say
  window.confirm(confirms(2, 1));
  CHECK(send_all(window).empty());
}

TEST_CASE("publish window: confirms carry offset, level and fate to handler and waiter") {
  PublishWindow window{{100, 1 << 20, 10, 1 << 20}, Level::synced, false};
  window.keep_confirms();
  auto waiter = std::make_shared<PublishWindow::Waiter>();
  auto waited = waiter->get_future();
  append(window, "a");
  append(window, "b", 0, waiter);
  append(window, "c");
  send_all(window);
  codec::Confirms said;
  said.runs.push_back({1, 2, 70, Level::written, 3, true, false, false, {}, {}});
  said.runs.push_back(
      {3, 1, 0, Level::accepted, 0, false, false, true, codec::Refusal::storage, "disk full: free some"});
  window.confirm(said);
  const auto got = taken(window);
  REQUIRE(got.size() == 3);
  CHECK((got[0].id == "a" && got[0].offset == 70 && got[0].level == Level::written && got[0].queues == 3));
  CHECK((got[1].offset == 71 && got[1].unroutable));
  CHECK((got[2].refused && got[2].offset == 0 && got[2].reason == "disk full: free some"));
  CHECK(std::get<Confirm>(waited.get()).id == "b");
  BusStats stats;
  window.add_to(stats);
  CHECK((stats.confirmed == 2 && stats.refused == 1 && stats.unroutable == 2 && stats.unconfirmed == 0));
}

TEST_CASE("publish window: what a stopping hub refuses is kept for the next one (G53)") {
  PublishWindow window{{100, 1 << 20, 10, 1 << 20}, Level::synced, false};
  append(window, "a");
  send_all(window);
  codec::Confirms said;
  said.runs.push_back({1, 1, 0, Level::accepted, 0, false, false, true, codec::Refusal::stopping, "stopping"});
  window.confirm(said);
  CHECK(unconfirmed(window) == 1);
  window.welcome(0);
  CHECK(send_all(window).size() == 1);
}

TEST_CASE("publish window: after close everyone gets the reason") {
  PublishWindow window{{1, 1 << 20, 10, 1 << 20}, Level::synced, false};
  auto waiter = std::make_shared<PublishWindow::Waiter>();
  auto waited = waiter->get_future();
  append(window, "a", 0, waiter);
  window.close(Error(Errc::refused, "fenced: stop"));
  CHECK_THROWS_WITH_AS(append(window, "b"), "fenced: stop", Error);
  CHECK(std::get<Error>(waited.get()).what() == std::string{"fenced: stop"});
  CHECK_FALSE(window.wait_until_idle(0ms));
}

TEST_CASE(
    "publish window: over random sends, confirms and reconnects a model hub stores each event once, in order (G53)") {
  LABAN_SEED(seed);
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    std::mt19937_64 random{seed + trial};
    CAPTURE(trial);
    PublishWindow window{{1 + random() % 20, 1 << 20, 1 + random() % 5, 1 << 20}, Level::synced, false};
    window.keep_confirms();
    std::vector<std::string> log;       // what the hub stored; the i-th has sequence i + 1
    std::vector<codec::Confirms> said;  // confirms underway
    std::uint64_t published = 0;
    std::map<std::string, std::uint64_t> confirmed;
    const auto deliver = [&](const SharedFrame& frame) {
      const Sent sent = read(frame);
      for (std::size_t i = 0; i < sent.ids.size(); ++i) {
        const auto sequence = sent.first_sequence + i;
        REQUIRE(sequence <= log.size() + 1);
        if (sequence == log.size() + 1) log.push_back(sent.ids[i]);
        CHECK(log[sequence - 1] == sent.ids[i]);
      }
      said.push_back(confirms(sent.first_sequence, static_cast<std::uint32_t>(sent.ids.size()), sent.first_sequence));
    };
    const auto settle = [&] {
      for (const auto& confirm : taken(window)) {
        CHECK(confirmed.emplace(confirm.id, confirm.offset).second);  // each once
      }
    };
    for (int step = 0; step < 400; ++step) {
      switch (random() % 5) {
        case 0:
        case 1:
          if (append(window, "e" + std::to_string(published))) ++published;
          break;
        case 2:
          if (auto frame = window.next()) {
            window.sent();
            deliver(frame);
          }
          break;
        case 3:
          if (!said.empty()) {
            window.confirm(said.front());
            said.erase(said.begin());
          }
          settle();
          break;
        case 4:
          if (random() % 10 == 0) {  // frames that were sent but not stored, and confirms underway, are gone
            if (auto frame = window.next(); frame && random() % 2 == 0) window.sent();
            said.clear();
            window.welcome(log.size());
          }
          break;
      }
    }
    window.welcome(log.size());
    while (auto frame = window.next()) {
      window.sent();
      deliver(frame);
    }
    for (const auto& confirm : said) window.confirm(confirm);
    settle();
    CHECK(unconfirmed(window) == 0);
    REQUIRE(log.size() == published);
    for (std::uint64_t i = 0; i < published; ++i) {
      CHECK(log[i] == "e" + std::to_string(i));
      CHECK(confirmed.at(log[i]) == i + 1);
    }
  }
}
