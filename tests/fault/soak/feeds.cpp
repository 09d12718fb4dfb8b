// tests/fault/soak/feeds.cpp - one seed a round: subscriptions over feeds that lose, repeat and shuffle, through reconnects
// and restarts of the hub. Each event once, in offset order.
#include <algorithm>
#include <sstream>

#include "tests/fault/soak/trial.hpp"
#include "tests/support/feed_world.hpp"

namespace laban::soak {

namespace {

constexpr std::size_t wrongs_shown = 10;

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  test::FeedWorldResult sum;
  const auto start = std::chrono::steady_clock::now();
  int worlds = 0;
  for (; worlds < options.rounds && result.wrongs.size() < wrongs_shown; ++worlds) {
    if (options.time.count() > 0 && std::chrono::steady_clock::now() - start > options.time) break;
    const auto seed = options.seed + static_cast<std::uint64_t>(worlds);
    const auto world = test::run_feed_world(seed);
    for (const auto& wrong : world.wrongs) result.wrongs.push_back("seed " + std::to_string(seed) + ": " + wrong);
    sum.published += world.published;
    sum.seen += world.seen;
    sum.lost += world.lost;
    sum.restarts += world.restarts;
    sum.reconnects += world.reconnects;
    sum.rounds = std::max(sum.rounds, world.rounds);
    if (worlds % 1'000 == 999) say(std::to_string(worlds + 1) + " seeds");
  }
  std::ostringstream line;
  line << worlds << " seeds, " << sum.published << " events published, " << sum.seen << " seen once and in order, "
       << sum.lost << " messages lost, " << sum.reconnects << " reconnects, " << sum.restarts
       << " restarts of the hub, caught up in at most " << sum.rounds << " heartbeats";
  result.line = line.str();
  return result;
}

const Registered feeds{"feeds", "loses and shuffles what subscribers get, one seed a round", run, 10'000};

}  // namespace

}  // namespace laban::soak
