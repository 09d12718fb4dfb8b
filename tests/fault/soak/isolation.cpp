// tests/fault/soak/isolation.cpp - the same load with and without a subscriber that is stopped for a minute, in turn: what
// the others' events take stays within the spread of the runs without.
#include <algorithm>
#include <cstdio>

#include "tests/fault/soak/stopped_reader.hpp"
#include "tests/fault/soak/trial.hpp"

namespace laban::soak {

namespace {

constexpr double rate = 5'000;
constexpr double seconds = 64;  // the stop begins after a twentieth of it

struct Runs {
  std::vector<double> p50, p99;
  void add(const bench::Latency& latency) {
    p50.push_back(latency.p50 * 1e3);
    p99.push_back(latency.p99 * 1e3);
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string spread(const std::vector<double>& values) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f (%.2f to %.2f)", median(values),
                *std::min_element(values.begin(), values.end()), *std::max_element(values.begin(), values.end()));
  return text;
}

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  bench::Settings settings;
  settings.rate = rate;
  settings.count = static_cast<std::uint64_t>(rate * seconds);
  settings.subscribers = 3;
  Runs without, with;
  std::uint64_t repaired = 0;
  double shortest = 1e9;
  for (int round = 0; round < options.rounds && result.wrongs.empty(); ++round) {
    for (const bool stop : {false, true}) {
      const auto one = run_stopped_reader(settings, stop);
      result.wrongs.insert(result.wrongs.end(), one.wrongs.begin(), one.wrongs.end());
      (stop ? with : without).add(one.others);
      char text[160];
      std::snprintf(text, sizeof text,
                    "pair %d, %s: the others' p50 %.2f ms, p99 %.2f ms; %llu gaps repaired from the log", round + 1,
                    stop ? "one stopped" : "none stopped", one.others.p50 * 1e3, one.others.p99 * 1e3,
                    static_cast<unsigned long long>(one.gaps));
      say(text);
      if (!stop) continue;
      repaired += one.gaps;
      shortest = std::min(shortest, one.stopped_seconds);
    }
  }
  if (!result.wrongs.empty() || with.p50.empty()) return result;
  // The middle of the runs with a stopped one, against the worst without: five pairs tell it, one does not.
  if (options.rounds >= 5 && (median(with.p50) > *std::max_element(without.p50.begin(), without.p50.end()) ||
                              median(with.p99) > *std::max_element(without.p99.begin(), without.p99.end())))
    result.wrongs.emplace_back("a subscriber that is stopped makes the others slower");
  char text[400];
  std::snprintf(
      text, sizeof text,
      "%zu pairs, one subscriber stopped for %.0f s: the others' p50 %s ms without and %s ms with it, p99 %s ms and "
      "%s ms; it caught up and missed nothing, %llu gaps repaired from the log",
      with.p50.size(), shortest, spread(without.p50).c_str(), spread(with.p50).c_str(), spread(without.p99).c_str(),
      spread(with.p99).c_str(), static_cast<unsigned long long>(repaired));
  result.line = text;
  return result;
}

const Registered isolation{"isolation", "one subscriber stopped for a minute under load: the others do not notice", run,
                           5};

}  // namespace

}  // namespace laban::soak
