// tests/unit/bus/routing/routing_bench_test.cpp - the routing benchmarks run, small.
#include "bench/routing_bench.hpp"

#include <doctest/doctest.h>

using namespace laban::bench;

TEST_CASE("routing bench: routes through a small topology and through fifteen #") {
  Settings settings;
  settings.count = 2'000;
  CHECK(routing(settings, 2'000).events == settings.count);
  CHECK(routing_hashes(settings).events == settings.count);
}
