// monitor/core/dwell.hpp - how long instances stay in a state: what silence is measured by.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace laban::monitor {

// Counts in half octaves from a millisecond to half a year; a quantile is an upper bound within a factor of 1.5.
class Dwell {
 public:
  static constexpr std::size_t buckets = 70;

  void add(std::chrono::nanoseconds stay) {
    ++counts_[bucket(stay)];
    ++total_;
    if (total_ >= usual_at_ + usual_at_ / 16 + 1) find_usual();
  }
  // percentile_99() as of usual_at(), found again with each sixteenth more: what was seen decides it, and not when it is asked.
  std::chrono::nanoseconds usual() const { return usual_; }
  std::uint32_t usual_at() const { return usual_at_; }
  std::uint32_t total() const { return total_; }

  // Nothing of what was seen stayed longer than this in 99 of 100 cases.
  std::chrono::nanoseconds percentile_99() const {
    std::uint64_t seen = 0;
    std::size_t at = 0;
    for (; at + 1 < buckets; ++at) {
      seen += counts_[at];
      if (seen * 100 >= std::uint64_t{total_} * 99) break;
    }
    return upper(at);
  }

  const std::array<std::uint32_t, buckets>& counts() const { return counts_; }
  void restore(std::size_t bucket, std::uint32_t count) {
    counts_[bucket] = count;
    total_ += count;
  }
  // After the counts; 0 where it was not kept.
  void restore_usual(std::uint32_t at, std::chrono::nanoseconds usual) {
    usual_at_ = at;
    usual_ = usual;
    if (at == 0) find_usual();
  }

 private:
  void find_usual() {
    usual_ = percentile_99();
    usual_at_ = total_;
  }
  static std::size_t bucket(std::chrono::nanoseconds stay) {
    const std::int64_t millis = stay.count() / 1'000'000;
    if (millis <= 0) return 0;
    const auto value = static_cast<std::uint64_t>(millis);
    const auto octave = static_cast<std::size_t>(std::bit_width(value) - 1);
    const bool upper_half = octave > 0 && (value >> (octave - 1) & 1) != 0;
    return std::min<std::size_t>(1 + octave * 2 + (upper_half ? 1 : 0), buckets - 1);
  }
  static std::chrono::nanoseconds upper(std::size_t bucket) {
    if (bucket == 0) return std::chrono::milliseconds{1};
    const std::size_t octave = (bucket - 1) / 2;
    const std::uint64_t low = std::uint64_t{1} << octave;
    return std::chrono::milliseconds{(bucket - 1) % 2 == 0 ? low + low / 2 + 1 : low * 2};
  }

  std::array<std::uint32_t, buckets> counts_{};
  std::uint32_t total_ = 0;
  std::uint32_t usual_at_ = 0;
  std::chrono::nanoseconds usual_{0};
};

}  // namespace laban::monitor
