// bench/pairs.hpp - two programs in turn on one machine, and the ratio of each pair: a comparison that holds while the
// machine's speed drifts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/measurement.hpp"

namespace laban::bench {

struct Pair {
  std::string name;  // what is compared, for people
  std::function<Measurement()> ours;
  std::function<Measurement()> baseline;
  double floor = 0;  // the ratio ours / baseline that is asked for
  double aim = 0;
  enum class Of { events_a_second, median_latency } of = Of::events_a_second;  // of the latter less is better
};

struct Ratio {
  double median = 0;
  double min = 0;
  double max = 0;
};

// Runs both in turn `rounds` times.
Ratio compare(const Pair& pair, int rounds);

}  // namespace laban::bench
