// tests/unit/monitor/core/soundness_test.cpp - flaws are named with a way that leads there; sound processes have none.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

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
