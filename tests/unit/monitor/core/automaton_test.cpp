// tests/unit/monitor/core/automaton_test.cpp - the automaton against a search that tries everything.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "monitor/core/replay.hpp"
#include "tests/support/checked_trace.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/naive_search.hpp"
#include "tests/unit/monitor/core/random_process.hpp"

using namespace laban::monitor;
using namespace laban::test;

namespace {

std::string text(const std::vector<std::string>& trace) {
  std::string line;
  for (const auto& activity : trace) line += activity + " ";
  return line;
}

void compare(Definition& definition, const std::vector<std::string>& trace, int& compared) {
  const NaiveVerdict naive = NaiveSearch(definition.net()).run(trace);
  if (naive.too_large) return;
  ++compared;
  const CheckedTrace checked = check(definition, trace);
  CAPTURE(text(trace));
  CHECK(checked.fit == naive.fit);
  CHECK(checked.deviations.empty() == (naive.stuck_at < 0));
  if (naive.stuck_at < 0 || checked.deviations.empty()) return;
  CHECK(static_cast<int>(checked.deviations.front().index) == naive.stuck_at);
  CHECK(std::set<std::string>(checked.deviations.front().expected.begin(), checked.deviations.front().expected.end()) ==
        naive.expected);
}

std::vector<std::string> random_trace(std::mt19937_64& random, const Net& net, std::size_t most) {
  std::vector<std::string> trace;
  for (std::size_t n = random() % (most + 1); n > 0; --n) {
    const std::size_t step = random() % (net.steps.size() + 1);
    trace.push_back(step == net.steps.size() ? "foreign" : net.steps[step].types.front());
  }
  return trace;
}

// A run of the net from its start to a proper end, or nothing where chance led nowhere.
bool simulate(std::mt19937_64& random, const Net& net, std::vector<std::string>& trace) {
  Marking marking = net.initial, after;
  trace.clear();
  for (int turn = 0; turn < 400 && trace.size() < 60; ++turn) {
    if (is_final(net, marking)) return true;
    std::vector<const Transition*> enabled;
    for (const auto& transition : net.transitions)
      if (can_fire(net, transition, marking)) enabled.push_back(&transition);
    if (enabled.empty()) return false;
    const Transition& chosen = *enabled[random() % enabled.size()];
    if (!fire(net, chosen, marking, after)) return false;
    if (chosen.step != no_index) trace.push_back(net.steps[chosen.step].types.front());
    marking = after;
  }
  return false;
}

}  // namespace

TEST_CASE("automaton: agrees with an exhaustive search on wild nets, sound or not (G90) (G91) (G93)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  int compared = 0;
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    auto definition = Definition::of(random_net(random, round % 2 == 1), "wild");
    for (int trace = 0; trace < 12; ++trace) compare(*definition, random_trace(random, definition->net(), 7), compared);
    CHECK_FALSE(definition->automaton().approximate());
  }
  CHECK(compared > 2000);
}

TEST_CASE("automaton: a silent step that empties the place it takes from comes before and after its neighbours (G91)") {
  Net net;
  for (const char* name : {"waiting", "moved"}) net.places.emplace_back().name = name;
  net.initial = Marking(2, 1);
  for (const char* name : {"a", "b"}) {
    auto& step = net.steps.emplace_back();
    step.name = step.id = name;
    step.types = {name};
    step.required = true;
  }
  net.transitions.resize(3);
  net.transitions[0].take = net.transitions[0].clear = {0};
  net.transitions[0].put = {1};
  net.transitions[1].take = {0, 1};
  net.transitions[1].step = 0;
  net.transitions[2].take = {1};
  net.transitions[2].put = {0};
  net.transitions[2].step = 1;
  const auto definition = Definition::of(std::move(net), "emptying");
  int compared = 0;
  for (const auto& trace : {std::vector<std::string>{"b", "foreign"}, {"b", "a"}, {"b", "b", "a"}, {"a", "foreign"}})
    compare(*definition, trace, compared);
  CHECK(compared == 4);
}

TEST_CASE("automaton: agrees with an exhaustive search on processes of all gateways and scopes (G90) (G91)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  int compared = 0;
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    std::vector<Finding> findings;
    auto definition = Definition::of(RandomProcess(random).make(2 + round % 2), findings);
    std::vector<std::string> trace;
    for (int run = 0; run < 6; ++run) {
      if (!simulate(random, definition->net(), trace)) continue;
      compare(*definition, trace, compared);
      for (int change = 0; change < 3 && !trace.empty(); ++change) {
        auto changed = trace;
        const std::size_t at = random() % changed.size();
        if (change == 0) changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(at));
        if (change == 1) changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at), changed[at]);
        if (change == 2) std::swap(changed[at], changed[random() % changed.size()]);
        compare(*definition, changed, compared);
      }
    }
  }
  CHECK(compared > 300);
}

TEST_CASE("automaton: one change to a fitting trace gets a name of minimal cost (G92)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  int changed_traces = 0, dearer = 0;
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    std::vector<Finding> findings;
    auto definition = Definition::of(RandomProcess(random, true).make(3), findings);
    std::vector<std::string> trace;
    for (int run = 0; run < 4; ++run) {
      if (!simulate(random, definition->net(), trace) || trace.empty()) continue;
      CAPTURE(text(trace));
      CHECK(check(*definition, trace).fit);
      for (int change = 0; change < 4; ++change) {
        auto changed = trace;
        const auto at = static_cast<std::ptrdiff_t>(random() % changed.size());
        if (change == 0) changed.erase(changed.begin() + at);
        if (change == 1) changed.insert(changed.begin() + at, changed[static_cast<std::size_t>(at)]);
        if (change == 2) changed.insert(changed.begin() + at, "foreign");
        if (change == 3 && at + 1 < static_cast<std::ptrdiff_t>(changed.size()))
          std::swap(changed[static_cast<std::size_t>(at)], changed[static_cast<std::size_t>(at) + 1]);
        const CheckedTrace result = check(*definition, changed);
        if (result.deviations.empty()) continue;
        ++changed_traces;
        CAPTURE(change);
        CAPTURE(text(changed));
        std::size_t cost = 0;
        for (const auto& deviation : result.deviations)
          cost += deviation.kind == DeviationKind::skipped ? deviation.missing.size() : 1;
        dearer += cost == 1 ? 0 : 1;
        if (change == 2) CHECK(result.deviations.front().kind == DeviationKind::unexpected);
      }
    }
  }
  CHECK(changed_traces > 200);
  // Where a change fits at first and misfits later, the cheapest name can lie before the first misfit; that is rare.
  CHECK(dearer * 100 <= changed_traces);
}
