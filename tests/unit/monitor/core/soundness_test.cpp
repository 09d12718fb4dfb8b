// tests/unit/monitor/core/soundness_test.cpp - flaws are named with a way that leads there; sound processes have none.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "monitor/core/soundness.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/random_process.hpp"

using namespace laban::monitor;
using namespace laban::test;

namespace {

struct Draw {
  NodeIndex add(NodeKind kind, const std::string& name = "") {
    Node node;
    node.kind = kind;
    node.id = "n" + std::to_string(model.nodes.size());
    node.name = name;
    if (kind == NodeKind::task) {
      node.types = {name};
      node.shows = Shows::required;
    }
    model.nodes.push_back(node);
    return static_cast<NodeIndex>(model.nodes.size() - 1);
  }
  NodeIndex task(const std::string& name) { return add(NodeKind::task, name); }
  void flow(std::initializer_list<NodeIndex> nodes) {
    for (auto one = nodes.begin(); one + 1 != nodes.end(); ++one) {
      Flow made;
      made.from = *one;
      made.to = *(one + 1);
      model.flows.push_back(made);
    }
  }
  SoundnessReport check(SoundnessLimits limits = {}) {
    std::vector<Finding> findings;
    return check_soundness(compile(model, findings), &model, limits);
  }
  ProcessModel model;
};

const SoundnessProblem* find(const SoundnessReport& report, Flaw flaw) {
  for (const auto& problem : report.problems)
    if (problem.flaw == flaw) return &problem;
  return nullptr;
}

}  // namespace

TEST_CASE("soundness: a choice that a parallel join waits for is a deadlock, with the way there (G103)") {
  Draw draw;
  const auto start = draw.add(NodeKind::start_event), split = draw.add(NodeKind::exclusive_gateway),
             join = draw.add(NodeKind::parallel_gateway, "join"), end = draw.add(NodeKind::end_event);
  const auto a = draw.task("a"), b = draw.task("b");
  draw.flow({start, split, a, join, end});
  draw.flow({split, b, join});
  const auto report = draw.check();
  CHECK(report.sound == false);
  const auto* deadlock = find(report, Flaw::deadlock);
  REQUIRE(deadlock != nullptr);
  CHECK(deadlock->path.size() == 1);
  CHECK(deadlock->message.find("join") != std::string::npos);
}

TEST_CASE("soundness: parallel parts that merge without a join lack synchronisation (G103)") {
  Draw draw;
  const auto start = draw.add(NodeKind::start_event), split = draw.add(NodeKind::parallel_gateway),
             merge = draw.add(NodeKind::exclusive_gateway, "merge"), end = draw.add(NodeKind::end_event);
  const auto a = draw.task("a"), b = draw.task("b"), c = draw.task("c");
  draw.flow({start, split, a, merge, c, end});
  draw.flow({split, b, merge});
  const auto report = draw.check();
  CHECK(report.sound == false);
  const auto* problem = find(report, Flaw::unsynchronised);
  REQUIRE(problem != nullptr);
  CHECK(problem->path.size() == 2);
}

TEST_CASE("soundness: a loop without a way out is a livelock, and what nothing leads to is dead (G103)") {
  Draw draw;
  const auto start = draw.add(NodeKind::start_event), merge = draw.add(NodeKind::exclusive_gateway),
             end = draw.add(NodeKind::end_event);
  const auto a = draw.task("a"), b = draw.task("b"), never = draw.task("never");
  draw.flow({start, merge, a, b, merge});
  draw.flow({never, end});
  const auto report = draw.check();
  CHECK(report.sound == false);
  CHECK(find(report, Flaw::livelock) != nullptr);
  const auto* dead = find(report, Flaw::dead_step);
  REQUIRE(dead != nullptr);
  CHECK(dead->message.find("never") != std::string::npos);
}

TEST_CASE("soundness: a net that ends with tokens left over completes improperly (G103)") {
  Net net;
  for (const char* name : {"start", "side", "end"}) net.places.emplace_back().name = name;
  net.initial = std::string("\1\0\0", 3);
  net.finals = {std::string("\0\0\1", 3)};
  net.steps.resize(1);
  net.steps[0].name = "a";
  net.steps[0].required = true;
  Transition a;
  a.take = {0};
  a.put = {1, 2};
  a.step = 0;
  net.transitions = {a};
  const auto report = check_soundness(net);
  CHECK(report.sound == false);
  CHECK(find(report, Flaw::improper_completion) != nullptr);
}

TEST_CASE("soundness: a compensation event without an activity that undoes is named (G103)") {
  Draw draw;
  const auto start = draw.add(NodeKind::start_event), end = draw.add(NodeKind::end_event), a = draw.task("a");
  draw.flow({start, a, end});
  const auto boundary = draw.add(NodeKind::boundary_event);
  draw.model.nodes[boundary].event = EventKind::compensation;
  draw.model.nodes[boundary].attached_to = a;
  CHECK(find(draw.check(), Flaw::uncompensated) != nullptr);
  const auto undo = draw.task("undo");
  draw.model.nodes[undo].for_compensation = true;
  draw.model.nodes[undo].compensates = a;
  CHECK(draw.check().sound == true);
}

TEST_CASE("soundness: past the limit it says that it has not decided") {
  Draw draw;
  const auto start = draw.add(NodeKind::start_event), split = draw.add(NodeKind::parallel_gateway),
             join = draw.add(NodeKind::parallel_gateway), end = draw.add(NodeKind::end_event);
  draw.flow({start, split});
  draw.flow({join, end});
  for (int i = 0; i < 12; ++i) draw.flow({split, draw.task("t" + std::to_string(i)), join});
  SoundnessLimits limits;
  limits.markings = 100;
  limits.sets.nodes = 50;
  const auto report = draw.check(limits);
  CHECK_FALSE(report.sound.has_value());
  CHECK(findings_of(report).back().message.find("not decided within 100 states") != std::string::npos);
  CHECK(draw.check().sound == true);
}

TEST_CASE("soundness: block-structured processes are sound") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    std::vector<Finding> findings;
    const auto model = RandomProcess(random).make(2);
    const auto report = check_soundness(compile(model, findings), &model);
    if (!report.problems.empty()) CAPTURE(report.problems.front().message);
    for (const auto& problem : report.problems) MESSAGE(problem.message);
    CHECK(report.sound != false);
  }
}

namespace {

// Nodes and flows without a plan: mostly onwards, now and then back.
ProcessModel wild_process(std::mt19937_64& random) {
  const auto up_to = [&](std::size_t most) { return static_cast<std::size_t>(random() % (most + 1)); };
  Draw draw;
  draw.add(NodeKind::start_event);
  const std::size_t inner = 3 + up_to(9);
  for (std::size_t i = 0; i < inner; ++i) {
    static constexpr NodeKind kinds[] = {NodeKind::task,
                                         NodeKind::task,
                                         NodeKind::task,
                                         NodeKind::exclusive_gateway,
                                         NodeKind::parallel_gateway,
                                         NodeKind::inclusive_gateway,
                                         NodeKind::event_gateway};
    const NodeKind kind = kinds[up_to(6)];
    kind == NodeKind::task ? draw.task("t" + std::to_string(i)) : draw.add(kind, "g" + std::to_string(i));
  }
  const auto end = draw.add(NodeKind::end_event);
  for (NodeIndex node = 0; node < end; ++node)
    for (std::size_t flows = 1 + up_to(5) / 4; flows > 0; --flows) {
      const bool back = node > 1 && up_to(9) == 0;
      draw.flow({node, static_cast<NodeIndex>(back ? 1 + up_to(node - 1)
                                                   : node + 1 + up_to(std::min<std::size_t>(end - node - 1, 3)))});
    }
  return draw.model;
}

std::set<Flaw> flaws_of(const SoundnessReport& report) {
  std::set<Flaw> flaws;
  for (const auto& problem : report.problems) flaws.insert(problem.flaw);
  return flaws;
}

// The run of a problem can be taken in the net, and leads where the problem says.
void walk_to(const Net& net, const SoundnessProblem& problem) {
  Marking marking = net.initial, after;
  for (const TransitionIndex t : problem.run) {
    REQUIRE(can_fire(net, net.transitions[t], marking));
    REQUIRE(fire(net, net.transitions[t], marking, after));
    marking = after;
  }
  if (problem.flaw == Flaw::unsynchronised)
    CHECK(std::any_of(marking.begin(), marking.end(), [](char held) { return held > 1; }));
  if (problem.flaw == Flaw::deadlock || problem.flaw == Flaw::livelock) CHECK_FALSE(is_final(net, marking));
  if (problem.flaw != Flaw::deadlock) return;
  for (const Transition& transition : net.transitions) {
    if (!can_fire(net, transition, marking)) continue;
    CHECK(fire(net, transition, marking, after));
    CHECK(after == marking);
  }
}

struct Compared {
  int decided = 0, sound = 0, unsound = 0;
};

void compare(const Net& net, const ProcessModel* model, Compared& compared) {
  SoundnessLimits one_by_one;
  one_by_one.markings = 10'000;
  one_by_one.sets.places = 0;
  const auto expected = check_soundness(net, model, one_by_one);
  const auto by_sets = check_soundness_by_sets(net, model, {});
  for (const auto& problem : by_sets.problems) walk_to(net, problem);
  if (!expected.sound || !by_sets.sound) return;
  ++compared.decided;
  CHECK(by_sets.sound == expected.sound);
  ++(*expected.sound ? compared.sound : compared.unsound);
  const auto flaws = flaws_of(expected);
  if (model != nullptr && flaws.contains(Flaw::unsynchronised))
    CHECK(flaws_of(by_sets).contains(Flaw::unsynchronised));
  else
    CHECK(flaws_of(by_sets) == flaws);
}

}  // namespace

TEST_CASE("soundness: sets of markings find what a look at each marking finds, by a way that the net can go (G280)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  Compared blocks, wild, nets;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    std::vector<Finding> findings;
    const auto drawn = wild_process(random);
    compare(compile(drawn, findings), &drawn, wild);
    compare(random_net(random, round % 2 == 1), nullptr, nets);
    if (round % 4 != 0) continue;
    const auto built = RandomProcess(random).make(2);
    compare(compile(built, findings), &built, blocks);
  }
  CHECK(blocks.sound > 30);
  CHECK(wild.sound > 10);
  CHECK(wild.unsound > 50);
  CHECK(nets.unsound > 20);
}

TEST_CASE("soundness: forty parallel branches of choices are decided, and one fault in them is found (G280)") {
  for (const bool joined : {true, false}) {
    for (const bool faulty : {false, true}) {
      CAPTURE(joined);
      CAPTURE(faulty);
      Draw draw;
      const auto start = draw.add(NodeKind::start_event), split = draw.add(NodeKind::parallel_gateway),
                 join = draw.add(NodeKind::parallel_gateway), end = draw.add(NodeKind::end_event);
      draw.flow({start, split});
      if (joined) draw.flow({join, end});
      for (int i = 0; i < 40; ++i) {
        const std::string name = std::to_string(i);
        const auto choice = draw.add(NodeKind::exclusive_gateway),
                   merge = draw.add(faulty && i == 17 ? NodeKind::parallel_gateway : NodeKind::exclusive_gateway,
                                    "merge" + name);
        draw.flow({split, draw.task("a" + name), choice, draw.task("b" + name), merge});
        draw.flow({choice, draw.task("c" + name), merge, draw.task("d" + name),
                   joined ? join : draw.add(NodeKind::end_event)});
      }
      const auto report = draw.check();
      REQUIRE(report.sound.has_value());
      CHECK(*report.sound != faulty);
      if (!faulty) continue;
      const auto* deadlock = find(report, Flaw::deadlock);
      REQUIRE(deadlock != nullptr);
      CHECK(deadlock->message.find("merge17") != std::string::npos);
      std::vector<Finding> findings;
      walk_to(compile(draw.model, findings), *deadlock);
    }
  }
}
