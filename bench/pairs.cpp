// bench/pairs.cpp - A B A B, then the median.
#include "bench/pairs.hpp"

#include <algorithm>
#include <cstdio>

namespace laban::bench {

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

static double figure(const Measurement& measured, Pair::Of of) {
  return of == Pair::Of::events_a_second ? measured.per_second() : measured.latency.p50;
}

Ratio compare(const Pair& pair, int rounds) {
  std::vector<double> ratios;
  std::vector<double> cpu_ratios;
  std::printf("%s\n", pair.name.c_str());
  for (int round = 0; round < rounds; ++round) {
    const auto ours = pair.ours();
    const auto baseline = pair.baseline();
    std::printf("  %s\n  %s\n", to_text(ours).c_str(), to_text(baseline).c_str());
    std::fflush(stdout);
    ratios.push_back(figure(ours, pair.of) / figure(baseline, pair.of));
    if (baseline.cpu_an_event() > 0) cpu_ratios.push_back(ours.cpu_an_event() / baseline.cpu_an_event());
  }
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  const Ratio ratio{median(ratios), *low, *high};
  std::printf("  ratio %.2f (%.2f-%.2f) of %d pairs; %s %.2f, aim %.2f\n", ratio.median, ratio.min, ratio.max, rounds,
              pair.of == Pair::Of::events_a_second ? "floor" : "at most", pair.floor, pair.aim);
  if (!cpu_ratios.empty()) std::printf("  CPU an event: %.2f of the baseline's\n", median(cpu_ratios));
  std::printf("\n");
  return ratio;
}

}  // namespace laban::bench
