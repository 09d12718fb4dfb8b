// monitor/core/statistics.cpp - counting, and the counts as bytes.
#include "monitor/core/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace laban::monitor {
namespace {

const std::array<double, DurationHistogram::bounds>& bound_seconds() {
  static const auto table = [] {
    std::array<double, DurationHistogram::bounds> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = std::pow(10.0,
                        DurationHistogram::lowest_decade + static_cast<double>(i) / DurationHistogram::bounds_a_decade);
    }
    return out;
  }();
  return table;
}

void put(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

bool take(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::uint64_t& cell_of(Statistics& statistics, const Bucket& bucket, const std::vector<std::uint16_t>& steps) {
  const std::size_t none = statistics.tokens.size();
  const std::size_t step = steps.empty() ? none : std::min<std::size_t>(steps.back(), none);
  return statistics.cells[step * buckets + index_of(bucket)];
}

}  // namespace

void DurationHistogram::add(std::chrono::nanoseconds duration) {
  const double seconds = std::max(0.0, std::chrono::duration<double>(duration).count());
  const auto& table = bound_seconds();
  ++buckets_[static_cast<std::size_t>(std::lower_bound(table.begin(), table.end(), seconds) - table.begin())];
  ++count_;
  sum_seconds_ += seconds;
}

void DurationHistogram::remove(std::chrono::nanoseconds duration) {
  const double seconds = std::max(0.0, std::chrono::duration<double>(duration).count());
  const auto& table = bound_seconds();
  auto& bucket =
      buckets_[static_cast<std::size_t>(std::lower_bound(table.begin(), table.end(), seconds) - table.begin())];
  if (bucket == 0) return;
  --bucket;
  --count_;
  sum_seconds_ = count_ == 0 ? 0 : sum_seconds_ - seconds;
}

std::uint64_t DurationHistogram::at_most(int tenths_of_decade) const {
  const int last = tenths_of_decade - lowest_decade * bounds_a_decade;
  std::uint64_t out = 0;
  for (int i = 0; i <= last && i < static_cast<int>(bounds); ++i) out += buckets_[static_cast<std::size_t>(i)];
  return out;
}

double DurationHistogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const auto& table = bound_seconds();
  const double wanted = q * static_cast<double>(count_);
  double before = 0;
  for (std::size_t i = 0; i < bounds; ++i) {
    const auto here = static_cast<double>(buckets_[i]);
    if (here > 0 && before + here >= wanted) {
      const double low = i == 0 ? 0 : table[i - 1];
      return low + (table[i] - low) * std::clamp((wanted - before) / here, 0.0, 1.0);
    }
    before += here;
  }
  return table.back();
}

void DurationHistogram::save(std::string& out) const {
  put(out, static_cast<std::uint64_t>(std::count_if(buckets_.begin(), buckets_.end(), [](auto n) { return n != 0; })));
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] == 0) continue;
    put(out, i);
    put(out, buckets_[i]);
  }
  put(out, std::bit_cast<std::uint64_t>(sum_seconds_));
}

bool DurationHistogram::restore(std::string_view& in) {
  *this = {};
  std::uint64_t filled = 0;
  if (!take(in, filled) || filled > buckets_.size()) return false;
  for (; filled > 0; --filled) {
    std::uint64_t at = 0;
    std::uint64_t n = 0;
    if (!take(in, at) || !take(in, n) || at >= buckets_.size()) return false;
    buckets_[at] = n;
    count_ += n;
  }
  std::uint64_t sum = 0;
  if (!take(in, sum)) return false;
  sum_seconds_ = std::bit_cast<double>(sum);
  return true;
}

std::uint64_t Statistics::count(InstanceState state) const {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < buckets; ++i) out += bucket_at(i).state == state ? instances[i] : 0;
  return out;
}

std::uint64_t Statistics::count(Verdict verdict) const {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < buckets; ++i) out += bucket_at(i).verdict == verdict ? instances[i] : 0;
  return out;
}

std::uint64_t Statistics::count_flag(std::uint8_t flag) const {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    const Bucket bucket = bucket_at(i);
    if (is_live(bucket.state) && (bucket.flags & flag) != 0) out += instances[i];
  }
  return out;
}

std::uint64_t Statistics::total() const {
  std::uint64_t out = 0;
  for (const auto n : instances) out += n;
  return out;
}

void Statistics::enter(const Bucket& bucket, const std::vector<std::uint16_t>& steps) {
  ++instances[index_of(bucket)];
  ++cell_of(*this, bucket, steps);
  if (!is_live(bucket.state)) return;
  for (const auto step : steps) {
    if (step >= tokens.size()) continue;
    ++tokens[step].live;
    if ((bucket.flags & flag_stuck) != 0) ++tokens[step].stuck;
    if ((bucket.flags & flag_late) != 0) ++tokens[step].late;
  }
}

void Statistics::leave(const Bucket& bucket, const std::vector<std::uint16_t>& steps) {
  assert(instances[index_of(bucket)] > 0);
  --instances[index_of(bucket)];
  --cell_of(*this, bucket, steps);
  if (!is_live(bucket.state)) return;
  for (const auto step : steps) {
    if (step >= tokens.size()) continue;
    --tokens[step].live;
    if ((bucket.flags & flag_stuck) != 0) --tokens[step].stuck;
    if ((bucket.flags & flag_late) != 0) --tokens[step].late;
  }
}

std::string Statistics::save() const {
  std::string out;
  put(out, tokens.size());
  for (const auto n : instances) put(out, n);
  for (const auto& at : tokens) {
    put(out, at.live);
    put(out, at.stuck);
    put(out, at.late);
  }
  put(out, static_cast<std::uint64_t>(std::count_if(cells.begin(), cells.end(), [](auto n) { return n != 0; })));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i] == 0) continue;
    put(out, i);
    put(out, cells[i]);
  }
  for (const auto n : passed) put(out, n);
  duration.save(out);
  for (const auto& histogram : step_duration) histogram.save(out);
  return out;
}

bool Statistics::restore(std::string_view in) {
  Statistics out(tokens.size());
  std::uint64_t steps = 0;
  if (!take(in, steps) || steps != tokens.size()) return false;
  bool good = true;
  for (auto& n : out.instances) good = good && take(in, n);
  for (auto& at : out.tokens) good = good && take(in, at.live) && take(in, at.stuck) && take(in, at.late);
  std::uint64_t filled = 0;
  good = good && take(in, filled);
  for (; good && filled > 0; --filled) {
    std::uint64_t at = 0;
    good = take(in, at) && at < out.cells.size() && take(in, out.cells[at]);
  }
  for (auto& n : out.passed) good = good && take(in, n);
  good = good && out.duration.restore(in);
  for (auto& histogram : out.step_duration) good = good && histogram.restore(in);
  if (!good || !in.empty()) return false;
  *this = std::move(out);
  return true;
}

}  // namespace laban::monitor
