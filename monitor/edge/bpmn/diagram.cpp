// monitor/edge/bpmn/diagram.cpp - takes the drawing of a BPMN file along: rectangles, labels, way points,
// pools and lanes.
#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/edge/bpmn/reader.hpp"

namespace laban::monitor::bpmn {
namespace {

constexpr double farthest = 1e7;  // of a coordinate that is believed
constexpr std::size_t most_points = 1000;
constexpr double gap = 80;

bool believable(double value) {
  return std::isfinite(value) && std::fabs(value) <= farthest;
}

std::optional<Rectangle> bounds_of(pugi::xml_node element) {
  for (const auto child : element.children()) {
    if (local_name(child.name()) != "Bounds") continue;
    const Rectangle box{child.attribute("x").as_double(), child.attribute("y").as_double(),
                        child.attribute("width").as_double(), child.attribute("height").as_double()};
    if (believable(box.x) && believable(box.y) && believable(box.width) && believable(box.height)) return box;
  }
  return std::nullopt;
}

pugi::xml_node child_named(pugi::xml_node element, std::string_view name) {
  for (const auto child : element.children())
    if (local_name(child.name()) == name) return child;
  return {};
}

std::vector<Point> points_of(pugi::xml_node edge) {
  std::vector<Point> out;
  for (const auto child : edge.children()) {
    if (local_name(child.name()) != "waypoint" || out.size() == most_points) continue;
    const Point point{child.attribute("x").as_double(), child.attribute("y").as_double()};
    if (believable(point.x) && believable(point.y)) out.push_back(point);
  }
  return out;
}

}  // namespace

// The first plane that shows something keeps its place; others (the insides of closed sub-processes) go
// below.
void Reader::read_diagrams() {
  bool first = true;
  for (const auto diagram : document_.root().children()) {
    if (local_name(diagram.name()) != "BPMNDiagram") continue;
    const auto plane = child_named(diagram, "BPMNPlane");
    if (!plane || !plane.first_child()) continue;
    read_plane(plane, !first);
    first = false;
  }
  for (auto& process : out_.models) {
    auto& areas = process.areas;
    areas.erase(std::remove_if(areas.begin(), areas.end(), [](const Area& area) { return area.drawn.width <= 0; }),
                areas.end());
  }
}

void Reader::read_plane(pugi::xml_node plane, bool below) {
  double bottom = -std::numeric_limits<double>::infinity();
  double top = std::numeric_limits<double>::infinity();
  if (below) {
    for (const auto& process : out_.models)
      for (const auto& node : process.nodes)
        if (node.drawn) bottom = std::max(bottom, node.drawn->y + node.drawn->height);
    for (const auto shape : plane.children())
      if (const auto box = bounds_of(shape)) top = std::min(top, box->y);
  }
  const double down = below && std::isfinite(bottom) && std::isfinite(top) ? bottom + gap - top : 0;
  const auto moved = [&](Rectangle box) {
    box.y += down;
    return box;
  };
  for (const auto element : plane.children()) {
    const std::string_view kind = local_name(element.name());
    const std::string reference = element.attribute("bpmnElement").value();
    if (kind == "BPMNEdge") {
      auto found = flow_ids_.find(reference);
      if (found == flow_ids_.end()) found = flow_ids_.find(std::string{local_name(reference)});
      if (found == flow_ids_.end()) {
        if (!below && !message_flows_.empty()) message_points_.try_emplace(reference, points_of(element));
        continue;
      }
      auto& flow = out_.models[found->second.first].flows[found->second.second];
      if (!flow.drawn.empty()) continue;
      flow.drawn = points_of(element);
      for (auto& point : flow.drawn) point.y += down;
      if (const auto label = bounds_of(child_named(element, "BPMNLabel"))) flow.label = moved(*label);
      continue;
    }
    const auto box = kind == "BPMNShape" ? bounds_of(element) : std::nullopt;
    const Named* named = box ? find(reference) : nullptr;
    if (named == nullptr) continue;
    if (named->what == Named::What::node) {
      auto& node = node_of(*named);
      if (node.drawn) continue;
      node.drawn = moved(*box);
      if (const auto label = bounds_of(child_named(element, "BPMNLabel"))) node.label = moved(*label);
    } else if (named->what == Named::What::lane) {
      out_.models[named->model].areas[named->index].drawn = moved(*box);
    } else if (named->what == Named::What::participant) {
      const auto& participant = participants_[named->index];
      for (auto& process : out_.models)
        if (!participant.process.empty() && process.id == participant.process)
          process.areas.push_back({participant.id, participant.name, true, moved(*box)});
    }
  }
}

std::vector<Point> Reader::points_of_message(pugi::xml_node message) const {
  const auto found = message_points_.find(message.attribute("id").value());
  return found == message_points_.end() ? std::vector<Point>{} : found->second;
}

}  // namespace laban::monitor::bpmn
