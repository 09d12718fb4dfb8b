// tests/unit/monitor/core/instances_test.cpp - bodies of which many instances run at a time, against an oracle that deals
// the events of a trace out to instances in every way.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "monitor/core/replay.hpp"
#include "tests/support/checked_trace.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/naive_search.hpp"
#include "tests/unit/monitor/core/random_process.hpp"

using namespace laban::monitor;
using namespace laban::test;

namespace {

using Trace = std::vector<std::string>;

// Whether a trace, or a beginning of one, can be dealt out to instances of which each is a run of the body.
class Dealing {
 public:
  explicit Dealing(const Net& body) : search_(body) {}

  bool fits(const Trace& trace) { return deal(trace, &NaiveVerdict::fit); }
  bool begins(const Trace& trace) { return deal(trace, nullptr); }

 private:
  bool is_run(const Trace& trace, bool NaiveVerdict::*whole) {
    auto known = runs_.find(trace);
    if (known == runs_.end()) known = runs_.emplace(trace, search_.run(trace)).first;
    return whole != nullptr ? known->second.fit : known->second.stuck_at < 0;
  }

  bool deal(const Trace& trace, bool NaiveVerdict::*whole) {
    if (is_run(trace, whole)) return true;
    for (std::size_t chosen = 1; trace.size() > 1 && chosen < (std::size_t{1} << (trace.size() - 1)); ++chosen) {
      Trace one{trace.front()}, rest;
      for (std::size_t i = 1; i < trace.size(); ++i) (chosen >> (i - 1) & 1 ? rest : one).push_back(trace[i]);
      if (is_run(one, whole) && deal(rest, whole)) return true;
    }
    return false;
  }

  NaiveSearch search_;
  std::map<Trace, NaiveVerdict> runs_;
};

// The process as the body of one step that has many parallel instances.
ProcessModel many_of(const ProcessModel& body) {
  ProcessModel model = body;
  const auto owner = static_cast<NodeIndex>(model.nodes.size());
  model.scopes.clear();
  model.scopes.push_back({});
  for (const Scope& scope : body.scopes)
    model.scopes.push_back(scope.parent == no_index ? Scope{0, owner} : Scope{scope.parent + 1, scope.owner});
  for (Node& node : model.nodes) {
    ++node.scope;
    if (node.body != no_index) ++node.body;
  }
  for (const NodeKind kind : {NodeKind::sub_process, NodeKind::start_event, NodeKind::end_event}) {
    Node& node = model.nodes.emplace_back();
    node.kind = kind;
    node.id = node.name = "outer" + std::to_string(model.nodes.size());
  }
  model.nodes[owner].body = 1;
  model.nodes[owner].repeats = Repeats::parallel_instances;
  for (const auto& [from, to] : {std::pair{owner + 1, owner}, std::pair{owner, owner + 2}}) {
    Flow& flow = model.flows.emplace_back();
    flow.from = from;
    flow.to = to;
  }
  return model;
}

std::string text(const Trace& trace) {
  std::string line;
  for (const auto& activity : trace) line += activity + " ";
  return line;
}

// A few random steps of the body's net that show something, to its end or not.
Trace walk(std::mt19937_64& random, const Net& net, std::size_t most) {
  Marking marking = net.initial, after;
  Trace trace;
  for (int turn = 0; turn < 60 && trace.size() < most; ++turn) {
    std::vector<const Transition*> enabled;
    for (const auto& transition : net.transitions)
      if (can_fire(net, transition, marking)) enabled.push_back(&transition);
    if (enabled.empty()) break;
    const Transition& chosen = *enabled[random() % enabled.size()];
    if (!fire(net, chosen, marking, after)) break;
    if (chosen.step != no_index) trace.push_back(net.steps[chosen.step].types.front());
    marking = after;
  }
  return trace;
}

// Two to three walks, dealt into one another, and sometimes damaged.
Trace several(std::mt19937_64& random, const Net& net) {
  std::vector<Trace> parts(2 + random() % 2);
  for (Trace& part : parts) part = walk(random, net, 4);
  Trace trace;
  std::vector<std::size_t> next(parts.size(), 0);
  while (trace.size() < 8) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (next[i] < parts[i].size()) open.push_back(i);
    if (open.empty()) break;
    const std::size_t part = open[random() % open.size()];
    trace.push_back(parts[part][next[part]++]);
  }
  if (trace.size() > 1 && random() % 2 == 0) std::swap(trace[random() % trace.size()], trace[random() % trace.size()]);
  if (!trace.empty() && random() % 3 == 0)
    trace.erase(trace.begin() + static_cast<std::ptrdiff_t>(random() % trace.size()));
  return trace;
}

}  // namespace

TEST_CASE("instances: a body that many instances share is followed exactly or marked approximate (G281)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  int exact = 0, approximate = 0, fitting = 0, misfitting = 0;
  for (int round = 0; round < 250; ++round) {
    CAPTURE(round);
    std::vector<Finding> findings;
    const ProcessModel body = RandomProcess(random).make(1 + round % 2);
    const Net alone = compile(body, findings);
    const auto definition = Definition::of(many_of(body), findings);
    if (definition->net().approximate) {
      ++approximate;
      CHECK(std::any_of(findings.begin(), findings.end(), [](const Finding& one) { return one.id == "approximate"; }));
      continue;
    }
    ++exact;
    Dealing dealing(alone);
    for (int turn = 0; turn < 8; ++turn) {
      const Trace trace = several(random, alone);
      CAPTURE(text(trace));
      const CheckedTrace checked = check(*definition, trace);
      const bool fits = dealing.fits(trace);
      CHECK(checked.fit == fits);
      CHECK(checked.deviations.empty() == dealing.begins(trace));
      ++(fits ? fitting : misfitting);
    }
    CHECK_FALSE(definition->automaton().approximate());
  }
  CHECK(exact > 80);
  CHECK(approximate > 10);
  CHECK(fitting > 50);
  CHECK(misfitting > 50);
}

TEST_CASE("instances: sixty of them at a time are told apart by how many are how far (G281)") {
  std::vector<Finding> findings;
  ProcessModel body;
  for (const char* name : {"a", "b"}) {
    Node& node = body.nodes.emplace_back();
    node.id = node.name = name;
    node.types = {name};
    node.shows = Shows::required;
  }
  body.flows.emplace_back().to = 1;
  const auto definition = Definition::of(many_of(body), findings);
  CHECK(findings.empty());
  CHECK_FALSE(definition->net().approximate);
  Trace trace(60, "a");
  trace.insert(trace.end(), 60, "b");
  CHECK(check(*definition, trace).fit);
  trace.push_back("b");
  const CheckedTrace more = check(*definition, trace);
  REQUIRE(more.deviations.size() == 1);
  CHECK(more.deviations.front().index == 120);
  CHECK_FALSE(definition->automaton().approximate());
}
