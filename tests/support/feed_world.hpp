// tests/support/feed_world.hpp - the hub's feeds and replays and the client's subscriptions in one thread, with nothing but
// lossy wires and a counted time between them. One seed is one world.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace laban::test {

struct FeedWorldOptions {
  int loss_per_mille = -1;  // of PUB/SUB messages, shuffled; -1: the seed chooses
  int ticks = 250;  // of trouble, then calm: nobody leaves and nothing is published, but the wires stay as they are
};

struct FeedWorldResult {
  std::uint64_t published = 0;
  std::uint64_t seen = 0;
  std::uint64_t lost = 0;      // frames, by the wires
  std::uint64_t replayed = 0;  // events
  std::uint64_t restarts = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t rounds = 0;  // heartbeats from calm to everyone's end
  std::vector<std::string> wrongs;
};

FeedWorldResult run_feed_world(std::uint64_t seed, const FeedWorldOptions& options = {});

}  // namespace laban::test
