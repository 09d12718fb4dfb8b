// monitor/core/discovery.cpp - directly-follows counting, and the process that it draws.
#include "monitor/core/discovery.hpp"

#include <algorithm>

namespace laban::monitor {

void Discovery::begin_trace(std::string_view) {
  trace_.clear();
}

void Discovery::event(const LogEvent& event) {
  ++events_;
  auto found = ids_.find(event.activity);
  if (found == ids_.end()) {
    found = ids_.emplace(std::string(event.activity), static_cast<std::uint32_t>(names_.size())).first;
    names_.emplace_back(event.activity);
    counts_.push_back(0);
    starts_.push_back(0);
    ends_.push_back(0);
  }
  ++counts_[found->second];
  trace_.push_back(found->second);
}

void Discovery::end_trace() {
  ++cases_;
  ++variants_[trace_];
  if (trace_.empty()) return;
  ++starts_[trace_.front()];
  ++ends_[trace_.back()];
  for (std::size_t i = 1; i < trace_.size(); ++i) ++follows_[std::uint64_t{trace_[i - 1]} << 32 | trace_[i]];
}

void Discovery::warning(const Finding& finding) {
  if (on_warning_) on_warning_(finding);
}

std::vector<Discovery::Edge> Discovery::edges() const {
  std::vector<Edge> edges;
  for (const auto& [pair, count] : follows_)
    edges.push_back({static_cast<std::uint32_t>(pair >> 32), static_cast<std::uint32_t>(pair), count});
  std::sort(edges.begin(), edges.end(), [&](const Edge& a, const Edge& b) {
    return std::tie(names_[a.from], names_[a.to]) < std::tie(names_[b.from], names_[b.to]);
  });
  return edges;
}

std::vector<Discovery::Variant> Discovery::variants() const {
  std::vector<Variant> variants;
  for (const auto& [activities, count] : variants_) variants.push_back({activities, count});
  std::stable_sort(variants.begin(), variants.end(),
                   [](const Variant& a, const Variant& b) { return a.count > b.count; });
  return variants;
}

namespace {

// Adds nodes and flows to a process.
class Drawing {
 public:
  explicit Drawing(const std::string& id) {
    model_.id = id;
    model_.name = id;
  }

  NodeIndex add(NodeKind kind, const char* element, const std::string& name) {
    Node node;
    node.kind = kind;
    node.element = element;
    node.id = std::string(element) + "-" + std::to_string(model_.nodes.size() + 1);
    node.name = name;
    if (kind == NodeKind::task) {
      node.shows = Shows::required;
      node.types = {name};
      node.bound = true;
    }
    model_.nodes.push_back(std::move(node));
    return static_cast<NodeIndex>(model_.nodes.size() - 1);
  }
  NodeIndex gateway() { return add(NodeKind::exclusive_gateway, "exclusiveGateway", ""); }
  NodeIndex task(const std::string& name) { return add(NodeKind::task, "task", name); }
  NodeIndex start() { return add(NodeKind::start_event, "startEvent", ""); }
  NodeIndex end() { return add(NodeKind::end_event, "endEvent", ""); }

  void connect(NodeIndex from, NodeIndex to) {
    Flow flow;
    flow.id = "flow-" + std::to_string(model_.flows.size() + 1);
    flow.from = from;
    flow.to = to;
    model_.flows.push_back(std::move(flow));
  }

  ProcessModel take() { return std::move(model_); }

 private:
  ProcessModel model_;
};

// The beginnings of all traces as a tree.
struct Beginning {
  std::map<std::uint32_t, Beginning> next;
  bool ends = false;
};

std::size_t add_trace(Beginning& root, const std::vector<std::uint32_t>& trace) {
  std::size_t added = 0;
  Beginning* at = &root;
  for (const std::uint32_t activity : trace) {
    added += at->next.contains(activity) ? 0 : 1;
    at = &at->next[activity];
  }
  at->ends = true;
  return added;
}

// Draws what follows a beginning behind `last`, and gives the last node of the block.
NodeIndex draw(Drawing& drawing, const std::vector<std::string>& names, const Beginning& beginning, NodeIndex last) {
  if (beginning.next.empty()) return last;
  const bool choice = beginning.next.size() > 1 || beginning.ends;
  NodeIndex join = no_index;
  if (choice) {
    const NodeIndex split = drawing.gateway();
    join = drawing.gateway();
    drawing.connect(last, split);
    last = split;
  }
  NodeIndex end = last;
  for (const auto& [activity, rest] : beginning.next) {
    const NodeIndex task = drawing.task(names[activity]);
    drawing.connect(last, task);
    end = draw(drawing, names, rest, task);
    if (choice) drawing.connect(end, join);
  }
  if (beginning.ends) drawing.connect(last, join);
  return choice ? join : end;
}

}  // namespace

ProcessModel Discovery::model(const std::string& id) const {
  Drawing drawing(id);
  const NodeIndex start = drawing.start(), first = drawing.gateway();
  drawing.connect(start, first);
  std::vector<NodeIndex> merges, choices;
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    merges.push_back(drawing.gateway());
    const NodeIndex task = drawing.task(names_[i]);
    choices.push_back(drawing.gateway());
    drawing.connect(merges[i], task);
    drawing.connect(task, choices[i]);
    if (starts_[i] > 0) drawing.connect(first, merges[i]);
  }
  for (const Edge& edge : edges()) drawing.connect(choices[edge.from], merges[edge.to]);
  const NodeIndex last = drawing.gateway();
  drawing.connect(last, drawing.end());
  for (std::uint32_t i = 0; i < names_.size(); ++i)
    if (ends_[i] > 0) drawing.connect(choices[i], last);
  if (variants_.contains({})) drawing.connect(first, last);
  return drawing.take();
}

ProcessModel Discovery::block_model(const std::string& id, std::size_t most) const {
  static constexpr std::size_t longest = 500;  // of a trace that becomes nested blocks
  Beginning root;
  std::size_t steps = 0;
  for (const auto& [trace, count] : variants_) {
    steps += trace.size() > longest ? most + 1 : add_trace(root, trace);
    if (steps > most) break;
  }
  Drawing drawing(id);
  const NodeIndex start = drawing.start();
  if (steps <= most) {
    const NodeIndex last = draw(drawing, names_, root, start);
    drawing.connect(last, drawing.end());
    return drawing.take();
  }
  const NodeIndex merge = drawing.gateway(), split = drawing.gateway(), join = drawing.gateway(),
                  again = drawing.gateway(), end = drawing.end();
  drawing.connect(start, merge);
  drawing.connect(merge, split);
  for (const std::string& name : names_) {
    const NodeIndex task = drawing.task(name);
    drawing.connect(split, task);
    drawing.connect(task, join);
  }
  if (variants_.contains({})) drawing.connect(split, join);
  drawing.connect(join, again);
  drawing.connect(again, merge);
  drawing.connect(again, end);
  return drawing.take();
}

}  // namespace laban::monitor
