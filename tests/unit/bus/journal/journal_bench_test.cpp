// tests/unit/bus/journal/journal_bench_test.cpp - the log's benchmark in small: it runs and counts what it was told.
#include <doctest/doctest.h>

#include "bench/journal_bench.hpp"

using namespace laban::bench;

TEST_CASE("bench: the log's append and its baseline write what they were told") {
  Settings settings;
  settings.count = 2'000;
  settings.window = 100;
  for (const auto& run : {journal_append(settings), raw_append(settings), journal_append_segments(settings)}) {
    CHECK(run.events == 2'000);
    CHECK(run.seconds > 0);
    CHECK(run.latency.p50 > 0);
  }
  CHECK(journal_open(settings).events == 2'000);
}
