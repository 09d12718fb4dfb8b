// tests/unit/bus/client/aeron_list_test.cpp - what Aeron tests of its persistent subscriptions, under the names that it gives:
// from the log to the feed, and back to the log.
#include <doctest/doctest.h>

#include "tests/unit/bus/client/aeron_stream.hpp"

using namespace laban;
using namespace laban::client;
using namespace laban::client::aeron;

// --- from the log to the feed

TEST_CASE("as Aeron: shouldStartFromLiveWhenThereIsNoDataToReplay, canJoinALiveStreamAtTheBeginning (G54)") {
  Stream stream;
  stream.connect(1);
  CHECK(stream.is_live());
  stream.arrives(stream.publish(2));
  CHECK(stream.seen == range(1, 2));
  CHECK(stream.asked == 0);
}

TEST_CASE(
    "as Aeron: shouldReplayExistingRecordingThenJoinLive, shouldReplayFromRecordingStartPositionWhenStartingFromStart "
    "(G54)") {
  Stream stream{5};
  stream.connect(1);
  stream.replay_all();
  CHECK(stream.seen == range(1, 5));
  CHECK(stream.is_live());
  stream.arrives(stream.publish(2));
  CHECK(stream.is_live());
  CHECK(stream.seen == range(1, 7));
}

TEST_CASE(
    "as Aeron: shouldStartFromLiveWithNoInitialReplayIfRequested, shouldNotReplayOldMessagesWhenStartingFromLive "
    "(G54)") {
  Stream stream{10};
  stream.connect(11);
  CHECK(stream.is_live());
  stream.arrives(stream.publish(3));
  CHECK(stream.seen == range(11, 13));
  CHECK(stream.asked == 0);
}

TEST_CASE("as Aeron: shouldReplayFromSpecificMidRecordingPosition (G54)") {
  Stream stream{10};
  stream.connect(7);
  stream.replay_all(2);
  CHECK(stream.seen == range(7, 10));
}

TEST_CASE(
    "as Aeron: shouldTransitionFromReplayToLiveWhileLiveIsAdvancing, canJoinLiveWhenLiveAndReplayAreAdvancing (G54)") {
  // Little room for live batches and small answers: it joins as soon as the publisher pauses.
  Stream stream{20, {4, 1 << 20}};
  stream.connect(1);
  for (int round = 0; round < 100; ++round) {
    stream.arrives(stream.publish(3));
    stream.replay(2);
  }
  stream.replay_all(2);
  CHECK(stream.seen == range(1, stream.head()));
  stream.arrives(stream.publish(1));
  CHECK(stream.is_live());
}

TEST_CASE(
    "as Aeron: shouldCatchupOnReplayBeforeSwitchingToLive, "
    "canSwitchFromReplayToLiveWhenLivePositionIsAheadOfReplayPosition (G54)") {
  Stream stream{4};
  stream.connect(1);
  const auto first = stream.ask(2);
  REQUIRE(first);
  stream.arrives(stream.publish(3));  // ahead: kept aside
  CHECK(stream.seen.empty());
  stream.answered(*first);
  CHECK(stream.seen == range(1, 2));
  stream.replay_all();
  CHECK(stream.seen == range(1, 7));
  CHECK(stream.asked == 2);  // what was kept is not asked for
}

TEST_CASE("as Aeron: shouldHandOffToLiveWhenReplayCatchesUpAtPublisherJoinPosition (G54)") {
  Stream stream{4};
  stream.connect(1);
  stream.replay_all();
  stream.arrives(stream.publish(1));  // begins where the replay ended
  CHECK(stream.seen == range(1, 5));
  CHECK(stream.asked == 1);
}

TEST_CASE("as Aeron: shouldHandleReplayBeingAheadOfLive (G54)") {
  Stream stream{2};
  stream.connect(1);
  const auto late = stream.publish(4);
  stream.replay_all();  // the log has them before the feed brings them
  CHECK(stream.seen == range(1, 6));
  stream.arrives(late);
  CHECK(stream.seen == range(1, 6));
  stream.arrives(stream.publish(1));
  CHECK(stream.seen == range(1, 7));
}

TEST_CASE(
    "as Aeron: canStartAtRecordingStopPositionWhenLiveHasNotAdvanced, "
    "shouldStartFromStoppedRecordingAndJoinLiveWhenLiveHasNotAdvanced (G54)") {
  Stream stream{6};
  stream.connect(7);
  stream.beat();
  CHECK(stream.is_live());
  CHECK(stream.seen.empty());
  stream.arrives(stream.publish(1));
  CHECK(stream.seen == range(7, 7));
}

TEST_CASE(
    "as Aeron: shouldCatchUpWhenStartingAtStopPositionOfExtendedRecording, "
    "shouldRefreshAndReplayWhenLiveAheadOfStopPositionAfterResume (G54)") {
  Stream stream{6};
  stream.record(5);  // since the reader wrote down where it was
  stream.connect(7);
  stream.replay_all(2);
  CHECK(stream.seen == range(7, 11));
  stream.arrives(stream.publish(1));
  CHECK(stream.seen == range(7, 12));
}

TEST_CASE(
    "as Aeron: shouldJoinLiveUponReachingEndOfRecordingWhenLiveBecomesAvailable, "
    "shouldRetryAndRecoverWhenLiveIsNotAvailableDuringStartUp (G54)") {
  Stream stream{3};
  stream.connect(1);
  stream.replay_all();
  (void)stream.publish(2);  // before the feed has admitted the reader
  stream.beat();            // its first word
  stream.replay_all();
  CHECK(stream.seen == range(1, 5));
  stream.arrives(stream.publish(1));
  CHECK(stream.is_live());
  CHECK(stream.seen == range(1, 6));
}

TEST_CASE("as Aeron: shouldStayOnReplayWhenLiveCannotConnect (G54)") {
  Stream stream{3};
  stream.connect(1, false);
  for (int round = 0; round < 5; ++round) {
    stream.replay_all(2);
    CHECK(stream.seen == range(1, stream.head()));
    stream.record(2);
    stream.merge.advanced(stream.head());
  }
}

// --- back to the log

TEST_CASE("as Aeron: shouldDropFromLiveBackToReplayThenJoinLiveAgain (G54)") {
  Stream stream;
  stream.connect(1);
  stream.arrives(stream.publish(1));
  for (int lost = 2; lost <= 64; ++lost) (void)stream.publish(1);  // the socket was full
  stream.arrives(stream.publish(1));
  CHECK(stream.merge.missed_batches() == 63);
  const auto gap = stream.ask();
  REQUIRE(gap);
  CHECK(gap->after == 1);
  CHECK(gap->up_to == 64);
  stream.answered(*gap);
  stream.arrives(stream.publish(1));
  CHECK(stream.is_live());
  CHECK(stream.seen == range(1, 66));
}

TEST_CASE(
    "as Aeron: canFallbackToReplayAfterStartingFromLive, shouldDeliverFirstReplayFrameAfterFallbackFromLive (G54)") {
  Stream stream{8};
  stream.connect(9);
  stream.arrives(stream.publish(1));
  (void)stream.publish(2);
  stream.arrives(stream.publish(1));
  stream.replay(1);
  CHECK(stream.seen == range(9, 10));
  stream.replay_all(1);
  CHECK(stream.seen == range(9, 12));
}

TEST_CASE("as Aeron: shouldHandlePublisherStoppingWhileLive (G54)") {
  Stream stream;
  stream.connect(1);
  stream.arrives(stream.publish(2));
  for (int beat = 0; beat < 100; ++beat) stream.beat();
  CHECK(stream.is_live());
  CHECK(stream.asked == 0);
  CHECK(stream.seen == range(1, 2));
}

TEST_CASE("as Aeron: shouldCycleThroughMultipleLiveReplayTransitions (G54)") {
  Stream stream{2};
  stream.connect(1);
  for (int cycle = 0; cycle < 50; ++cycle) {
    stream.replay_all();
    CHECK(stream.is_live());
    stream.arrives(stream.publish(1));
    (void)stream.publish(2);
    stream.beat();
  }
  stream.replay_all();
  CHECK(stream.seen == range(1, stream.head()));
}

TEST_CASE(
    "as Aeron: cannotFallbackToReplayWhenRecordingHasBeenRemoved, "
    "fallbackFromLiveFailsWhenRecordingStoppedBeforeLivePosition (G55)") {
  Stream stream;
  stream.connect(1);
  stream.arrives(stream.publish(2));
  (void)stream.publish(4);
  stream.drop_log_before(6);
  stream.arrives(stream.publish(1));
  stream.replay_all();
  CHECK(stream.seen == Offsets{1, 2, 6, 7});
  REQUIRE(stream.misses.size() == 1);
  CHECK(stream.misses[0].from == 3);
  CHECK(stream.misses[0].to == 5);
}

TEST_CASE("as Aeron: shouldErrorIfStartPositionIsBeforeRecordingStartPosition (G55)") {
  Stream stream{9};
  stream.drop_log_before(4);
  stream.connect(2);
  stream.replay_all();
  CHECK(stream.seen == range(4, 9));
  REQUIRE(stream.misses.size() == 1);
  CHECK(stream.misses[0].from == 2);
  CHECK(stream.misses[0].to == 3);
}

TEST_CASE("as Aeron: shouldErrorIfLiveStreamPositionGoesBackwards (G54)") {
  Stream stream;
  stream.connect(1);
  const auto old = stream.publish(3);
  stream.arrives(old);
  stream.arrives(stream.publish(2));
  stream.arrives(old);
  auto twisted = stream.publish(2);
  std::swap(twisted.after, twisted.up_to);
  stream.arrives(twisted);
  CHECK(stream.seen == range(1, 5));
  stream.beat();
  stream.replay_all();
  CHECK(stream.seen == range(1, 7));
}
