// monitor/core/layout.cpp - draws a process that has no drawing, and hands out any drawing as plain shapes.
#include "monitor/core/layout.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "monitor/core/layered.hpp"

namespace laban::monitor {
namespace {

constexpr double task_width = 100, task_height = 80;
constexpr double widest_task = 180;
constexpr double event_size = 36;
constexpr double gateway_size = 50;
constexpr double caption_room = 26;  // below events and gateways
constexpr double padding = 24, title_room = 26;
constexpr double handler_gap = 46;                 // from an activity to what undoes it
constexpr double lane_gap = 30;                    // between the flow and what is drawn below it
constexpr std::size_t most_looked_through = 2000;  // nodes of a scope, for each flow
constexpr double letter = 6.5;                     // width of one in a caption

bool is_event(NodeKind kind) {
  return kind >= NodeKind::start_event && kind <= NodeKind::boundary_event;
}
bool is_gateway(NodeKind kind) {
  return kind >= NodeKind::exclusive_gateway;
}

std::size_t longest_word(const std::string& text) {
  std::size_t longest = 0, length = 0;
  for (const char c : text) {
    length = c == ' ' ? 0 : length + ((c & 0xc0) == 0x80 ? 0 : 1);
    longest = std::max(longest, length);
  }
  return longest;
}

double middle_x(const Rectangle& box) {
  return box.x + box.width / 2;
}
double middle_y(const Rectangle& box) {
  return box.y + box.height / 2;
}

void shift(Node& node, double x, double y) {
  node.drawn->x += x;
  node.drawn->y += y;
  if (!node.label) return;
  node.label->x += x;
  node.label->y += y;
}

// Lays one model out, inner scopes first, each from its own origin; at the end all are moved to where they stand.
class Layout {
 public:
  explicit Layout(ProcessModel& model) : model_(model), scopes_(model.scopes.size()), attached_(model.nodes.size()) {}

  void run() {
    for (auto& node : model_.nodes) {
      node.drawn = Rectangle{};
      node.label.reset();
    }
    for (auto& flow : model_.flows) {
      flow.drawn.clear();
      flow.label.reset();
    }
    model_.areas.clear();
    sort_into_scopes();
    for (std::size_t s = scopes_.size(); s-- > 0;) lay_out_scope(static_cast<ScopeIndex>(s));
    move_all();
  }

 private:
  struct ScopeParts {
    std::vector<NodeIndex> flow_nodes;  // laid out in columns
    std::vector<NodeIndex> apart;       // event sub-processes and what no flow reaches, in a row below
    std::vector<std::uint32_t> flows;
    double width = 0, height = 0;
  };
  struct Attached {
    std::vector<NodeIndex> events;    // boundary events
    std::vector<NodeIndex> handlers;  // what undoes it
  };

  void sort_into_scopes() {
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) {
      const auto& node = model_.nodes[i];
      if (node.kind == NodeKind::boundary_event && node.attached_to != no_index) {
        attached_[node.attached_to].events.push_back(i);
      } else if (node.for_compensation && node.compensates != no_index && node.compensates != i &&
                 !model_.nodes[node.compensates].for_compensation &&
                 model_.nodes[node.compensates].scope == node.scope) {
        attached_[node.compensates].handlers.push_back(i);
      } else if (node.kind == NodeKind::event_sub_process || node.for_compensation) {
        scopes_[node.scope].apart.push_back(i);
      } else {
        scopes_[node.scope].flow_nodes.push_back(i);
      }
    }
    for (std::uint32_t f = 0; f < model_.flows.size(); ++f)
      scopes_[model_.nodes[model_.flows[f].from].scope].flows.push_back(f);
  }

  void give_size(NodeIndex index) {
    auto& node = model_.nodes[index];
    auto& box = *node.drawn;
    if (is_event(node.kind)) {
      box.width = box.height = event_size;
    } else if (is_gateway(node.kind)) {
      box.width = box.height = gateway_size;
    } else if (node.body != no_index) {
      box.width = std::max(scopes_[node.body].width + 2 * padding, task_width);
      box.height = std::max(scopes_[node.body].height + 2 * padding + title_room, task_height);
    } else {
      box.width = std::clamp(letter * static_cast<double>(longest_word(node.name)) + 18, task_width, widest_task);
      box.height = task_height;
    }
  }

  // The node with what hangs below it, around the line on which flows meet it.
  LayeredBox block(NodeIndex index) {
    give_size(index);
    const auto& node = model_.nodes[index];
    const auto& box = *node.drawn;
    LayeredBox out;
    out.width = box.width;
    out.up = out.down = box.height / 2;
    out.source = node.kind == NodeKind::start_event || node.instantiates;
    if (is_event(node.kind) || is_gateway(node.kind)) out.down += node.named ? caption_room : 0;
    if (!attached_[index].events.empty()) out.down += event_size / 2 + 8;
    for (const NodeIndex handler : attached_[index].handlers) {
      give_size(handler);
      out.width = std::max(out.width, model_.nodes[handler].drawn->width);
      out.down += handler_gap + model_.nodes[handler].drawn->height;
    }
    return out;
  }

  NodeIndex carrier(NodeIndex node) const {
    const auto& it = model_.nodes[node];
    return it.kind == NodeKind::boundary_event && it.attached_to != no_index ? it.attached_to : node;
  }

  void lay_out_scope(ScopeIndex index) {
    auto& parts = scopes_[index];
    std::vector<LayeredBox> boxes;
    for (const NodeIndex node : parts.flow_nodes) {
      slot_[node] = static_cast<std::uint32_t>(boxes.size());
      boxes.push_back(block(node));
    }
    std::vector<LayeredEdge> edges;
    std::vector<std::uint32_t> drawn_flows;
    for (const std::uint32_t f : parts.flows) {
      const auto& flow = model_.flows[f];
      const auto from = slot_.find(carrier(flow.from)), to = slot_.find(carrier(flow.to));
      if (from == slot_.end() || to == slot_.end()) continue;  // one end stands apart
      edges.push_back(
          {from->second, to->second, flow.name.empty() ? 0 : letter * static_cast<double>(flow.name.size())});
      drawn_flows.push_back(f);
    }
    const LayeredResult result = place_in_layers(boxes, edges);
    for (const NodeIndex node : parts.flow_nodes) put(node, boxes[slot_[node]], result.places[slot_[node]]);
    bottom_ = parts.flow_nodes.empty() ? 0 : result.bottom;
    right_ = result.width;
    returns_ = 0;
    for (std::size_t e = 0; e < edges.size(); ++e) route(drawn_flows[e], edges[e], result, result.routes[e]);
    put_apart(parts);
    finish(parts, result.top);
    for (const NodeIndex node : parts.flow_nodes) slot_.erase(node);
  }

  void put(NodeIndex index, const LayeredBox& block, const LayeredResult::Place& place) {
    auto& box = *model_.nodes[index].drawn;
    box.x = place.x + (block.width - box.width) / 2;
    box.y = place.y - box.height / 2;
    if (is_gateway(model_.nodes[index].kind) && model_.nodes[index].named) {
      // Flows leave a gateway upwards and downwards and come from the left: its caption goes between.
      const double width = std::min(letter * static_cast<double>(model_.nodes[index].name.size()), 76.0);
      model_.nodes[index].label = Rectangle{middle_x(box) - 6 - width, box.y - 10, width, 14};
    }
    double undo_x = box.x + 22;
    double other_x = box.x + box.width - 22;
    for (const NodeIndex event : attached_[index].events) {
      auto& circle = *model_.nodes[event].drawn;
      circle.width = circle.height = event_size;
      circle.y = box.y + box.height - event_size / 2;
      double& x = model_.nodes[event].event == EventKind::compensation ? undo_x : other_x;
      circle.x = std::clamp(x - event_size / 2, box.x - event_size / 2, box.x + box.width - event_size / 2);
      x += &x == &undo_x ? event_size + 6 : -(event_size + 6);
    }
    double y = box.y + box.height + handler_gap + (attached_[index].events.empty() ? 0 : event_size / 2 + 8) - 8;
    for (const NodeIndex handler : attached_[index].handlers) {
      auto& undo = *model_.nodes[handler].drawn;
      undo.x = box.x + (box.width - undo.width) / 2;
      undo.y = y;
      y += undo.height + handler_gap;
    }
  }

  // True where no box of the column stands between the two heights at x.
  bool is_free(const LayeredResult& result, std::uint32_t column, NodeIndex self, double from, double to) const {
    if (slot_.size() > most_looked_through) return false;
    const double top = std::min(from, to), bottom = std::max(from, to);
    for (const auto& [node, slot] : slot_) {
      if (node == self || result.places[slot].column != column) continue;
      const auto& box = *model_.nodes[node].drawn;
      if (box.y < bottom && box.y + box.height + 4 > top) return false;
    }
    return true;
  }

  void route(std::uint32_t index, const LayeredEdge& edge, const LayeredResult& result,
             const LayeredResult::Route& way) {
    auto& flow = model_.flows[index];
    const Rectangle from = *model_.nodes[flow.from].drawn, to = *model_.nodes[flow.to].drawn;
    const std::uint32_t first = result.places[edge.from].column, last = result.places[edge.to].column;
    const bool hangs = model_.nodes[flow.from].kind == NodeKind::boundary_event;
    auto& points = flow.drawn;
    if (way.backward) return route_back(points, from, to, hangs);

    const auto gap_before = [&](std::uint32_t column) { return result.column_x[column] - 22; };
    double y = middle_y(from);
    const double first_y = way.y.empty() ? middle_y(to) : way.y.front();
    if (hangs) {
      points.push_back({middle_x(from), from.y + from.height});
      y = first_y > from.y + from.height + 12 ? first_y : from.y + from.height + 14;
      points.push_back({middle_x(from), y});
    } else if (is_gateway(model_.nodes[flow.from].kind) && std::abs(first_y - y) > gateway_size / 2 + 4 &&
               is_free(result, first, flow.from, y, first_y)) {
      points.push_back({middle_x(from), first_y < y ? from.y : from.y + from.height});
      y = first_y;
      points.push_back({middle_x(from), y});
    } else {
      points.push_back({from.x + from.width, y});
    }
    const auto bend = [&](std::uint32_t column, double next) {
      if (std::abs(next - y) < 0.5) return;
      points.push_back({gap_before(column), y});
      points.push_back({gap_before(column), next});
      y = next;
    };
    for (std::size_t i = 0; i < way.y.size(); ++i) bend(first + 1 + static_cast<std::uint32_t>(i), way.y[i]);
    const double goal = middle_y(to);
    if (is_gateway(model_.nodes[flow.to].kind) && std::abs(goal - y) > gateway_size / 2 + 4 &&
        is_free(result, last, flow.to, y, goal)) {
      points.push_back({middle_x(to), y});
      points.push_back({middle_x(to), y < goal ? to.y : to.y + to.height});
      return;
    }
    bend(last, goal);
    if (std::abs(goal - y) >= 0.5) points.push_back({points.back().x, goal});
    points.push_back({to.x, goal});
  }

  // Below everything, and up again before the target.
  void route_back(std::vector<Point>& points, const Rectangle& from, const Rectangle& to, bool hangs) {
    const double under = bottom_ + lane_gap / 2 + 14 * static_cast<double>(returns_++ % 50);
    if (hangs) {
      points.push_back({middle_x(from), from.y + from.height});
    } else {
      points.push_back({from.x + from.width, middle_y(from)});
      points.push_back({from.x + from.width + 14, middle_y(from)});
    }
    points.push_back({points.back().x, under});
    points.push_back({to.x - 14, under});
    points.push_back({to.x - 14, middle_y(to)});
    points.push_back({to.x, middle_y(to)});
  }

  void put_apart(ScopeParts& parts) {
    if (returns_ > 0) bottom_ += lane_gap + 14 * static_cast<double>(std::min<std::size_t>(returns_, 50));
    double x = 0;
    double lowest = bottom_;
    const double top = bottom_ + (parts.flow_nodes.empty() ? 0 : lane_gap);
    for (const NodeIndex node : parts.apart) {
      const LayeredBox box = block(node);
      put(node, box, {0, x, top + box.up});
      x += box.width + lane_gap;
      lowest = std::max(lowest, top + box.up + box.down);
    }
    right_ = std::max(right_, x - lane_gap);
    bottom_ = lowest;
  }

  // Moves the scope's content so that it begins at 0, 0.
  void finish(ScopeParts& parts, double top) {
    double left = 0;
    for (const std::uint32_t f : parts.flows)
      for (const auto& point : model_.flows[f].drawn) left = std::min(left, point.x);
    for (const std::uint32_t f : parts.flows)
      for (auto& point : model_.flows[f].drawn) {
        point.x -= left;
        point.y -= top;
        right_ = std::max(right_, point.x + left);
      }
    const auto move = [&](NodeIndex node) { shift(model_.nodes[node], -left, -top); };
    const auto move_block = [&](NodeIndex node) {
      move(node);
      for (const NodeIndex event : attached_[node].events) move(event);
      for (const NodeIndex handler : attached_[node].handlers) move(handler);
    };
    for (const NodeIndex node : parts.flow_nodes) move_block(node);
    for (const NodeIndex node : parts.apart) move_block(node);
    parts.width = right_ - left;
    parts.height = bottom_ - top;
  }

  void move_all() {
    std::vector<Point> origin(scopes_.size());
    // Scopes stand behind the scope that holds them, so an origin is known before it is needed; nodes of a scope may
    // stand anywhere.
    for (std::size_t s = 1; s < scopes_.size(); ++s) {
      const auto& scope = model_.scopes[s];
      const auto& box = *model_.nodes[scope.owner].drawn;
      const Point& outer = origin[model_.nodes[scope.owner].scope];
      origin[s] = {outer.x + box.x + padding, outer.y + box.y + padding + title_room};
    }
    for (auto& node : model_.nodes) shift(node, origin[node.scope].x, origin[node.scope].y);
    for (auto& flow : model_.flows)
      for (auto& point : flow.drawn) {
        point.x += origin[model_.nodes[flow.from].scope].x;
        point.y += origin[model_.nodes[flow.from].scope].y;
      }
  }

  ProcessModel& model_;
  std::vector<ScopeParts> scopes_;
  std::vector<Attached> attached_;
  std::map<NodeIndex, std::uint32_t> slot_;  // of the nodes of the scope at hand
  double bottom_ = 0, right_ = 0;
  std::size_t returns_ = 0;
};

}  // namespace

bool is_drawn(const ProcessModel& model) {
  return std::all_of(model.nodes.begin(), model.nodes.end(),
                     [](const Node& node) { return node.scope != 0 || node.drawn.has_value(); });
}

void lay_out(ProcessModel& model) {
  Layout{model}.run();
}

namespace {

// Which sub-processes have content drawn inside them.
std::vector<bool> opened(const ProcessModel& model) {
  std::vector<bool> out(model.nodes.size());
  for (const auto& inner : model.nodes) {
    const NodeIndex owner = model.scopes[inner.scope].owner;
    if (owner == no_index || !inner.drawn || !model.nodes[owner].drawn) continue;
    const auto& box = *model.nodes[owner].drawn;
    const double x = middle_x(*inner.drawn), y = middle_y(*inner.drawn);
    if (x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height) out[owner] = true;
  }
  return out;
}

// From a compensation event to what it sets off.
std::vector<Point> association(const Rectangle& event, const Rectangle& handler) {
  const double x = middle_x(event);
  std::vector<Point> out{{x, event.y + event.height}};
  if (x >= handler.x && x <= handler.x + handler.width) {
    out.push_back({x, handler.y > event.y ? handler.y : handler.y + handler.height});
  } else {
    out.push_back({x, middle_y(handler)});
    out.push_back({x < handler.x ? handler.x : handler.x + handler.width, middle_y(handler)});
  }
  return out;
}

class Cover {
 public:
  void take(double x, double y) {
    left_ = std::min(left_, x);
    top_ = std::min(top_, y);
    right_ = std::max(right_, x);
    bottom_ = std::max(bottom_, y);
  }
  void take(const Rectangle& box) {
    take(box.x, box.y);
    take(box.x + box.width, box.y + box.height);
  }
  Rectangle bounds() const {
    return right_ < left_ ? Rectangle{} : Rectangle{left_, top_, right_ - left_, bottom_ - top_};
  }

 private:
  double left_ = 1e300, top_ = 1e300, right_ = -1e300, bottom_ = -1e300;
};

}  // namespace

Drawing drawing_of(const ProcessModel& given) {
  if (!is_drawn(given)) {
    ProcessModel laid = given;
    lay_out(laid);
    return drawing_of(laid);
  }
  Drawing out;
  Cover cover;
  const std::vector<bool> opens = opened(given);
  std::vector<NodeIndex> undo_event(given.nodes.size(), no_index);
  for (NodeIndex i = 0; i < given.nodes.size(); ++i) {
    const auto& node = given.nodes[i];
    if (node.kind == NodeKind::boundary_event && node.event == EventKind::compensation && node.attached_to != no_index)
      undo_event[node.attached_to] = i;
  }
  for (NodeIndex i = 0; i < given.nodes.size(); ++i) {
    const auto& node = given.nodes[i];
    if (!node.drawn) continue;
    const bool activity = !is_event(node.kind) && !is_gateway(node.kind);
    out.shapes.push_back({i, *node.drawn, node.named || activity ? node.name : "", opens[i]});
    cover.take(*node.drawn);
    const NodeIndex event = node.compensates == no_index || !activity ? no_index : undo_event[node.compensates];
    if (event == no_index || !given.nodes[event].drawn) continue;
    out.lines.push_back({no_index, given.nodes[event].id + "--" + node.id, "",
                         association(*given.nodes[event].drawn, *node.drawn), std::nullopt});
  }
  std::stable_sort(out.shapes.begin(), out.shapes.end(),
                   [&](const auto& a, const auto& b) { return given.nodes[a.node].scope < given.nodes[b.node].scope; });
  for (std::uint32_t f = 0; f < given.flows.size(); ++f) {
    const auto& flow = given.flows[f];
    if (flow.drawn.size() < 2) continue;
    out.lines.push_back({f, flow.id, flow.name, flow.drawn, flow.label});
    for (const auto& point : flow.drawn) cover.take(point.x, point.y);
  }
  out.areas = given.areas;
  for (const auto& area : out.areas) cover.take(area.drawn);
  out.bounds = cover.bounds();
  return out;
}

}  // namespace laban::monitor
