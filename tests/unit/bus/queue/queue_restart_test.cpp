// tests/unit/bus/queue/queue_restart_test.cpp - what a queue stores, what it costs, and what a restart makes of it.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "laban/error.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/bus/queue/one_queue.hpp"

using namespace laban::test;
using std::chrono::milliseconds;

TEST_CASE("queue: a redrive repeated after a crash puts each message back once (G83)") {
  Settings settings;
  settings.delivery_limit = 1;
  Bench bench{settings};
  for (const auto* key : {"a", "b", "c"}) bench.put(key);
  for (const auto offset : bench.offsets()) bench.settle(offset, Settlement::fail, {}, "no");
  bench.log();
  const auto before = bench.queue.snapshot();
  bench.queue.redrive(bench.now, 2);
  bench.queue = Queue::restore(settings, before);  // killed before the change was written
  bench.queue.finish_recovery(bench.now, 1'000);
  CHECK(bench.queue.counts().parked == 3);
  CHECK(bench.queue.redrive(bench.now).size() == 3);
  bench.crash(settings);  // and after
  CHECK(bench.queue.redrive(bench.now).empty());
  CHECK(bench.offsets() == Offsets{1, 2, 3});
}

TEST_CASE("queue: a dead letter stays at its source, holding its key, until it is stored elsewhere (G86)") {
  Settings settings;
  settings.dead_letter_exchange = "dead";
  settings.delivery_limit = 1;
  Bench bench{settings};
  bench.put("a");
  bench.put("a");
  bench.put("b");
  REQUIRE(bench.offsets() == Offsets{1, 3});
  bench.settle(1, Settlement::fail, {}, "broken");
  bench.settle(3, Settlement::reject, {}, "never");
  CHECK(bench.offsets().empty());
  REQUIRE(bench.letters.size() == 2);
  CHECK(bench.letters[0].reason == DeadLetterReason::delivery_limit);
  CHECK(bench.letters[0].history.at(0).reason == "broken");
  CHECK(bench.letters[1].reason == DeadLetterReason::rejected);
  CHECK(bench.queue.counts().unacknowledged == 2);
  bench.queue.moved(1, bench.now);
  CHECK(bench.offsets() == Offsets{2});
  CHECK(bench.queue.counts().moved == 1);
  bench.queue.dead_letter_failed(3, "there is no exchange 'dead'", bench.now);
  const auto parked = bench.queue.parked(10);
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].reason == ParkReason::dead_letter_failed);
  CHECK(parked[0].history.back().reason == "there is no exchange 'dead'");
  bench.queue.moved(3, bench.now);  // too late: nothing moves
  CHECK(bench.queue.counts().parked == 1);
}

TEST_CASE("queue: a dead letter that a crash interrupts is not lost (G86)") {
  Settings settings;
  settings.dead_letter_exchange = "dead";
  Bench bench{settings};
  bench.put("a");
  REQUIRE(bench.offsets() == Offsets{1});
  bench.settle(1, Settlement::reject, {}, "never");
  bench.crash(settings);
  const auto again = bench.take();
  REQUIRE(again.size() == 1);
  CHECK(again[0].redelivered);
  CHECK(again[0].attempts == 1);
}

TEST_CASE("queue: after a crash only what may have been delivered is marked (G80)") {
  Settings settings;
  Queue queue{settings};
  Time now = zero;
  for (std::uint64_t offset = 1; offset <= 200'000; ++offset) queue.enqueue({.offset = offset, .bytes = 1}, now);
  queue.changes_durable(queue.take_effects().horizon);
  queue.add_consumer(1, "worker", 10, now);
  std::vector<Delivery> out;
  CHECK(queue.deliver(now, 10, out) == 0);  // first the log must know that deliveries begin
  CHECK(queue.deliverable());
  const Effects effects = queue.take_effects();
  REQUIRE(effects.changes.size() == 1);
  CHECK(queue.deliver(now, 10, out) == 0);
  queue.changes_durable(effects.horizon);
  CHECK(queue.deliver(now, 10, out) == 10);
  CHECK_FALSE(out[0].redelivered);

  Queue again = Queue::restore(settings, queue.snapshot());
  again.finish_recovery(now, 1'000);
  again.add_consumer(1, "worker", 200'000, now);
  std::vector<Delivery> all;
  for (int round = 0; round < 100 && all.size() < 200'000; ++round) {
    again.deliver(now, 10'000, all);
    again.changes_durable(again.take_effects().horizon);
  }
  REQUIRE(all.size() == 200'000);
  CHECK(all.front().redelivered);
  CHECK(all.front().fence == 1'000);
  CHECK_FALSE(all.back().redelivered);
}

TEST_CASE("queue: ten million messages take at most 48 bytes each, with a million keys (G87)") {
  // Small enough for every run; the cost a message does not depend on the number.
  constexpr std::uint64_t messages = 500'000;
  constexpr std::uint64_t keys = 50'000;
  Queue queue{Settings{}};
  for (std::uint64_t i = 0; i < messages; ++i) {
    const std::string key = "order-" + std::to_string(i % keys);
    queue.enqueue({.offset = i + 1, .key = key, .bytes = 256}, zero);
  }
  CHECK(queue.key_count() == keys);
  CHECK(queue.memory_bytes() < messages * 48);
  CHECK(queue.snapshot().size() < messages * 16);
  queue.purge(zero);
  queue.take_effects();
  CHECK(queue.memory_bytes() < 1'000'000);
}

TEST_CASE("queue: bytes that are no snapshot and no changes are refused, whatever byte is wrong (G88)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  Settings settings;
  settings.message_ttl = seconds{100};
  Bench bench{settings};
  Enqueue later;
  later.deliver_at = bench.now + seconds{10};
  later.priority = 3;
  bench.put("a");
  bench.put("a", later);
  bench.put("b");
  for (const auto offset : bench.offsets()) bench.settle(offset, Settlement::fail, {}, "because");
  bench.log();
  const auto snapshot = bench.queue.snapshot();
  std::vector<std::byte> changes;
  encode(bench.changes, changes);
  CHECK(decode_changes(changes) == bench.changes);
  std::size_t refused = 0;
  for (int round = 0; round < 5'000; ++round) {
    for (const bool of_snapshot : {true, false}) {
      auto bytes = of_snapshot ? snapshot : changes;
      if (random() % 3 == 0)
        bytes.resize(random() % bytes.size());
      else
        bytes[random() % bytes.size()] ^= std::byte{static_cast<std::uint8_t>(1U << (random() % 8))};
      try {
        if (of_snapshot) {
          const Queue queue = Queue::restore(settings, bytes);
          REQUIRE_FALSE(queue.audit().has_value());  // another state, but a sound one
        } else {
          (void)decode_changes(bytes);
        }
      } catch (const laban::Error& error) {
        ++refused;
        REQUIRE(error.code() == laban::Errc::malformed);
      }
    }
  }
  CHECK(refused > 1'000);
}

TEST_CASE("queue: bytes that release 0.1 wrote are read, and written again the same (G88)") {
  const auto hex = [](std::span<const std::byte> bytes) {
    std::string text;
    for (const auto byte : bytes) {
      text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4];
      text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15U];
    }
    return text;
  };
  const auto bytes_of = [](std::string_view text) {
    const std::string_view digits = "0123456789abcdef";
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
      bytes.push_back(static_cast<std::byte>(digits.find(text[i]) * 16 + digits.find(text[i + 1])));
    }
    return bytes;
  };
  QueueChange failed;
  failed.kind = ChangeKind::failed;
  failed.at = zero;
  failed.not_before = zero + milliseconds{1};
  failed.reason = "no";
  failed.consumer = "worker";
  failed.offsets = {7, 9};
  QueueChange horizon;
  horizon.kind = ChangeKind::horizon;
  horizon.horizon = 65'536;
  const std::vector<QueueChange> changes{failed, horizon};
  const std::string old_changes = "010202000080809aa6eaafe30180897a00026e6f06776f726b6572020e040700000000808004000000";
  CHECK(decode_changes(bytes_of(old_changes)) == changes);
  std::vector<std::byte> now;
  encode(changes, now);
  CHECK(hex(now) == old_changes);

  const std::string old_snapshot =
      "5101050100000cffffffffffffffff04030eac027a1834e167fe8e8e110401000483060202511faba213fc059b010001"
      "80809aa6eaafe301026e6f06776f726b65720280809aa6eaafe301a30102028865f4638f51d09f80b0b7e8c9b1e30180"
      "88c6c9b9b2e301";
  Settings settings;
  settings.delivery_limit = 1;
  Queue queue = Queue::restore(settings, bytes_of(old_snapshot));
  // Five came: one acknowledged, one of two of a key was out, one parked, one is scheduled.
  CHECK(queue.counts() == Counts{5, 1, 2, 0, 1, 1, 0, 0});
  CHECK(hex(queue.snapshot()) == old_snapshot);
  queue.finish_recovery(zero, 100);
  queue.redrive(zero);
  queue.add_consumer(1, "worker", 10, zero);
  queue.changes_durable(queue.take_effects().horizon);
  std::vector<Delivery> out;
  CHECK(queue.deliver(zero + seconds{60}, 10, out) == 3);
}
