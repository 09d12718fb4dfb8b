// tests/unit/bus/queue/queue_test.cpp - the queue's rules one by one.
#include "bus/queue/queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "laban/error.hpp"
#include "laban/model.hpp"
#include "tests/support/seed.hpp"

using namespace laban::queue;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Time zero{seconds{1'000'000}};

struct Bench {
  explicit Bench(Settings settings = {}) : queue(std::move(settings)) { queue.add_consumer(1, "worker", 100, now); }

  std::uint64_t put(std::string_view key, Enqueue message = {}) {
    message.offset = ++offset;
    message.key = key;
    message.bytes = message.bytes == 0 ? 10 : message.bytes;
    queue.enqueue(message, now);
    return offset;
  }

  // What comes now, with everything written to the log first.
  std::vector<Delivery> take(std::size_t budget = 1000) {
    log();
    std::vector<Delivery> out;
    queue.deliver(now, budget, out);
    return out;
  }

  std::vector<std::uint64_t> offsets(std::size_t budget = 1000) {
    std::vector<std::uint64_t> result;
    for (const auto& delivery : take(budget)) {
      result.push_back(delivery.offset);
      fences[delivery.offset] = delivery.fence;
    }
    return result;
  }

  SettleResult settle(std::uint64_t message, Settlement outcome, Duration delay = {}, std::string_view reason = {}) {
    const Fence one[] = {fences.at(message)};
    return queue.settle({1, outcome, one, 0, delay, reason}, now);
  }

  void log() {
    Effects effects = queue.take_effects();
    for (auto& change : effects.changes) changes.push_back(change);
    for (auto& letter : effects.dead_letters) letters.push_back(letter);
    for (auto& line : effects.ledgered) ledgered.push_back(line);
    queue.changes_durable();
  }

  void crash(Settings settings) {
    log();
    const auto bytes = queue.snapshot();
    queue = Queue::restore(std::move(settings), bytes);
    queue.finish_recovery(now, Fence{1} << 40);
    queue.add_consumer(1, "worker", 100, now);
  }

  Queue queue;
  Time now = zero;
  std::uint64_t offset = 0;
  std::map<std::uint64_t, Fence> fences;
  std::vector<QueueChange> changes;
  std::vector<DeadLetter> letters;
  std::vector<Ledgered> ledgered;
};

using Offsets = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("queue: keys go side by side, messages of one key one after the other (G77)") {
  Bench bench;
  bench.put("a");
  bench.put("a");
  bench.put("b");
  bench.put("");
  bench.put("");
  CHECK(bench.offsets() == Offsets{1, 3, 4, 5});
  CHECK(bench.offsets().empty());
  CHECK(bench.queue.find(2)->state == "waiting");
  bench.settle(1, Settlement::acknowledge);
  CHECK(bench.offsets() == Offsets{2});
  CHECK(bench.queue.key_count() == 2);
}

TEST_CASE("queue: without keys everything goes at once") {
  Settings settings;
  settings.keyed = false;
  Bench bench{settings};
  bench.put("a");
  bench.put("a");
  CHECK(bench.offsets() == Offsets{1, 2});
}

TEST_CASE("queue: consumers take turns within their prefetch, and a paused one gets nothing") {
  Bench bench;
  bench.queue.set_prefetch(1, 2, bench.now);
  bench.queue.add_consumer(2, "second", 3, bench.now);
  for (int i = 0; i < 10; ++i) bench.put("");
  std::map<ConsumerId, int> given;
  for (const auto& delivery : bench.take()) ++given[delivery.consumer];
  CHECK(given == std::map<ConsumerId, int>{{1, 2}, {2, 3}});
  bench.queue.pause(1, true);
  bench.queue.settle({1, Settlement::acknowledge, {}, 1000, {}, {}}, bench.now);
  CHECK(bench.take().empty());
  bench.queue.pause(1, false);
  CHECK(bench.take().size() == 2);
}

TEST_CASE("queue: with a single active consumer the oldest gets all, the next takes over") {
  Settings settings;
  settings.single_active = true;
  Bench bench{settings};
  bench.queue.add_consumer(2, "second", 10, bench.now);
  bench.put("a");
  bench.put("b");
  for (const auto& delivery : bench.take()) CHECK(delivery.consumer == 1);
  CHECK_FALSE(bench.queue.consumers()[1].active);
  bench.queue.remove_consumer(1, Leave::clean, bench.now);
  const auto again = bench.take();
  REQUIRE(again.size() == 2);
  CHECK(again[0].consumer == 2);
  CHECK(again[0].redelivered);
  CHECK(again[0].attempts == 0);
}

TEST_CASE("queue: a stale fence is refused and changes nothing (G81)") {
  Settings settings;
  settings.redelivery_timeout = seconds{5};
  Bench bench{settings};
  bench.put("a");
  REQUIRE(bench.offsets() == Offsets{1});
  const Fence old = bench.fences[1];
  bench.now += seconds{6};
  bench.queue.advance(bench.now);
  bench.queue.add_consumer(2, "second", 10, bench.now);
  const auto again = bench.take();
  REQUIRE(again.size() == 1);
  CHECK(again[0].consumer == 2);  // the first lets deliveries time out and gets no more until it speaks
  CHECK(again[0].attempts == 1);
  const auto before = bench.queue.counts();
  for (const auto outcome :
       {Settlement::acknowledge, Settlement::give_back, Settlement::fail, Settlement::reject, Settlement::renew}) {
    const Fence fences[] = {old, again[0].fence, 99};  // late, another's, unknown
    const auto result = bench.queue.settle({1, outcome, fences, 0, {}, {}}, bench.now);
    CHECK(result.settled == 0);
    CHECK(result.stale == 3);
  }
  CHECK(bench.queue.counts() == before);
  CHECK(bench.queue.stats().stale_settlements == 15);
  const Fence right[] = {again[0].fence};
  CHECK(bench.queue.settle({2, Settlement::acknowledge, right, 0, {}, {}}, bench.now).settled == 1);
}

TEST_CASE("queue: renewing keeps a delivery beyond the time-out (G81)") {
  Settings settings;
  settings.redelivery_timeout = seconds{5};
  Bench bench{settings};
  bench.put("a");
  bench.put("b");
  REQUIRE(bench.offsets().size() == 2);
  for (int i = 0; i < 5; ++i) {
    bench.now += seconds{3};
    bench.settle(1, Settlement::renew);
  }
  CHECK(bench.queue.find(1)->state == "unacknowledged");
  CHECK(bench.queue.find(2)->state == "ready");  // not renewed
  CHECK(bench.queue.stats().timed_out == 1);
}

TEST_CASE("queue: back-off holds the key, grows, and lets other keys go on (G82)") {
  Settings settings;
  settings.backoff = milliseconds{100};
  settings.backoff_max = milliseconds{350};
  settings.delivery_limit = 10;
  Bench bench{settings};
  bench.put("a");
  bench.put("a");
  bench.put("b");
  REQUIRE(bench.offsets() == Offsets{1, 3});
  for (const auto expected : {100, 200, 350, 350}) {
    bench.settle(1, Settlement::fail, {}, "no");
    CHECK(bench.queue.counts().delayed == 1);
    CHECK(bench.queue.next_wakeup() == bench.now + milliseconds{expected});
    bench.now += milliseconds{expected - 1};
    CHECK(bench.offsets().empty());
    bench.now += milliseconds{1};
    CHECK(bench.offsets() == Offsets{1});
  }
  bench.settle(1, Settlement::give_back, seconds{1});
  CHECK(bench.offsets().empty());
  CHECK(bench.queue.find(1)->attempts == 4);
  bench.now += seconds{1};
  CHECK(bench.offsets() == Offsets{1});
}

TEST_CASE("queue: a scheduled message joins its key only when due and holds nobody before (G82)") {
  Bench bench;
  Enqueue later;
  later.deliver_at = bench.now + seconds{10};
  bench.put("a", later);
  bench.put("a");
  CHECK(bench.queue.counts().delayed == 1);
  CHECK(bench.offsets() == Offsets{2});
  bench.put("a");
  bench.now += seconds{10};
  bench.settle(2, Settlement::acknowledge);
  CHECK(bench.offsets() == Offsets{3});
  bench.settle(3, Settlement::acknowledge);
  CHECK(bench.offsets() == Offsets{1});
}

TEST_CASE("queue: priority orders keys, never messages within one (G82)") {
  Bench bench;
  bench.queue.set_prefetch(1, 1, bench.now);
  Enqueue high;
  high.priority = 9;
  bench.put("a");
  bench.put("a", high);
  bench.put("b");
  bench.put("c", high);
  Offsets order;
  for (int i = 0; i < 4; ++i) {
    const auto next = bench.offsets();
    REQUIRE(next.size() == 1);
    order.push_back(next[0]);
    bench.settle(next[0], Settlement::acknowledge);
  }
  CHECK(order == Offsets{4, 1, 2, 3});
}

TEST_CASE("queue: what fails to the limit parks with its history, its key waits, redrive puts it back in order (G83)") {
  Settings settings;
  settings.delivery_limit = 2;
  settings.backoff = milliseconds{10};
  settings.backoff_max = milliseconds{10};
  Bench bench{settings};
  bench.put("a");
  bench.put("a");
  bench.put("b");
  REQUIRE(bench.offsets() == Offsets{1, 3});
  bench.settle(1, Settlement::fail, {}, "first");
  bench.now += milliseconds{10};
  REQUIRE(bench.offsets() == Offsets{1});
  bench.settle(1, Settlement::fail, {}, "second");
  bench.settle(3, Settlement::reject, {}, "never");
  CHECK(bench.offsets().empty());
  CHECK(bench.queue.held_key_count() == 2);
  const auto parked = bench.queue.parked(10);
  REQUIRE(parked.size() == 2);
  CHECK(parked[0].reason == ParkReason::delivery_limit);
  CHECK(parked[0].attempts == 2);
  CHECK(parked[0].holds_key);
  REQUIRE(parked[0].history.size() == 2);
  CHECK(parked[0].history[0] == Attempt{bench.now - milliseconds{10}, "first", "worker"});
  CHECK(parked[0].history[1] == Attempt{bench.now, "second", "worker"});
  CHECK(parked[1].reason == ParkReason::rejected);
  CHECK(bench.queue.redrive(bench.now, 1) == Offsets{1});
  CHECK(bench.queue.redrive(bench.now) == Offsets{3});
  CHECK(bench.queue.redrive(bench.now).empty());
  const auto again = bench.take();
  REQUIRE(again.size() == 2);
  CHECK(again[0].offset == 1);
  CHECK(again[0].redriven);
  CHECK(again[0].attempts == 0);
}

TEST_CASE("queue: with release the key goes on without what parked, which comes back marked (G83)") {
  Settings settings;
  settings.park_holds = false;
  Bench bench{settings};
  for (int i = 0; i < 3; ++i) bench.put("a");
  REQUIRE(bench.offsets() == Offsets{1});
  bench.settle(1, Settlement::reject, {}, "no");
  REQUIRE(bench.offsets() == Offsets{2});
  CHECK(bench.queue.held_key_count() == 0);
  bench.queue.redrive(bench.now);
  CHECK(bench.offsets().empty());  // 2 is out, so its key waits
  bench.settle(2, Settlement::acknowledge);
  const auto again = bench.take();
  REQUIRE(again.size() == 1);
  CHECK(again[0].offset == 1);
  CHECK(again[0].redriven);
  CHECK(again[0].redelivered);
}

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

TEST_CASE("queue: a key that is given back again and again starves no other (G84)") {
  Bench bench;
  bench.queue.set_prefetch(1, 1, bench.now);
  const auto stubborn = bench.put("stubborn");
  for (int i = 0; i < 50; ++i) bench.put("key-" + std::to_string(i % 10));
  std::size_t acknowledged = 0;
  std::size_t rounds = 0;
  while (acknowledged < 50) {
    REQUIRE(++rounds < 200);
    const auto next = bench.offsets();
    REQUIRE(next.size() == 1);
    if (next[0] == stubborn) {
      bench.settle(stubborn, Settlement::give_back);
    } else {
      bench.settle(next[0], Settlement::acknowledge);
      ++acknowledged;
    }
  }
  CHECK(bench.offsets() == Offsets{stubborn});
}

TEST_CASE("queue: what a lost consumer had comes first again, and only its oldest delivery is blamed (G84)") {
  Bench bench;
  bench.queue.set_prefetch(1, 3, bench.now);
  for (int i = 0; i < 6; ++i) bench.put("key-" + std::to_string(i));
  REQUIRE(bench.offsets() == Offsets{1, 2, 3});
  bench.queue.remove_consumer(1, Leave::lost, bench.now);
  bench.queue.add_consumer(1, "worker", 6, bench.now);
  const auto again = bench.take();
  REQUIRE(again.size() == 6);
  CHECK(again[0].offset == 1);
  CHECK(again[0].attempts == 1);
  CHECK(again[1].offset == 2);
  CHECK(again[1].attempts == 0);
  CHECK(again[2].redelivered);
  CHECK_FALSE(again[3].redelivered);
}

TEST_CASE("queue: what expires is ledgered, in time and also behind a held key, but not while delivered (G85)") {
  Settings settings;
  settings.message_ttl = seconds{10};
  Bench bench{settings};
  Enqueue soon;
  soon.expires_at = bench.now + seconds{5};
  bench.put("a");
  bench.put("a", soon);
  REQUIRE(bench.offsets() == Offsets{1});
  CHECK(bench.queue.next_wakeup() == bench.now + seconds{5});
  bench.now += seconds{5};
  bench.queue.advance(bench.now);
  bench.log();
  REQUIRE(bench.ledgered.size() == 1);
  CHECK(bench.ledgered[0].offset == 2);
  CHECK(bench.ledgered[0].reason == LossReason::expired);
  bench.now += seconds{100};
  bench.queue.advance(bench.now);
  CHECK(bench.queue.counts().unacknowledged == 1);
  bench.settle(1, Settlement::give_back);
  bench.log();
  CHECK(bench.ledgered.size() == 2);
  CHECK(bench.queue.counts().ledgered == 2);
  CHECK(bench.queue.counts().live() == 0);
}

TEST_CASE("queue: the length limit says how much room there is, or parks what is over (G85)") {
  Settings settings;
  settings.messages_max = 2;
  settings.bytes_max = 100;
  Bench refusing{settings};
  CHECK(refusing.queue.room().messages == 2);
  Enqueue large;
  large.bytes = 60;
  refusing.put("a", large);
  CHECK(refusing.queue.room().messages == 1);
  CHECK(refusing.queue.room().bytes == 40);
  settings.overflow_parks = true;
  Bench parking{settings};
  for (int i = 0; i < 4; ++i) parking.put("a");
  CHECK(parking.queue.counts().ready == 2);
  CHECK(parking.queue.parked(10).at(0).reason == ParkReason::overflow);
  REQUIRE(parking.offsets() == Offsets{1});
  parking.settle(1, Settlement::acknowledge);
  parking.put("a");  // there is room again, but its key waits for what parked
  CHECK(parking.offsets() == Offsets{2});
  parking.settle(2, Settlement::acknowledge);
  CHECK(parking.offsets().empty());
  parking.queue.redrive(parking.now);
  CHECK(parking.offsets() == Offsets{3});
}

TEST_CASE("queue: purge, discard and close leave a ledger line for each message (G85)") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.put("key-" + std::to_string(i));
  REQUIRE(bench.offsets(2) == Offsets{1, 2});
  bench.settle(1, Settlement::reject, {}, "no");
  CHECK(bench.queue.purge(bench.now) == 3);
  CHECK(bench.queue.discard(1, bench.now));
  CHECK_FALSE(bench.queue.discard(1, bench.now));
  CHECK(bench.queue.close(bench.now) == 1);
  bench.log();
  CHECK(bench.ledgered.size() == 5);
  CHECK(bench.queue.counts().law_holds());
  CHECK(bench.queue.counts().ledgered == 5);
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
  queue.take_effects();
  queue.changes_durable();
  queue.add_consumer(1, "worker", 10, now);
  std::vector<Delivery> out;
  CHECK(queue.deliver(now, 10, out) == 0);  // first the log must know that deliveries begin
  CHECK(queue.deliverable());
  const Effects effects = queue.take_effects();
  REQUIRE(effects.changes.size() == 1);
  CHECK(queue.deliver(now, 10, out) == 0);
  queue.changes_durable();
  CHECK(queue.deliver(now, 10, out) == 10);
  CHECK_FALSE(out[0].redelivered);

  Queue again = Queue::restore(settings, queue.snapshot());
  again.finish_recovery(now, 1'000);
  again.add_consumer(1, "worker", 200'000, now);
  std::vector<Delivery> all;
  for (int round = 0; round < 100 && all.size() < 200'000; ++round) {
    again.deliver(now, 10'000, all);
    again.take_effects();
    again.changes_durable();
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

TEST_CASE("queue: auto-delete and the queue's TTL ask for deletion, use puts it off") {
  Settings settings;
  settings.auto_delete = true;
  Queue queue{settings};
  CHECK_FALSE(queue.wants_deletion(zero));
  queue.add_consumer(1, "worker", 1, zero);
  CHECK_FALSE(queue.wants_deletion(zero));
  queue.remove_consumer(1, Leave::clean, zero);
  CHECK(queue.wants_deletion(zero));
  settings.auto_delete = false;
  settings.queue_ttl = seconds{60};
  Queue idle{settings};
  idle.touch(zero);
  CHECK(idle.next_wakeup() == zero + seconds{60});
  CHECK_FALSE(idle.wants_deletion(zero + seconds{59}));
  CHECK(idle.wants_deletion(zero + seconds{60}));
  idle.touch(zero + seconds{59});
  CHECK_FALSE(idle.wants_deletion(zero + seconds{60}));
}

TEST_CASE("queue: settings come from the declaration, what it leaves open from the hub") {
  laban::QueueSpec spec;
  spec.overflow = "park";
  spec.on_park = "release";
  spec.delivery_limit = 3;
  spec.backoff = seconds{5};
  Defaults defaults;
  defaults.backoff_max = seconds{1};
  const Settings settings = settings_from(spec, defaults, 7);
  CHECK(settings.overflow_parks);
  CHECK_FALSE(settings.park_holds);
  CHECK(settings.delivery_limit == 3);
  CHECK(settings.backoff == seconds{5});
  CHECK(settings.backoff_max == seconds{5});
  CHECK(settings.key_seed == 7);
  CHECK(settings_from({}, defaults).delivery_limit == defaults.delivery_limit);
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
  queue.take_effects();
  queue.changes_durable();
  std::vector<Delivery> out;
  CHECK(queue.deliver(zero + seconds{60}, 10, out) == 3);
}
