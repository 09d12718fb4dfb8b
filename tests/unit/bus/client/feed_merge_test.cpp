// tests/unit/bus/client/feed_merge_test.cpp - each event once, in order, whatever becomes of the live feed.
#include "bus/client/feed_merge.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::client;

namespace {

using Offsets = std::vector<std::uint64_t>;

codec::FeedBatch batch(std::uint64_t epoch, std::uint64_t sequence, std::uint64_t after, std::uint64_t up_to,
                       const Offsets& offsets) {
  codec::FeedBatch result{epoch, sequence, after, up_to, {}, {}};
  for (const auto offset : offsets) result.events.push_back({offset, {}, {}, {}});
  return result;
}

codec::Replayed replayed(std::uint64_t after, std::uint64_t up_to, std::uint64_t head, const Offsets& offsets) {
  codec::Replayed result;
  result.after = after;
  result.up_to = up_to;
  result.head = head;
  for (const auto offset : offsets) result.events.push_back({offset, {}, {}, {}});
  return result;
}

codec::Subscribed subscribed(std::uint64_t epoch, std::uint64_t sequence, std::uint64_t head, std::uint64_t start) {
  static const std::array<std::byte, 16> feed{};
  return {1, feed, epoch, sequence, head, start};
}

Offsets taken(FeedMerge& merge) {
  Offsets offsets;
  for (const auto& chunk : merge.take()) {
    for (const auto& event : chunk.events) offsets.push_back(event.offset);
  }
  return offsets;
}

// A log of events of which some match, a feed that packs them, and answers to replays: all there is to a hub here.
struct ModelHub {
  std::mt19937_64& random;
  std::vector<bool> matches{false};  // by offset, from 1
  std::uint64_t first = 1;           // retention took what is older
  std::uint64_t epoch = 1;
  std::uint64_t sequence = 0;
  std::uint64_t fed = 0;  // head at the feed's last batch or heartbeat

  std::uint64_t head() const { return matches.size() - 1; }

  Offsets between(std::uint64_t after, std::uint64_t up_to) const {
    Offsets offsets;
    for (std::uint64_t offset = std::max(after + 1, first); offset <= up_to; ++offset) {
      if (matches[offset]) offsets.push_back(offset);
    }
    return offsets;
  }

  void append() {
    for (std::uint64_t count = 1 + random() % 5; count > 0; --count) matches.push_back(random() % 2 == 0);
  }

  codec::FeedBatch feed() {
    const Offsets events = between(fed, head());
    if (!events.empty()) ++sequence;
    const auto result = batch(epoch, sequence, fed, head(), events);
    fed = head();
    return result;
  }

  codec::Replayed answer(const ReplayRequest& request, std::size_t events_max) {
    const std::uint64_t end = request.up_to == 0 ? head() : std::min(request.up_to, head());
    Offsets events = between(request.after, end);
    auto result = replayed(request.after, end, head(), {});
    if (events.size() > events_max) {
      events.resize(events_max);
      result.up_to = events.back();
    }
    result = replayed(request.after, std::max(result.up_to, request.after), head(), events);
    if (request.after + 1 < first) {
      result.lost_from = request.after + 1;
      result.lost_to = std::min(first - 1, result.up_to);
      result.lost_reason = "retention";
    }
    return result;
  }

  void restart() {
    epoch += 1 + random() % 3;
    sequence = 0;
    fed = head();
  }
};

}  // namespace

TEST_CASE("feed merge: a live batch that begins at the position moves it") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 10, 11));
  CHECK(merge.ready());
  CHECK_FALSE(merge.next_request());
  merge.live(batch(1, 1, 10, 12, {11, 12}), nullptr);
  CHECK(taken(merge) == Offsets{11, 12});
  CHECK(merge.position() == 12);
  CHECK(merge.missed_batches() == 0);
}

TEST_CASE("feed merge: what is before the subscription's head is replayed, and live batches wait for it") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 4, 10, 1));
  merge.live(batch(1, 5, 10, 12, {12}), nullptr);
  CHECK(taken(merge).empty());
  const auto request = merge.next_request();
  REQUIRE(request);
  CHECK(request->after == 0);
  CHECK_FALSE(merge.next_request());  // one at a time
  merge.replayed(replayed(0, 6, 12, {2, 6}), nullptr);
  CHECK(taken(merge) == Offsets{2, 6});
  const auto rest = merge.next_request();
  REQUIRE(rest);
  CHECK(rest->after == 6);
  CHECK(rest->up_to == 10);
  merge.replayed(replayed(6, 10, 12, {9}), nullptr);
  CHECK(taken(merge) == Offsets{9, 12});
  CHECK(merge.position() == 12);
  CHECK_FALSE(merge.next_request());
}

TEST_CASE("feed merge: a lost batch is read from the log (G54)") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 0, 1));
  merge.live(batch(1, 1, 0, 2, {1, 2}), nullptr);
  merge.live(batch(1, 3, 4, 5, {5}), nullptr);
  CHECK(taken(merge) == Offsets{1, 2});
  CHECK(merge.missed_batches() == 1);
  const auto request = merge.next_request();
  REQUIRE(request);
  CHECK(request->after == 2);
  CHECK(request->up_to == 4);
  merge.replayed(replayed(2, 4, 5, {3, 4}), nullptr);
  CHECK(taken(merge) == Offsets{3, 4, 5});
}

TEST_CASE("feed merge: a lost last batch is found by the heartbeat (G54)") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 0, 1));
  merge.live(batch(1, 1, 0, 2, {1, 2}), nullptr);
  merge.live(batch(1, 2, 4, 4, {}), nullptr);  // sequence 2 with events 3 and 4 never came
  CHECK(merge.missed_batches() == 1);
  REQUIRE(merge.next_request());
  merge.replayed(replayed(2, 4, 4, {3, 4}), nullptr);
  CHECK(taken(merge) == Offsets{1, 2, 3, 4});
}

TEST_CASE("feed merge: batches that come twice or late change nothing") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 0, 1));
  merge.live(batch(1, 1, 0, 2, {1, 2}), nullptr);
  merge.live(batch(1, 1, 0, 2, {1, 2}), nullptr);
  merge.live(batch(1, 3, 4, 6, {5, 6}), nullptr);
  merge.live(batch(1, 2, 2, 4, {3, 4}), nullptr);
  CHECK(taken(merge) == Offsets{1, 2, 3, 4, 5, 6});
  merge.live(batch(1, 2, 2, 4, {3, 4}), nullptr);
  CHECK(taken(merge).empty());
}

TEST_CASE("feed merge: batches of another hub's life are not counted in") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 0, 1));
  merge.live(batch(2, 1, 0, 2, {1, 2}), nullptr);
  CHECK(taken(merge).empty());
  merge.disconnected();
  merge.live(batch(1, 1, 0, 2, {1, 2}), nullptr);
  CHECK(taken(merge).empty());
  merge.subscribed(subscribed(2, 0, 2, 1));
  REQUIRE(merge.next_request());
  merge.replayed(replayed(0, 2, 2, {1, 2}), nullptr);
  CHECK(taken(merge) == Offsets{1, 2});
}

TEST_CASE("feed merge: what the log no longer has is told as a miss, once, before what follows (G55)") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 9, 1));
  REQUIRE(merge.next_request());
  auto answer = replayed(0, 9, 9, {7, 9});
  answer.lost_from = 1;
  answer.lost_to = 6;
  answer.lost_reason = "retention";
  merge.replayed(answer, nullptr);
  auto chunks = merge.take();
  REQUIRE(chunks.size() == 1);
  REQUIRE(chunks[0].miss);
  CHECK(chunks[0].miss->from == 1);
  CHECK(chunks[0].miss->to == 6);
  CHECK(chunks[0].miss->reason == "retention");
  CHECK(chunks[0].events.size() == 2);
}

TEST_CASE("feed merge: a hub that answers with nothing is not asked again before there is news") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 5, 1));
  for (int round = 0; round < 3; ++round) {
    const bool asks = merge.next_request().has_value();
    CHECK(asks == (round == 0));
    if (asks) merge.replayed(replayed(0, 0, 5, {}), nullptr);
  }
  merge.advanced(5);
  CHECK(merge.next_request());
}

TEST_CASE("feed merge: without a feed, replay alone brings everything") {
  FeedMerge merge;
  auto no_feed = subscribed(1, 0, 3, 1);
  no_feed.feed = {};
  merge.subscribed(no_feed);
  REQUIRE(merge.next_request());
  merge.replayed(replayed(0, 3, 5, {1, 3}), nullptr);
  REQUIRE(merge.next_request());  // the answer said that the head had moved
  merge.replayed(replayed(3, 5, 5, {5}), nullptr);
  CHECK_FALSE(merge.next_request());
  merge.advanced(6);
  REQUIRE(merge.next_request());
  merge.replayed(replayed(5, 6, 6, {6}), nullptr);
  CHECK(taken(merge) == Offsets{1, 3, 5, 6});
}

TEST_CASE("feed merge: while held nothing is put out or asked, and nothing is forgotten") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 0, 1));
  merge.live(batch(1, 1, 0, 1, {1}), nullptr);
  CHECK(taken(merge) == Offsets{1});
  merge.hold(true);
  merge.live(batch(1, 2, 1, 3, {2, 3}), nullptr);
  CHECK(taken(merge).empty());
  CHECK_FALSE(merge.next_request());
  merge.hold(false);
  REQUIRE(merge.next_request());
  merge.replayed(replayed(1, 3, 3, {2, 3}), nullptr);
  CHECK(taken(merge) == Offsets{2, 3});
}

TEST_CASE("feed merge: events of a batch that are out of order or out of range are not handed on") {
  FeedMerge merge;
  merge.subscribed(subscribed(1, 0, 0, 1));
  merge.live(batch(1, 1, 0, 3, {2, 1, 2, 3, 9}), nullptr);
  CHECK(taken(merge) == Offsets{2, 3});
}

TEST_CASE(
    "feed merge: each matching event once in offset order over random loss, duplication, reordering, restarts, "
    "holds and late starts, and it converges (G54)") {
  LABAN_SEED(seed);
  for (std::uint64_t trial = 0; trial < 400; ++trial) {
    std::mt19937_64 random{seed + trial};
    CAPTURE(trial);
    ModelHub hub{random};
    for (std::uint64_t count = random() % 20; count > 0; --count) hub.append();

    const std::uint64_t loss = random() % 70;  // per cent
    const std::size_t replay_max = 1 + random() % 6;
    FeedMerge merge{{1 + random() % 12, 1 << 20}};
    std::uint64_t start = 0;
    bool connected = false;
    std::deque<codec::FeedBatch> live;
    std::deque<codec::Replayed> answers;
    Offsets seen;
    bool held = false;

    const auto connect = [&] {
      const std::uint64_t from = merge.started() ? merge.position() + 1 : hub.head() + 1 - random() % (hub.head() + 1);
      if (!merge.started()) start = from;
      merge.subscribed(subscribed(hub.epoch, hub.sequence, hub.head(), from));
      connected = true;
    };
    const auto collect = [&] {
      for (const auto offset : taken(merge)) seen.push_back(offset);
    };

    for (int step = 0; step < 300; ++step) {
      switch (random() % 10) {
        case 0:
        case 1:
          hub.append();
          break;
        case 2:
        case 3:
        case 4: {
          const auto fed = hub.feed();
          if (random() % 100 < loss) break;
          live.push_back(fed);
          if (random() % 10 == 0) live.push_back(fed);
          break;
        }
        case 5:
        case 6:
          if (!live.empty()) {
            const auto place =
                live.begin() + static_cast<std::ptrdiff_t>(random() % 4 == 0 ? random() % live.size() : 0);
            merge.live(*place, nullptr);
            live.erase(place);
          }
          break;
        case 7:
          if (const auto request = merge.next_request()) {
            if (random() % 100 < loss / 2) {
              merge.forget_request();
            } else {
              answers.push_back(hub.answer(*request, replay_max));
            }
          }
          break;
        case 8:
          if (!answers.empty()) {
            merge.replayed(answers.front(), nullptr);
            answers.pop_front();
          }
          break;
        case 9:
          if (!connected) {
            connect();
          } else if (random() % 20 == 0) {
            merge.disconnected();
            answers.clear();
            connected = false;
            if (random() % 2 == 0) hub.restart();
          } else if (random() % 6 == 0) {
            held = !held;
            merge.hold(held);
          }
          break;
      }
      if (random() % 3 == 0) collect();
    }

    // The world calms down: nothing is lost any more.
    merge.hold(false);
    if (!connected) connect();
    merge.forget_request();
    merge.live(hub.feed(), nullptr);
    merge.live(batch(hub.epoch, hub.sequence, hub.head(), hub.head(), {}), nullptr);
    const std::uint64_t rounds_max = hub.head() + 2;
    std::uint64_t rounds = 0;
    while (const auto request = merge.next_request()) {
      REQUIRE(++rounds <= rounds_max);
      merge.replayed(hub.answer(*request, replay_max), nullptr);
    }
    collect();
    CHECK(merge.position() == hub.head());
    CHECK(seen == hub.between(start - 1, hub.head()));
  }
}
