// tests/fault/soak/feed_world_test.cpp - subscribers converge over wires that lose most; and the wires do what they say.
#include "tests/support/feed_world.hpp"

#include <doctest/doctest.h>

#include "tests/support/lossy_wire.hpp"
#include "tests/support/seed.hpp"

using namespace laban::test;

TEST_CASE("feeds: a third and two thirds of messages lost and shuffled still converge in bounded rounds (G176)") {
  LABAN_SEED(seed);
  for (const int loss : {333, 667}) {
    std::uint64_t rounds = 0, lost = 0;
    for (std::uint64_t i = 0; i < 40; ++i) {
      CAPTURE(loss);
      CAPTURE(seed + i);
      const auto world = run_feed_world(seed + i, {loss, 250});
      for (const auto& wrong : world.wrongs) FAIL_CHECK(wrong);
      rounds = std::max(rounds, world.rounds);
      lost += world.lost;
    }
    CHECK(lost > 0);
    CHECK(rounds < 100);
  }
}

TEST_CASE("feeds: one seed is one world") {
  LABAN_SEED(seed);
  const auto once = run_feed_world(seed);
  const auto again = run_feed_world(seed);
  CHECK(once.published == again.published);
  CHECK(once.seen == again.seen);
  CHECK(once.lost == again.lost);
  CHECK(once.rounds == again.rounds);
}

TEST_CASE("lossy wire: without a treatment everything comes, once and in order") {
  LossyWire<int> wire{1};
  for (int i = 0; i < 10; ++i) wire.send(FrameKind::conversation, i, 0);
  for (int i = 0; i < 10; ++i) CHECK(wire.receive(0) == i);
  CHECK_FALSE(wire.receive(0));
  CHECK(wire.lost() == 0);
}

TEST_CASE("lossy wire: a delay without reordering keeps the order, with it does not, and kinds are treated apart") {
  LABAN_SEED(seed);
  LossyWire<int> wire{seed};
  wire.treat(FrameKind::conversation, {0, 0, 20, false});
  wire.treat(FrameKind::feed_batch, {0, 0, 20, true});
  wire.treat(FrameKind::heartbeat, {1000, 0, 0, false});
  for (int i = 0; i < 100; ++i) {
    wire.send(FrameKind::conversation, i, 0);
    wire.send(FrameKind::feed_batch, 1000 + i, 0);
    wire.send(FrameKind::heartbeat, -1, 0);
  }
  int next = 0, batches = 0, inversions = 0, last = 0;
  for (std::uint64_t now = 0; now <= 20; ++now) {
    while (const auto frame = wire.receive(now)) {
      if (*frame < 1000) {
        CHECK(*frame == next++);
      } else {
        inversions += *frame < std::exchange(last, *frame) ? 1 : 0;
        ++batches;
      }
    }
  }
  CHECK(next == 100);
  CHECK(batches == 100);
  CHECK(inversions > 0);
  CHECK(wire.lost() == 100);
}

TEST_CASE("lossy wire: a full one loses what goes beyond its mark, a cut one what is underway") {
  LossyWire<int> wire{1};
  wire.treat(FrameKind::feed_batch, {0, 0, 0, false, 2});
  for (int i = 0; i < 5; ++i) wire.send(FrameKind::feed_batch, i, 0);
  CHECK(wire.receive(0) == 0);
  wire.cut();
  CHECK_FALSE(wire.receive(0));
  CHECK(wire.lost() == 4);
}
