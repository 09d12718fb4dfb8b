// tests/fault/soak/isolation_test.cpp - one subscriber is stopped; `./dev soak isolation` measures what the others notice of it.
#include <doctest/doctest.h>

#include "tests/fault/soak/stopped_reader.hpp"

TEST_CASE("isolation: a stopped subscriber keeps nothing from the others, and catches up without a gap (G308)") {
  laban::bench::Settings settings;
  // Far more, in small batches, than sockets and feeds hold for one who does not read.
  settings.count = 100'000;
  settings.size = 512;
  settings.window = 50;
  settings.subscribers = 2;
  const auto result = laban::soak::run_stopped_reader(settings, true);
  for (const auto& wrong : result.wrongs) MESSAGE(wrong);
  CHECK(result.wrongs.empty());
  CHECK(result.gaps > 0);
}
