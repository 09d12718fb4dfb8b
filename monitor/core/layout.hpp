// monitor/core/layout.hpp - draws a process that has no drawing, and hands out any drawing as plain shapes.
#pragma once

#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

// Whether its author drew it: every node of the process itself has a rectangle.
bool is_drawn(const ProcessModel& model);

// Gives every node a rectangle and every flow its way points, left to right, sub-processes opened. What was drawn
// before is forgotten. Work is bounded by nodes and flows.
void lay_out(ProcessModel& model);

// A drawing as plain shapes: the author's, or a laid-out one where there is none. Nodes come outer ones first.
struct Drawing {
  struct Shape {
    NodeIndex node = 0;
    Rectangle box;
    std::string caption;  // empty where the node has no name of its own
    bool opens = false;   // a sub-process whose content is drawn inside
  };
  struct Line {
    std::uint32_t flow = no_index;  // index into flows; none: ties a compensation activity to its event
    std::string id;
    std::string caption;
    std::vector<Point> points;
    std::optional<Rectangle> label;
  };
  Rectangle bounds;
  std::vector<Shape> shapes;
  std::vector<Line> lines;
  std::vector<Area> areas;
};
Drawing drawing_of(const ProcessModel& model);

}  // namespace laban::monitor
