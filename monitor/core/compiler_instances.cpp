// monitor/core/compiler_instances.cpp - whether instances of one body that run at the same time can share its places.
//
// They can where nothing shows whose token is whose: where no token ever waits for another of its instance, each goes its
// own way; and where ways that part meet again without a choice between, the first that goes in is the first that comes
// out. Else a join could take the tokens of two instances for one.
#include <algorithm>

#include "monitor/core/compiler.hpp"

namespace laban::monitor {

namespace {

// What is in a body, as points at which tokens part and meet.
class Content {
 public:
  struct Point {
    bool parts = false;   // several tokens can leave
    bool all = false;     // ... one on every way
    bool meets = false;   // waits for a token on every way in
    bool nested = false;  // in a sub-process, which ends when one token arrives at its end
    std::uint32_t in = 0, out = 0;
  };

  std::uint32_t add(bool nested) {
    points_.emplace_back().nested = nested;
    return static_cast<std::uint32_t>(points_.size() - 1);
  }
  Point& at(std::uint32_t point) { return points_[point]; }
  void tie(std::uint32_t from, std::uint32_t to) { ways_.push_back({from, to}); }

  bool keeps_apart() {
    while (reduce()) {
    }
    count();
    return std::none_of(points_.begin(), points_.end(), [](const Point& point) {
      return (point.meets && point.in > 1) || (point.nested && point.parts && point.out > 1);
    });
  }

 private:
  struct Way {
    std::uint32_t from, to;
    friend bool operator==(const Way&, const Way&) = default;
  };

  void count() {
    for (Point& point : points_) point.in = point.out = 0;
    for (const Way& way : ways_) {
      ++points_[way.from].out;
      ++points_[way.to].in;
    }
  }

  // Takes out a point that is only passed, or makes one of two ways that part and meet.
  bool reduce() {
    count();
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      const Way here = ways_[i];
      if (points_[here.from].all && points_[here.to].meets) {
        const auto other = std::find(ways_.begin() + static_cast<std::ptrdiff_t>(i) + 1, ways_.end(), here);
        if (other != ways_.end()) {
          ways_.erase(other);
          return true;
        }
      }
      if (points_[here.to].in != 1 || points_[here.to].out != 1 || here.from == here.to) continue;
      const auto on = std::find_if(ways_.begin(), ways_.end(), [&](const Way& way) { return way.from == here.to; });
      ways_[i].to = on->to;
      ways_.erase(on);
      return true;
    }
    return false;
  }

  std::vector<Point> points_;
  std::vector<Way> ways_;
};

}  // namespace

// Nothing but its own token decides what the node does, and nothing else is touched by it.
bool Compiler::stands_alone(NodeIndex index, ScopeIndex body) const {
  const Node& node = model_.nodes[index];
  if (node.for_compensation || handler_[index] != no_index) return false;
  for (const MessageFlow& message : model_.messages)
    if (message.to == index) return false;
  const bool several_in = in_[index].size() > 1;
  switch (node.kind) {
    case NodeKind::event_sub_process:
      return false;
    case NodeKind::ad_hoc:
      return node.body == no_index;
    case NodeKind::inclusive_gateway:
    case NodeKind::complex_gateway:
      return !several_in;
    case NodeKind::boundary_event:
      return node.interrupting && node.event != EventKind::compensation && node.attached_to != no_index &&
             model_.nodes[node.attached_to].body == no_index;
    case NodeKind::sub_process:
    case NodeKind::transaction:
      if (node.body == no_index) return true;
      if (node.repeats == Repeats::parallel_instances) return false;
      for (const auto& way : beginnings(node.body, nullptr))
        if (way.size() != 1) return false;
      return !beginnings(node.body, nullptr).empty();
    case NodeKind::end_event:
    case NodeKind::throw_event:
      if (node.event == EventKind::error || node.event == EventKind::escalation) return node.scope == body;
      return node.event != EventKind::terminate && node.event != EventKind::compensation &&
             node.event != EventKind::cancel;
    default:
      return true;
  }
}

bool Compiler::instances_keep_apart(ScopeIndex body) const {
  struct Points {
    std::uint32_t in = no_index, done = no_index, out = no_index;
  };
  Content content;
  std::vector<Points> points(model_.nodes.size());
  const auto enter = [&](std::uint32_t from, ScopeIndex scope) {
    for (const auto& way : beginnings(scope, nullptr))
      for (const NodeIndex first : way) content.tie(from, points[first].in);
  };
  for (NodeIndex index = 0; index < model_.nodes.size(); ++index) {
    const Node& node = model_.nodes[index];
    if (!is_within(node.scope, body)) continue;
    if (!stands_alone(index, body)) return false;
    const bool nested = node.scope != body;
    const Points here{content.add(nested), content.add(nested), content.add(nested)};
    points[index] = here;
    const bool chooses =
        node.kind == NodeKind::exclusive_gateway || (node.kind == NodeKind::event_gateway && !node.all_of);
    bool some = node.kind == NodeKind::inclusive_gateway || node.kind == NodeKind::complex_gateway;
    for (const std::uint32_t flow : out_[index]) some = some || (model_.flows[flow].conditional && is_activity(index));
    content.at(here.out).parts = !chooses;
    content.at(here.out).all = !chooses && !some;
    content.at(here.in).meets = joins(index);
    if (node.body == no_index) content.tie(here.in, here.done);
    content.tie(here.done, here.out);
    if (node.body == no_index || node.repeats == Repeats::once) continue;
    content.tie(here.done, here.in);
    if (node.may_run_zero_times) content.tie(here.in, here.out);
  }
  const std::uint32_t begin = content.add(false);
  content.at(begin).parts = content.at(begin).all = beginnings(body, nullptr).size() == 1;
  enter(begin, body);
  for (NodeIndex index = 0; index < model_.nodes.size(); ++index) {
    const Node& node = model_.nodes[index];
    if (points[index].in == no_index) continue;
    if (node.body != no_index) enter(points[index].in, node.body);
    if (node.kind == NodeKind::boundary_event) content.tie(points[node.attached_to].in, points[index].in);
    for (const std::uint32_t flow : out_[index]) content.tie(points[index].out, points[model_.flows[flow].to].in);
    const auto caught = link_targets(index);
    for (const NodeIndex to : caught) content.tie(points[index].out, points[to].in);
    if (node.scope != body && out_[index].empty() && caught.empty())
      content.tie(points[index].out, points[model_.scopes[node.scope].owner].done);
  }
  return content.keeps_apart();
}

void Compiler::join_scopes() {
  joined_.resize(model_.scopes.size(), false);
  for (const Node& node : model_.nodes) {
    if (node.body == no_index || node.repeats != Repeats::parallel_instances || !instances_keep_apart(node.body))
      continue;
    for (ScopeIndex scope = 0; scope < model_.scopes.size(); ++scope)
      if (scope != node.body && is_within(scope, node.body)) joined_[scope] = true;
  }
}

}  // namespace laban::monitor
