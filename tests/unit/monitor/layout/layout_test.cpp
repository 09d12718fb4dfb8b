// tests/unit/monitor/layout/layout_test.cpp - drawings that nobody drew: nothing overlaps, everything is where it belongs.
#include "monitor/core/layout.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>

#include "monitor/core/duration.hpp"
#include "tests/support/seed.hpp"

using namespace laban::monitor;

namespace {

NodeIndex add(ProcessModel& model, NodeKind kind, ScopeIndex scope = 0) {
  Node node;
  node.id = node.name = "n" + std::to_string(model.nodes.size());
  node.kind = kind;
  node.scope = scope;
  model.nodes.push_back(node);
  return static_cast<NodeIndex>(model.nodes.size() - 1);
}

void tie(ProcessModel& model, NodeIndex from, NodeIndex to) {
  Flow flow;
  flow.from = from;
  flow.to = to;
  model.flows.push_back(flow);
}

bool overlap(const Rectangle& a, const Rectangle& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

bool inside(const Rectangle& inner, const Rectangle& outer) {
  return inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width &&
         inner.y + inner.height <= outer.y + outer.height;
}

// A random process: some nested, some loops, some boundary events and compensation.
ProcessModel random_model(std::mt19937_64& random) {
  ProcessModel model;
  const auto any = [&](std::size_t count) { return static_cast<std::uint32_t>(random() % count); };
  const std::size_t size = 1 + any(40);
  for (std::size_t i = 0; i < size; ++i) {
    const ScopeIndex scope = any(model.scopes.size());
    static constexpr NodeKind kinds[] = {NodeKind::task,        NodeKind::start_event,
                                         NodeKind::end_event,   NodeKind::exclusive_gateway,
                                         NodeKind::sub_process, NodeKind::event_sub_process};
    const NodeKind kind = kinds[any(std::size(kinds))];
    const NodeIndex node = add(model, kind, scope);
    if (kind == NodeKind::sub_process || kind == NodeKind::event_sub_process) {
      model.nodes[node].body = static_cast<ScopeIndex>(model.scopes.size());
      model.scopes.push_back({scope, node});
    }
    if (kind == NodeKind::task && any(4) == 0) {
      const NodeIndex event = add(model, NodeKind::boundary_event, scope);
      model.nodes[event].attached_to = node;
      model.nodes[event].event = EventKind::compensation;
      const NodeIndex undo = add(model, NodeKind::task, scope);
      model.nodes[undo].for_compensation = true;
      model.nodes[undo].compensates = node;
    }
  }
  for (std::size_t i = 0; i < 2 * size; ++i) {
    const NodeIndex from = any(model.nodes.size()), to = any(model.nodes.size());
    if (model.nodes[from].scope == model.nodes[to].scope && model.nodes[to].kind != NodeKind::boundary_event &&
        !model.nodes[from].for_compensation && !model.nodes[to].for_compensation)
      tie(model, from, to);
  }
  return model;
}

}  // namespace

TEST_CASE(
    "layout: no two nodes overlap, content lies inside its sub-process, flows begin and end at their nodes (G114)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 300; ++round) {
    ProcessModel model = random_model(random);
    lay_out(model);
    for (NodeIndex a = 0; a < model.nodes.size(); ++a) {
      const auto& node = model.nodes[a];
      REQUIRE(node.drawn.has_value());
      if (node.scope != 0) CHECK(inside(*node.drawn, *model.nodes[model.scopes[node.scope].owner].drawn));
      if (node.kind == NodeKind::boundary_event) continue;
      for (NodeIndex b = a + 1; b < model.nodes.size(); ++b)
        if (model.nodes[b].scope == node.scope && model.nodes[b].kind != NodeKind::boundary_event)
          CHECK_FALSE(overlap(*node.drawn, *model.nodes[b].drawn));
    }
    for (const auto& flow : model.flows) {
      const bool apart = model.nodes[flow.from].kind == NodeKind::event_sub_process ||
                         model.nodes[flow.to].kind == NodeKind::event_sub_process;
      if (apart) continue;
      REQUIRE(flow.drawn.size() >= 2);
      const auto touches = [](const Point& point, const Rectangle& box) {
        return point.x >= box.x - 0.5 && point.x <= box.x + box.width + 0.5 && point.y >= box.y - 0.5 &&
               point.y <= box.y + box.height + 0.5;
      };
      CHECK(touches(flow.drawn.front(), *model.nodes[flow.from].drawn));
      CHECK(touches(flow.drawn.back(), *model.nodes[flow.to].drawn));
      for (std::size_t i = 1; i < flow.drawn.size(); ++i) {
        const bool straight = std::abs(flow.drawn[i].x - flow.drawn[i - 1].x) < 0.5 ||
                              std::abs(flow.drawn[i].y - flow.drawn[i - 1].y) < 0.5;
        CHECK(straight);
      }
    }
  }
}

TEST_CASE("layout: a sequence is one straight line from left to right") {
  ProcessModel model;
  for (int i = 0; i < 5; ++i) add(model, i == 0 ? NodeKind::start_event : NodeKind::task);
  for (NodeIndex i = 0; i < 4; ++i) tie(model, i, i + 1);
  const Drawing drawing = drawing_of(model);
  REQUIRE(drawing.lines.size() == 4);
  for (const auto& line : drawing.lines) {
    CHECK(line.points.size() == 2);
    CHECK(line.points[0].y == doctest::Approx(line.points[1].y));
    CHECK(line.points[0].x < line.points[1].x);
  }
}

TEST_CASE("layout: the author's drawing is kept") {
  ProcessModel model;
  model.nodes.reserve(1);
  add(model, NodeKind::task);
  model.nodes[0].drawn = Rectangle{7, 8, 90, 60};
  CHECK(drawing_of(model).shapes.at(0).box.x == 7);
  CHECK(drawing_of(model).bounds.height == 60);
}

TEST_CASE("layout: thousands of nodes in one column or one row are placed in bounded work") {
  ProcessModel wide, tall;
  const NodeIndex split = add(tall, NodeKind::exclusive_gateway);
  for (int i = 0; i < 5000; ++i) {
    tie(tall, split, add(tall, NodeKind::task));
    add(wide, NodeKind::task);
    if (i > 0) tie(wide, static_cast<NodeIndex>(i - 1), static_cast<NodeIndex>(i));
    if (i > 0) tie(wide, 0, static_cast<NodeIndex>(i));
  }
  CHECK(drawing_of(tall).shapes.size() == 5001);
  CHECK(drawing_of(wide).shapes.size() == 5000);
}

TEST_CASE("durations: what people and modellers write is read, and written back") {
  using namespace std::chrono_literals;
  CHECK(parse_duration("30m") == 30min);
  CHECK(parse_duration("1h 30m") == 90min);
  CHECK(parse_duration("5 minutes") == 5min);
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("PT1H30M") == 90min);
  CHECK(parse_duration("P1DT0.5S") == 24h + 500ms);
  CHECK(parse_duration("P1M") == 30 * 24h);
  for (const char* bad : {"", "P", "PT", "soon", "5", "-5m", "5 parsecs", "P5H", "99999999999999999d", "P200Y", "${x}"})
    CHECK_FALSE(parse_duration(bad).has_value());
  for (const auto span : {0ms, 1ms, 1500ms, 90000ms, 86400000ms, 90061001ms}) {
    CHECK(parse_duration(iso_duration(span)) == span);
    CHECK(parse_duration(plain_duration(span)) == span);
  }
}
