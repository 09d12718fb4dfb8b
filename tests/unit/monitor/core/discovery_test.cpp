// tests/unit/monitor/core/discovery_test.cpp - counts are exact, and a drawn process is sound and fits its log.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "monitor/core/discovery.hpp"
#include "monitor/core/replay.hpp"
#include "monitor/core/soundness.hpp"
#include "tests/support/seed.hpp"

using namespace laban::monitor;

namespace {

using Log = std::vector<std::vector<std::string>>;

void feed(LogSink& sink, const Log& log) {
  for (const auto& trace : log) {
    sink.begin_trace("t");
    for (const auto& activity : trace) sink.event({activity, {}, {}});
    sink.end_trace();
  }
}

void check_model(ProcessModel model, const Log& log) {
  std::vector<Finding> findings;
  CHECK(check_soundness(compile(model, findings), &model).sound == true);
  auto definition = Definition::of(std::move(model), findings);
  Replay replay(*definition, {});
  feed(replay, log);
  CHECK(replay.totals().fit == log.size());
}

}  // namespace

TEST_CASE("discovery: counts activities, starts, ends, edges and variants") {
  Discovery found;
  feed(found, {{"a", "b", "b", "c"}, {"a", "c"}, {"a", "c"}, {}});
  CHECK(found.cases() == 4);
  CHECK(found.events() == 8);
  CHECK(found.activities() == std::vector<std::string>{"a", "b", "c"});
  CHECK(found.count(1) == 2);
  CHECK(found.starts(0) == 3);
  CHECK(found.ends(2) == 3);
  const auto edges = found.edges();
  REQUIRE(edges.size() == 4);
  CHECK((edges[0].from == 0 && edges[0].to == 1 && edges[0].count == 1));
  CHECK((edges[1].from == 0 && edges[1].to == 2 && edges[1].count == 2));
  CHECK((edges[2].from == 1 && edges[2].to == 1 && edges[2].count == 1));
  REQUIRE(found.variants().size() == 3);
  CHECK(found.variants()[0].count == 2);
  CHECK(found.variants()[0].activities == std::vector<std::uint32_t>{0, 2});
}

TEST_CASE("discovery: the processes drawn from a log are sound and fit all its traces (G104)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    Log log;
    for (int trace = 0; trace < 12; ++trace) {
      log.emplace_back();
      for (auto n = 1 + random() % 7; n > 0; --n)
        log.back().push_back(std::string(1, static_cast<char>('a' + random() % 5)));
    }
    Discovery found;
    feed(found, log);
    check_model(found.model("drawn"), log);
    check_model(found.block_model("drawn"), log);
    check_model(found.block_model("drawn", 3), log);
  }
}
