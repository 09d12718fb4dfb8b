// tests/unit/monitor/core/state_tables_test.cpp - what is known of a state (what can come, what must come, how far the end is)
// against a search over all markings.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "monitor/core/definition.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/random_process.hpp"

using namespace laban::monitor;
using namespace laban::test;

namespace {

using Markings = std::set<Marking>;

// The cheapest way from some markings to a proper end that takes no step of a name: a required step costs one, all else
// nothing. Nothing where there is none; `too_large` where the search was given up.
struct Naive {
  explicit Naive(const Net& given) : net(given) {}

  std::optional<std::uint32_t> distance(const Markings& from, const std::string& avoided) {
    std::map<Marking, std::uint32_t> best;
    std::deque<std::pair<std::uint32_t, Marking>> open;
    for (const Marking& marking : from) open.emplace_back(0, marking);
    Marking after;
    while (!open.empty()) {
      const auto [cost, here] = open.front();
      open.pop_front();
      if (!best.emplace(here, cost).second) continue;
      if (is_final(net, here)) return cost;
      if (best.size() > 3000) {
        too_large = true;
        return std::nullopt;
      }
      for (const Transition& transition : net.transitions) {
        const bool required = transition.step != no_index && net.steps[transition.step].required;
        if (required && net.steps[transition.step].name == avoided) continue;
        if (!can_fire(net, transition, here) || !fire(net, transition, here, after)) continue;
        if (required)
          open.emplace_back(cost + 1, after);
        else
          open.emplace_front(cost, after);
      }
    }
    return std::nullopt;
  }

  Markings closed(Markings markings) {
    std::vector<Marking> open(markings.begin(), markings.end());
    Marking after;
    while (!open.empty() && markings.size() < 3000) {
      const Marking here = open.back();
      open.pop_back();
      for (const Transition& transition : net.transitions)
        if (transition.step == no_index && can_fire(net, transition, here) && fire(net, transition, here, after) &&
            markings.insert(after).second)
          open.push_back(after);
    }
    too_large = too_large || markings.size() >= 3000;
    return markings;
  }

  Markings after(const Markings& from, StepIndex step, std::set<std::string>& can_come) {
    Markings next;
    Marking marking;
    for (const Marking& here : from)
      for (const Transition& transition : net.transitions) {
        if (transition.step == no_index || !can_fire(net, transition, here)) continue;
        can_come.insert(net.steps[transition.step].name);
        if (transition.step == step && fire(net, transition, here, marking)) next.insert(marking);
      }
    return closed(next);
  }

  const Net& net;
  bool too_large = false;
};

}  // namespace

TEST_CASE("automaton: what can come, what must come and how far the end is equal a search over all markings (G278)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  int compared = 0;
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    std::vector<Finding> findings;
    const auto definition = Definition::of(RandomProcess(random, true).make(2), findings);
    Automaton& automaton = definition->automaton();
    const Net& net = definition->net();
    Naive naive(net);
    Markings markings = naive.closed({net.initial});
    StateId state = Automaton::start;
    for (int turn = 0; turn < 12 && !naive.too_large; ++turn) {
      const auto& outlook = automaton.outlook(state);
      const auto distance = naive.distance(markings, "");
      if (naive.too_large) break;
      ++compared;
      CHECK(automaton.distance_to_end(state) == distance.value_or(no_index));
      CHECK(outlook.may_end == (distance == 0u));
      std::set<std::string> must, expected_must, can, expected_can;
      for (StepIndex step : automaton.must_come(state)) must.insert(net.steps[step].name);
      for (const Step& step : net.steps)
        if (step.required && !naive.distance(markings, step.name)) expected_must.insert(step.name);
      if (naive.too_large) break;
      if (distance) CHECK(must == expected_must);
      for (StepIndex step : outlook.can_come) can.insert(net.steps[step].name);
      if (outlook.can_come.empty()) {
        naive.after(markings, no_index, expected_can);
        CHECK(expected_can.empty());
        break;
      }
      const StepIndex chosen = outlook.can_come[random() % outlook.can_come.size()];
      markings = naive.after(markings, chosen, expected_can);
      CHECK(can == expected_can);
      const Symbol symbol = definition->meaning(net.steps[chosen].types.front(), {}).symbol;
      state = automaton.next(state, symbol).state;
      REQUIRE(state != no_state);
    }
  }
  CHECK(compared > 200);
}
