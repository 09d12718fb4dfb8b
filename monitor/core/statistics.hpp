// monitor/core/statistics.hpp - what is counted of a definition beside the tracker's totals: instances by everything that a
// list can be filtered by, tokens a step, durations. Part of the fold: kept with the instances that they count.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/verdict.hpp"

namespace laban::monitor {

// Durations by tenths of a decade, from a millisecond to four months: a quantile is exact within 13 %, and every bound
// of the coarser histograms in /metrics is one of these bounds.
class DurationHistogram {
 public:
  static constexpr int bounds_a_decade = 10;
  static constexpr int lowest_decade = -3;
  static constexpr std::size_t bounds = 101;  // 1 ms ... 10,000,000 s

  void add(std::chrono::nanoseconds duration);
  void remove(std::chrono::nanoseconds duration);  // one that was added
  std::uint64_t count() const { return count_; }
  double sum_seconds() const { return sum_seconds_; }
  // How many lasted at most 10^(tenths/10) seconds.
  std::uint64_t at_most(int tenths_of_decade) const;
  // Seconds; 0 where nothing was added.
  double quantile(double q) const;

  void save(std::string& out) const;
  bool restore(std::string_view& in);

 private:
  std::array<std::uint64_t, bounds + 1> buckets_{};  // the last one: longer than every bound
  std::uint64_t count_ = 0;
  double sum_seconds_ = 0;
};

// One set of equal instances: a cell of the cube.
struct Bucket {
  InstanceState state = InstanceState::running;
  Verdict verdict = Verdict::conforming;
  std::uint8_t flags = 0;

  friend bool operator==(const Bucket&, const Bucket&) = default;
};

inline constexpr std::size_t flag_sets = 4;
inline constexpr std::size_t buckets = instance_states * verdicts * flag_sets;

constexpr std::size_t index_of(const Bucket& bucket) {
  return (static_cast<std::size_t>(bucket.state) * verdicts + static_cast<std::size_t>(bucket.verdict)) * flag_sets +
         bucket.flags;
}

constexpr Bucket bucket_at(std::size_t index) {
  return {static_cast<InstanceState>(index / (verdicts * flag_sets)),
          static_cast<Verdict>(index / flag_sets % verdicts), static_cast<std::uint8_t>(index % flag_sets)};
}

// Instances whose last steps include this one.
struct Tokens {
  std::uint64_t live = 0;
  std::uint64_t stuck = 0;
  std::uint64_t late = 0;
};

struct Statistics {
  explicit Statistics(std::size_t steps = 0)
      : tokens(steps), cells((steps + 1) * buckets), passed(steps), step_duration(steps) {}

  std::array<std::uint64_t, buckets> instances{};
  std::vector<Tokens> tokens;                    // by step
  std::vector<std::uint64_t> cells;              // by step, and one without a step, and bucket: see cell()
  std::vector<std::uint64_t> passed;             // by step: how often it showed
  DurationHistogram duration;                    // of ended instances
  std::vector<DurationHistogram> step_duration;  // by step: from the event before until it showed

  // Instances of a bucket that stand at the step; a step that the definition lacks is none.
  std::uint64_t cell(std::size_t step, std::size_t bucket) const {
    return cells[std::min(step, tokens.size()) * buckets + bucket];
  }

  std::uint64_t count(InstanceState state) const;
  std::uint64_t count(Verdict verdict) const;
  std::uint64_t count_flag(std::uint8_t flag) const;  // live instances
  std::uint64_t total() const;

  // An instance leaves one set of counts and enters another; where it stands counts only while it lives.
  void enter(const Bucket& bucket, const std::vector<std::uint16_t>& steps);
  void leave(const Bucket& bucket, const std::vector<std::uint16_t>& steps);

  std::string save() const;
  bool restore(std::string_view in);  // false, and unchanged, where the bytes have another number of steps
};

}  // namespace laban::monitor
