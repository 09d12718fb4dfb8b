// monitor/edge/yaml/structure.cpp - finds the blocks that a process graph is made of: a recursive descent from each start,
// where a split is read way by way until the ways meet.
#include "monitor/edge/yaml/structure.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "monitor/core/source_text.hpp"

namespace laban::monitor::yaml {
namespace {

constexpr std::size_t deepest_nesting = 48;
constexpr std::size_t most_structured_nodes = 5000;
using PointIndex = std::uint32_t;

// A node taken apart into what it does on the way in, itself, and what it does on the way out.
struct Point {
  enum class Kind { step, split, join, end };
  Kind kind = Kind::step;
  NodeIndex node = no_index;
  NodeKind gateway = NodeKind::exclusive_gateway;
  std::vector<PointIndex> after;
  std::vector<std::string> labels;
  std::size_t before = 0;    // ways in
  std::size_t backward = 0;  // ... of these, from further on
  bool boundary = false;     // a split between going on and the boundary events of `node`
};

struct Unstructured {
  NodeIndex node;
  std::string why;
};

bool is_gateway(NodeKind kind) {
  return kind >= NodeKind::exclusive_gateway;
}

class Finder {
 public:
  explicit Finder(const ProcessModel& model) : model_(model) {}

  Structure run() {
    if (model_.nodes.size() > most_structured_nodes)
      throw Unstructured{0, "it has more than " + std::to_string(most_structured_nodes) + " nodes"};
    draw_points();
    Structure out;
    out.blocks = scope(0);
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) {
      const auto& node = model_.nodes[i];
      if (node.kind != NodeKind::event_sub_process || node.body == no_index) continue;
      if (node.scope != 0) throw Unstructured{i, "an event sub-process stands in a sub-process"};
      out.handlers.push_back({entry(node.body), scope(node.body)});
    }
    return out;
  }

 private:
  void draw_points() {
    const std::size_t count = model_.nodes.size();
    std::vector<std::vector<std::uint32_t>> out(count);
    std::vector<std::size_t> in(count);
    for (std::uint32_t f = 0; f < model_.flows.size(); ++f) {
      out[model_.flows[f].from].push_back(f);
      ++in[model_.flows[f].to];
    }
    in_.assign(count, no_index);
    attached_.resize(count);
    for (NodeIndex i = 0; i < count; ++i) {
      const auto& node = model_.nodes[i];
      if (node.kind == NodeKind::boundary_event && node.attached_to != no_index &&
          node.event != EventKind::compensation)
        attached_[node.attached_to].push_back(i);
    }
    std::vector<PointIndex> last(count, no_index);
    for (NodeIndex i = 0; i < count; ++i) {
      const auto& node = model_.nodes[i];
      if (node.kind == NodeKind::complex_gateway) throw Unstructured{i, "a complex gateway"};
      PointIndex at = no_index;
      const auto append = [&](Point point) {
        point.node = i;
        points_.push_back(std::move(point));
        const auto index = static_cast<PointIndex>(points_.size() - 1);
        if (at == no_index) in_[i] = index;
        if (at != no_index) points_[at].after.push_back(index);
        at = index;
      };
      const NodeKind gateway = node.kind == NodeKind::event_gateway ? NodeKind::exclusive_gateway : node.kind;
      if (in[i] > 1)
        append({Point::Kind::join, i, is_gateway(gateway) ? gateway : NodeKind::exclusive_gateway, {}, {}});
      if (out[i].empty())
        append({Point::Kind::end, i, NodeKind::exclusive_gateway, {}, {}});
      else if (!is_gateway(node.kind) || (in[i] < 2 && out[i].size() < 2))
        append({Point::Kind::step, i, NodeKind::exclusive_gateway, {}, {}});
      if (out[i].size() > 1) append({Point::Kind::split, i, is_gateway(gateway) ? gateway : split_of(out[i]), {}, {}});
      last[i] = at;
    }
    for (NodeIndex i = 0; i < count; ++i)
      for (const std::uint32_t f : out[i]) {
        points_[last[i]].after.push_back(in_[model_.flows[f].to]);
        points_[last[i]].labels.push_back(model_.flows[f].name);
      }
    tie_links(last);
    for (const auto& point : points_)
      for (const PointIndex to : point.after) ++points_[to].before;
    mark_backward();
  }

  NodeKind split_of(const std::vector<std::uint32_t>& flows) const {
    const bool conditional =
        std::any_of(flows.begin(), flows.end(), [&](std::uint32_t f) { return model_.flows[f].conditional; });
    return conditional ? NodeKind::inclusive_gateway : NodeKind::parallel_gateway;
  }

  // A link is a flow that was not drawn.
  void tie_links(const std::vector<PointIndex>& last) {
    std::map<std::pair<ScopeIndex, std::string>, NodeIndex> targets;
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i)
      if (model_.nodes[i].event == EventKind::link && model_.nodes[i].kind == NodeKind::catch_event)
        targets[{model_.nodes[i].scope, model_.nodes[i].link}] = i;
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) {
      const auto& node = model_.nodes[i];
      if (node.event != EventKind::link || node.kind != NodeKind::throw_event) continue;
      const auto target = targets.find({node.scope, node.link});
      if (target == targets.end()) continue;
      points_[last[i]].kind = Point::Kind::step;
      points_[last[i]].after.push_back(in_[target->second]);
      points_[last[i]].labels.emplace_back();
      if (points_[in_[target->second]].kind != Point::Kind::join && ++link_sources_[target->second] > 1)
        throw Unstructured{i, "several link events lead to one target"};
    }
  }

  void mark_backward() {
    std::vector<std::uint8_t> seen(points_.size());
    std::vector<std::pair<PointIndex, std::size_t>> path;
    for (PointIndex root = 0; root < points_.size(); ++root) {
      if (seen[root] != 0 || points_[root].before != 0) continue;
      path.assign(1, {root, 0});
      seen[root] = 1;
      while (!path.empty()) {
        auto& [point, next] = path.back();
        if (next == points_[point].after.size()) {
          seen[point] = 2;
          path.pop_back();
          continue;
        }
        const PointIndex to = points_[point].after[next++];
        if (seen[to] == 1) ++points_[to].backward;
        if (seen[to] != 0) continue;
        seen[to] = 1;
        path.emplace_back(to, 0);
      }
    }
  }

  NodeIndex entry(ScopeIndex scope) const {
    NodeIndex found = no_index;
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) {
      const auto& node = model_.nodes[i];
      if (node.scope != scope || points_[in_[i]].before != 0 || node.kind == NodeKind::boundary_event ||
          node.for_compensation || node.kind == NodeKind::event_sub_process)
        continue;
      if (found != no_index) throw Unstructured{i, "it begins in more than one place"};
      found = i;
    }
    if (found == no_index) throw Unstructured{0, "it begins nowhere"};
    return found;
  }

  Blocks scope(ScopeIndex index) {
    Blocks out;
    const Reached reached = read(in_[entry(index)], no_index, out);
    if (reached.point != no_index) refuse(reached.point, "ways meet that did not part here");
    return out;
  }

  [[noreturn]] void refuse(PointIndex point, const std::string& why) const {
    throw Unstructured{points_[point].node, why};
  }

  // Where a sequence came to its end: at a join that it has not passed, arriving there so many times, or nowhere.
  struct Reached {
    PointIndex point = no_index;
    std::size_t arrivals = 0;
  };

  Reached read(PointIndex at, PointIndex stop, Blocks& out, std::size_t arrivals = 1) {
    if (++depth_ > deepest_nesting) refuse(at, "blocks are nested deeper than " + std::to_string(deepest_nesting));
    const Reached reached = read_on(at, stop, out, arrivals);
    --depth_;
    return reached;
  }

  Reached read_on(PointIndex at, PointIndex stop, Blocks& out, std::size_t arrivals) {
    for (;;) {
      if (at == stop) return {at, arrivals};
      const Point& point = points_[at];
      switch (point.kind) {
        case Point::Kind::end:
          out.push_back(step(point.node));
          if (!model_.nodes[point.node].for_compensation) out.push_back(end(point.node));
          return {};
        case Point::Kind::step:
          out.push_back(step(point.node));
          at = handled(out.back(), point.after[0]);
          arrivals = 1;
          break;
        case Point::Kind::join:
          if (arrivals + point.backward < point.before) return {at, arrivals};
          if (point.backward > 0) {
            if (std::find(loops_.begin(), loops_.end(), at) != loops_.end()) return {at, arrivals};
            at = loop(at, out);
          } else {
            at = point.after[0];
          }
          arrivals = 1;
          break;
        case Point::Kind::split: {
          const Reached met = split(at, no_index, stop, out);
          if (met.point == no_index) return {};
          at = met.point;
          arrivals = met.arrivals;
          if (points_[at].before - points_[at].backward > arrivals || at == stop ||
              std::find(loops_.begin(), loops_.end(), at) != loops_.end()) {
            if (arrivals > 1 && points_[at].gateway != NodeKind::exclusive_gateway)
              refuse(at, "ways meet in a gateway of another kind than the one where they parted");
            return {at, arrivals};
          }
          break;
        }
      }
    }
  }

  struct OpenWay {
    Way way;
    Reached reached;
  };

  // Reads every way of a split but the one that begins with `except`; all that go on meet in one place.
  Reached split(PointIndex at, PointIndex except, PointIndex stop, Blocks& out) {
    const Point& point = points_[at];
    std::vector<OpenWay> ways;
    for (std::size_t i = 0; i < point.after.size(); ++i) {
      if (point.after[i] == except) continue;
      ways.push_back({{point.labels[i], {}}, {}});
      ways.back().reached = read(point.after[i], stop, ways.back().way.blocks);
    }
    while (nest(at, stop, ways)) {
    }
    Reached met;
    std::size_t going_on = 0;
    for (const auto& way : ways) {
      if (way.reached.point == no_index) continue;
      if (met.point != no_index && met.point != way.reached.point) refuse(at, "its ways do not all meet in one place");
      met = {way.reached.point, met.arrivals + way.reached.arrivals};
      ++going_on;
    }
    if (going_on > 1 && points_[met.point].gateway != point.gateway)
      refuse(at, "its ways meet in a gateway of another kind");
    if (ways.size() == 1) {
      auto& only = ways.front().way.blocks;
      out.insert(out.end(), std::make_move_iterator(only.begin()), std::make_move_iterator(only.end()));
    } else {
      out.push_back(choice(point.gateway, std::move(ways)));
    }
    return met;
  }

  Block choice(NodeKind gateway, std::vector<OpenWay> ways) const {
    Block out;
    out.kind = Block::Kind::choice;
    out.gateway = gateway;
    for (auto& way : ways) out.ways.push_back(std::move(way.way));
    return out;
  }

  // Some of the ways meet before the others do: those become a choice of their own. False where there are none.
  bool nest(PointIndex at, PointIndex stop, std::vector<OpenWay>& ways) {
    std::map<PointIndex, std::size_t> arrivals;
    for (const auto& way : ways)
      if (way.reached.point != no_index) arrivals[way.reached.point] += way.reached.arrivals;
    if (arrivals.size() < 2) return false;
    for (const auto& [point, count] : arrivals) {
      const bool in_loop = std::find(loops_.begin(), loops_.end(), point) != loops_.end();
      if (point == stop || in_loop || points_[point].gateway != points_[at].gateway ||
          count + points_[point].backward < points_[point].before)
        continue;
      std::vector<OpenWay> early, late;
      for (auto& way : ways) (way.reached.point == point ? early : late).push_back(std::move(way));
      late.push_back({{"", {}}, {}});
      late.back().way.blocks.push_back(choice(points_[at].gateway, std::move(early)));
      late.back().reached = read(point, stop, late.back().way.blocks, count);
      ways = std::move(late);
      return true;
    }
    return false;
  }

  // The points from which `head` is reached again, without passing it.
  std::set<PointIndex> turn(PointIndex head) const {
    std::vector<std::vector<PointIndex>> before(points_.size());
    for (PointIndex p = 0; p < points_.size(); ++p)
      for (const PointIndex to : points_[p].after) before[to].push_back(p);
    std::vector<bool> ahead(points_.size());
    std::vector<PointIndex> todo{head};
    while (!todo.empty()) {
      const PointIndex p = todo.back();
      todo.pop_back();
      if (ahead[p]) continue;
      ahead[p] = true;
      todo.insert(todo.end(), points_[p].after.begin(), points_[p].after.end());
    }
    std::set<PointIndex> out;
    for (const PointIndex p : before[head])
      if (ahead[p]) todo.push_back(p);
    while (!todo.empty()) {
      const PointIndex p = todo.back();
      todo.pop_back();
      if (p == head || !ahead[p] || !out.insert(p).second) continue;
      todo.insert(todo.end(), before[p].begin(), before[p].end());
    }
    return out;
  }

  // A loop has one split at which it is left; what stands before it is the turn, what leads back lies between turns.
  PointIndex loop(PointIndex head, Blocks& out) {
    const std::set<PointIndex> inside = turn(head);
    PointIndex exit = no_index, beyond = no_index;
    for (const PointIndex p : inside) {
      if (points_[p].kind != Point::Kind::split) continue;
      for (const PointIndex to : points_[p].after) {
        if (to == head || inside.count(to) > 0) continue;
        if (exit != no_index) refuse(head, "the loop is left in more than one place");
        exit = p;
        beyond = to;
      }
    }
    if (exit == no_index) refuse(head, "the loop is never left");
    if (points_[exit].gateway != NodeKind::exclusive_gateway || points_[head].gateway != NodeKind::exclusive_gateway)
      refuse(head, "a loop begins and ends in exclusive gateways");
    loops_.push_back(head);
    Block repeat;
    repeat.kind = Block::Kind::repeat;
    repeat.node = points_[head].node;
    repeat.ways.resize(2);
    if (points_[head].after[0] != exit) {
      const Reached reached = read(points_[head].after[0], exit, repeat.ways[0].blocks);
      if (reached.point != exit) refuse(head, "the turn of the loop does not end where the loop is left");
    }
    const Reached back = split(exit, beyond, no_index, repeat.ways[1].blocks);
    if (back.point != head) refuse(exit, "what leads back in the loop does not lead to its beginning");
    loops_.pop_back();
    out.push_back(std::move(repeat));
    return beyond;
  }

  Block end(NodeIndex node) const {
    Block out;
    out.kind = Block::Kind::end;
    out.node = node;
    return out;
  }

  Block step(NodeIndex node) {
    Block out;
    out.node = node;
    if (model_.nodes[node].body != no_index) out.inner.push_back(scope(model_.nodes[node].body));
    return out;
  }

  // The boundary events of a step. Where such a way goes on, it meets the step's own way right behind it.
  PointIndex handled(Block& block, PointIndex next) {
    std::size_t arrivals = 1;
    bool meets = false;
    for (const NodeIndex i : attached_[block.node]) {
      Block::Handler handler{i, {}};
      const PointIndex first = in_[i];
      if (!points_[first].after.empty()) {
        const Reached reached = read(points_[first].after[0], no_index, handler.blocks);
        if (reached.point != no_index) {
          if (reached.point != next || points_[next].gateway != NodeKind::exclusive_gateway)
            refuse(first, "what follows this event meets the rest not right behind the activity");
          arrivals += reached.arrivals;
          meets = true;
        }
      }
      block.handlers.push_back(std::move(handler));
    }
    if (!meets) return next;
    if (arrivals != points_[next].before) refuse(next, "other ways lead here too");
    return points_[next].after[0];
  }

  const ProcessModel& model_;
  std::vector<Point> points_;
  std::vector<PointIndex> in_;                    // the first point of each node
  std::vector<std::vector<NodeIndex>> attached_;  // boundary events by activity, but for compensation
  std::map<NodeIndex, std::size_t> link_sources_;
  std::vector<PointIndex> loops_;  // heads of the loops being read
  std::size_t depth_ = 0;
};

}  // namespace

std::optional<Structure> structure_of(const ProcessModel& model, Finding& obstacle) {
  try {
    return Finder{model}.run();
  } catch (const Unstructured& found) {
    const auto& node = model.nodes[found.node];
    obstacle = {node.at, Severity::error, "not-in-blocks",
                "at " + in_quotes(node.name) + " the process is not made of blocks: " + found.why};
    return std::nullopt;
  }
}

}  // namespace laban::monitor::yaml
