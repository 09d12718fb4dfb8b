// tests/unit/bus/queue/queue_test.cpp - the queue's rules one by one.
#include <doctest/doctest.h>

#include <map>

#include "laban/model.hpp"
#include "tests/unit/bus/queue/one_queue.hpp"

using namespace laban::test;
using std::chrono::milliseconds;

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
