// tests/system/client/fleeting_bench_test.cpp - the benchmark of events at most once, small.
#include <doctest/doctest.h>

#include "bench/fleeting_bench.hpp"

using namespace laban::bench;

TEST_CASE("bench: events at most once come through, or are counted as missed") {
  Settings settings;
  settings.count = 2'000;
  settings.subscribers = 2;
  const auto measured = at_most_once(settings);
  CHECK(measured.events > 0);
  CHECK(measured.events <= settings.count);
  CHECK(measured.seconds > 0);
}
