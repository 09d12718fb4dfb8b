// tests/unit/monitor/history/statistics_test.cpp - counts and their bytes.
#include "monitor/core/statistics.hpp"

#include <doctest/doctest.h>

#include "tests/support/seed.hpp"

using namespace laban::monitor;
using namespace std::chrono_literals;

TEST_CASE("statistics: a duration counts in every bound that is not shorter") {
  DurationHistogram histogram;
  histogram.add(1ms);
  histogram.add(100ms);
  histogram.add(1s);
  histogram.add(std::chrono::hours{24 * 400});
  CHECK(histogram.count() == 4);
  CHECK(histogram.at_most(-30) == 1);
  CHECK(histogram.at_most(-10) == 2);
  CHECK(histogram.at_most(0) == 3);
  CHECK(histogram.at_most(70) == 3);
  CHECK(histogram.quantile(0.5) == doctest::Approx(0.1).epsilon(0.27));
}

TEST_CASE("statistics: survive as bytes and refuse bytes of another definition") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  Statistics statistics(3);
  for (int i = 0; i < 200; ++i) {
    const Bucket bucket = bucket_at(random() % buckets);
    statistics.enter(bucket, {static_cast<std::uint16_t>(random() % 3)});
    statistics.duration.add(std::chrono::milliseconds{random() % 100'000});
    statistics.step_duration[random() % 3].add(std::chrono::milliseconds{random() % 100'000});
    ++statistics.passed[random() % 3];
  }
  const std::string bytes = statistics.save();
  Statistics same(3);
  REQUIRE(same.restore(bytes));
  CHECK(same.save() == bytes);
  CHECK(same.total() == 200);
  Statistics other(4);
  CHECK_FALSE(other.restore(bytes));
  CHECK(other.total() == 0);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK_FALSE(same.restore(std::string_view(bytes).substr(0, cut)));
}
