// bench/pairs.cpp - A B A B, then the median.
#include "bench/pairs.hpp"

#include <algorithm>
#include <cstdio>

namespace laban::bench {

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Ratio compare(const Pair& pair, int rounds) {
  std::vector<double> ratios;
  std::printf("%s\n", pair.name.c_str());
  for (int round = 0; round < rounds; ++round) {
    const auto ours = pair.ours();
    const auto baseline = pair.baseline();
    std::printf("  %s\n  %s\n", to_text(ours).c_str(), to_text(baseline).c_str());
    std::fflush(stdout);
    ratios.push_back(ours.per_second() / baseline.per_second());
  }
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  const Ratio ratio{median(ratios), *low, *high};
  std::printf("  ratio %.2f (%.2f-%.2f) of %d pairs; floor %.2f, aim %.2f\n\n", ratio.median, ratio.min, ratio.max,
              rounds, pair.floor, pair.aim);
  return ratio;
}

}  // namespace laban::bench
