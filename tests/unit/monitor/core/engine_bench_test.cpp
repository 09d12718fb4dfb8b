// tests/unit/monitor/core/engine_bench_test.cpp - the engine's benchmark, small: it measures what it says it does.
#include <doctest/doctest.h>

#include "bench/engine_bench.hpp"

TEST_CASE("bench: the engine comes to the naive engine's verdicts over more than a hundred states (G102)") {
  laban::bench::Settings settings;
  settings.count = 20'000;
  settings.keys = 500;
  const auto measured = laban::bench::engine(settings, 20'000);
  CHECK(measured.agrees);
  CHECK(measured.states >= 100);
  CHECK(measured.instances == 500);
  CHECK(measured.events == 20'000);
  CHECK(measured.seconds > 0);
  const auto bare = laban::bench::bare_engine(settings);
  CHECK(bare.checksum == measured.checksum);
  CHECK(bare.instances == 500);
}
