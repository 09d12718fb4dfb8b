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

ProcessModel Discovery::model(const std::string& id) const {
  ProcessModel model;
  model.id = id;
  model.name = id;
  const auto add = [&](NodeKind kind, const char* element, const std::string& node_id, const std::string& name) {
    Node node;
    node.kind = kind;
    node.element = element;
    node.id = node_id;
    node.name = name;
    model.nodes.push_back(std::move(node));
    return static_cast<NodeIndex>(model.nodes.size() - 1);
  };
  const auto connect = [&](NodeIndex from, NodeIndex to) {
    Flow flow;
    flow.id = "flow-" + std::to_string(model.flows.size() + 1);
    flow.from = from;
    flow.to = to;
    model.flows.push_back(std::move(flow));
  };
  const NodeIndex start = add(NodeKind::start_event, "startEvent", "start", "");
  const NodeIndex first = add(NodeKind::exclusive_gateway, "exclusiveGateway", "begins", "");
  connect(start, first);
  std::vector<NodeIndex> tasks, choices, merges;
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    merges.push_back(add(NodeKind::exclusive_gateway, "exclusiveGateway", "before-" + number, ""));
    tasks.push_back(add(NodeKind::task, "task", "step-" + number, names_[i]));
    choices.push_back(add(NodeKind::exclusive_gateway, "exclusiveGateway", "after-" + number, ""));
    model.nodes[tasks[i]].shows = Shows::required;
    model.nodes[tasks[i]].types = {names_[i]};
    model.nodes[tasks[i]].bound = true;
    connect(merges[i], tasks[i]);
    connect(tasks[i], choices[i]);
    if (starts_[i] > 0) connect(first, merges[i]);
  }
  for (const Edge& edge : edges()) connect(choices[edge.from], merges[edge.to]);
  const NodeIndex last = add(NodeKind::exclusive_gateway, "exclusiveGateway", "ends", "");
  const NodeIndex end = add(NodeKind::end_event, "endEvent", "end", "");
  connect(last, end);
  for (std::uint32_t i = 0; i < names_.size(); ++i)
    if (ends_[i] > 0) connect(choices[i], last);
  if (variants_.contains({})) connect(first, last);
  return model;
}

}  // namespace laban::monitor
