// tests/unit/bus/journal/journal_bench_test.cpp - the log's benchmark in small: it runs and counts what it was told.
#include <doctest/doctest.h>

#include "bench/journal_bench.hpp"

using namespace laban::bench;

TEST_CASE("bench: the log's append and its baseline write what they were told") {
  Settings settings;
  settings.count = 2'000;
  settings.window = 100;
  const auto pair = append_pair(settings);
  CHECK(pair.ratio() > 0);
  for (const auto& run : {pair.journal, pair.raw, journal_append_segments(settings)}) {
    CHECK(run.events == 2'000);
    CHECK(run.seconds > 0);
    CHECK(run.latency.p50 > 0);
  }
  CHECK(journal_open(settings).events == 2'000);
}
