// tests/unit/bus/client/aeron_resilience_test.cpp - what Aeron tests of its persistent subscriptions, under the names that it
// gives: a hub that goes and comes back, slow readers, and losses on both ways.
#include <doctest/doctest.h>

#include <random>

#include "tests/support/seed.hpp"
#include "tests/unit/bus/client/aeron_stream.hpp"

using namespace laban;
using namespace laban::client;
using namespace laban::client::aeron;

namespace {

// Per cent of answers and of live batches that are lost, while the publisher goes on for `busy` steps.
void run_lossy(std::mt19937_64& random, unsigned replay_loss, unsigned live_loss, std::uint64_t recorded, int busy,
               bool kills = false) {
  CAPTURE(replay_loss);
  CAPTURE(live_loss);
  Stream stream{recorded, {32, 1 << 20}};
  stream.connect(1);
  for (int step = 0; step < busy + 2'000; ++step) {
    if (step < busy) {
      const auto batch = stream.publish(1 + random() % 3);
      if (random() % 100 >= live_loss) stream.arrives(batch);
      if (kills && random() % 40 == 0) {
        stream.restart_hub();
        stream.reconnect();
      }
    } else if (step % 4 == 0) {
      stream.beat();
    }
    if (const auto answer = stream.ask(1 + random() % 8)) {
      if (random() % 100 < replay_loss) {
        stream.merge.forget_request();
      } else {
        stream.answered(*answer);
      }
    }
  }
  CHECK(stream.is_live());
  CHECK(stream.seen == range(1, stream.head()));
}

}  // namespace

// --- the hub goes, and comes back

TEST_CASE(
    "as Aeron: shouldRecoverFromArchiveRestartDuringReplay, "
    "shouldRecoverWhenThePersistentPublicationIsRestartedDuringReplay (G54)") {
  Stream stream{9};
  stream.connect(1);
  stream.replay(4);
  const auto underway = stream.ask(3);
  stream.restart_hub();
  REQUIRE(underway);
  stream.answered(*underway);  // of a life that has ended
  CHECK(stream.seen == range(1, 4));
  stream.reconnect();
  stream.replay_all(3);
  stream.arrives(stream.publish(1));
  CHECK(stream.seen == range(1, 10));
}

TEST_CASE(
    "as Aeron: shouldReconnectToTheArchiveAfterArchiveRestart, "
    "shouldRecoverWhenThePersistentPublicationIsRestartedWhileOnLive (G54)") {
  Stream stream;
  stream.connect(1);
  stream.arrives(stream.publish(2));
  stream.restart_hub();
  stream.record(3);  // published to the next hub before this reader is back
  stream.reconnect();
  stream.replay_all();
  stream.arrives(stream.publish(1));
  stream.replay_all();
  CHECK(stream.seen == range(1, 6));
}

TEST_CASE("as Aeron: shouldRejoinLiveEvenIfNoFragmentsHaveBeenConsumedAfterJoiningFromLive (G54)") {
  Stream stream{5};
  stream.connect(6);
  stream.beat();
  stream.lose_connection();
  stream.record(2);
  stream.reconnect();
  stream.replay_all();
  CHECK(stream.seen == range(6, 7));
}

TEST_CASE("as Aeron: shouldContinueConsumingFromLiveWhileArchiveIsUnavailable (G54)") {
  Stream stream;
  stream.connect(1);
  for (int round = 0; round < 20; ++round) stream.arrives(stream.publish(1));  // nobody answers; nothing is asked
  CHECK(stream.asked == 0);
  CHECK(stream.seen == range(1, 20));
}

TEST_CASE(
    "as Aeron: shouldRetryAndRecoverWhenArchiveIsNotAvailableDuringStartUp, shouldTimeoutOnReplayResponseSelectively "
    "(G54)") {
  Stream stream{3};
  stream.connect(1);
  for (int lost = 0; lost < 10; ++lost) {
    REQUIRE(stream.ask());
    CHECK_FALSE(stream.ask());  // one at a time
    stream.merge.forget_request();
  }
  stream.replay_all();
  CHECK(stream.seen == range(1, 3));
}

TEST_CASE(
    "as Aeron: shouldRecoverWhenLiveImageClosesDuringAttemptSwitch, "
    "shouldNotUseStaleNextLivePositionAfterRefreshFromAttemptSwitch (G54)") {
  Stream stream{4};
  stream.connect(1);
  stream.replay(2);
  const auto stale = stream.publish(2);
  stream.arrives(stale);  // kept aside for the switch
  stream.restart_hub();
  stream.record(1);
  stream.reconnect();
  stream.arrives(stale);
  const auto request = stream.ask();
  REQUIRE(request);
  CHECK(request->up_to == stream.head());  // not up to what was kept in the life before
  stream.answered(*request);
  CHECK(stream.seen == range(1, 7));
}

// --- who reads slowly

TEST_CASE("as Aeron: shouldRespectAbortActionDuringReplayAndLive (G54)") {
  Stream stream{6};
  stream.connect(1);
  stream.replay(2);
  stream.merge.hold(true);  // the application has no room
  CHECK_FALSE(stream.replay());
  stream.arrives(stream.publish(2));
  stream.merge.hold(false);
  stream.replay_all();
  stream.merge.hold(true);
  stream.arrives(stream.publish(1));
  CHECK(stream.seen == range(1, 8));
  stream.merge.hold(false);
  stream.replay_all();
  CHECK(stream.seen == range(1, 9));
}

TEST_CASE(
    "as Aeron: anUntetheredPersistentSubscriptionCanFallBehindATetheredSubscription, "
    "aTetheredPersistentSubscriptionDoesNotFallBehindAnUntetheredSubscription (G54)") {
  Stream fast;
  Stream slow;  // the same feed, by the same sequence
  fast.connect(1);
  slow.connect(1);
  slow.merge.hold(true);
  for (int round = 0; round < 100; ++round) {
    const auto batch = fast.publish(2);
    slow.record(2);
    (void)slow.fan_out();
    fast.arrives(batch);
    slow.arrives(batch);
    REQUIRE(fast.is_live());
  }
  CHECK(slow.seen.empty());
  slow.merge.hold(false);
  slow.replay_all(7);
  CHECK(slow.seen == fast.seen);
}

TEST_CASE("as Aeron: shouldTriggerLiveCatchupAbortByFreezingReplayDuringSwitch (G54)") {
  Stream stream{10, {8, 1 << 20}};
  stream.connect(1);
  const auto frozen = stream.ask();
  for (int round = 0; round < 50; ++round) stream.arrives(stream.publish(2));  // more than there is room for
  REQUIRE(frozen);
  stream.answered(*frozen);
  stream.replay_all();
  CHECK(stream.seen == range(1, stream.head()));
}

// --- losses

TEST_CASE("as Aeron: shouldDeliverAllMessagesWhenLastReplayFrameBeforeCutoverIsLost (G54)") {
  Stream stream{4};
  stream.connect(1);
  stream.replay(3);
  stream.arrives(stream.publish(2));
  REQUIRE(stream.ask());  // its answer is lost
  stream.arrives(stream.publish(1));
  stream.merge.forget_request();
  stream.replay_all();
  CHECK(stream.seen == range(1, 7));
}

TEST_CASE(
    "as Aeron: shouldDeliverAllMessagesWhenFirstLiveFrameAfterJoinIsLost, "
    "shouldStartFromLiveAndRecoverFromInitialLiveChannelLoss (G54)") {
  for (const std::uint64_t recorded : {0u, 4u}) {
    for (const bool heartbeat_tells : {false, true}) {
      Stream stream{recorded};
      stream.connect(1);
      stream.replay_all();
      (void)stream.publish(1);
      if (heartbeat_tells) {
        stream.beat();
      } else {
        stream.arrives(stream.publish(1));
      }
      stream.replay_all();
      CHECK(stream.seen == range(1, stream.head()));
    }
  }
}

TEST_CASE("as Aeron: shouldDeliverSingleMessageRecordingWithReplayLoss (G54)") {
  Stream stream{1};
  stream.connect(1);
  REQUIRE(stream.ask());
  stream.merge.forget_request();
  stream.replay_all();
  CHECK(stream.seen == range(1, 1));
}

TEST_CASE(
    "as Aeron: shouldCatchupLiveGapDuringAttemptSwitchWithReplayLoss, "
    "shouldTransitionToLiveWhenReplayFramesAreLostDuringAttemptSwitch (G54)") {
  Stream stream{3};
  stream.connect(1);
  stream.replay(1);
  stream.arrives(stream.publish(1));
  (void)stream.publish(1);  // a gap behind what is kept aside
  stream.arrives(stream.publish(1));
  for (int lost = 0; lost < 3; ++lost) {
    REQUIRE(stream.ask(1));
    stream.merge.forget_request();
    stream.replay(1);
  }
  stream.replay_all(1);
  CHECK(stream.seen == range(1, 6));
}

TEST_CASE(
    "as Aeron: shouldReceiveAllMessagesWith Moderate, Heavy and RuntimePartialReplayLoss, LossOnLiveChannel and "
    "LossOnBothChannels (G54)") {
  LABAN_SEED(seed);
  for (int trial = 0; trial < 40; ++trial) {
    std::mt19937_64 random{seed + static_cast<std::uint64_t>(trial)};
    CAPTURE(trial);
    run_lossy(random, 20, 0, 200, 0);
    run_lossy(random, 60, 0, 200, 0);
    run_lossy(random, 0, 40, 0, 100);
    run_lossy(random, 40, 40, 100, 100);
  }
}

TEST_CASE(
    "as Aeron: shouldTransitionToLiveThroughLossyReplayWhilePublishing, shouldRecoverFromArchiveKillDuringLossyReplay "
    "(G54)") {
  LABAN_SEED(seed);
  for (int trial = 0; trial < 40; ++trial) {
    std::mt19937_64 random{seed + static_cast<std::uint64_t>(trial)};
    CAPTURE(trial);
    run_lossy(random, 50, 10, 150, 200);
    run_lossy(random, 50, 30, 150, 200, true);
  }
}
