// monitor/edge/yaml/builder.cpp - lays nodes and flows of a process model in blocks.
#include "monitor/edge/yaml/builder.hpp"

#include <algorithm>

namespace laban::monitor::yaml {
namespace {

bool opens_body(NodeKind kind) {
  return kind == NodeKind::sub_process || kind == NodeKind::event_sub_process;
}

}  // namespace

std::string ModelBuilder::free_id(const std::string& wish) {
  if (ids_.emplace(wish, 1).second) return wish;
  for (;;) {
    const std::string id = wish + "-" + std::to_string(++ids_[wish]);
    if (ids_.emplace(id, 1).second) return id;
  }
}

void ModelBuilder::rename(NodeIndex node, const std::string& wish) {
  const auto holder = std::find_if(model_.nodes.begin(), model_.nodes.end(),
                                   [&](const Node& other) { return other.id == wish && !other.named; });
  if (holder == model_.nodes.end()) {
    model_.nodes[node].id = free_id(wish);
  } else {
    holder->id = free_id(wish);
    model_.nodes[node].id = wish;
  }
}

NodeIndex ModelBuilder::add(NodeKind kind, std::string element, const std::string& wish, const Location& at) {
  Node node;
  node.id = free_id(wish);
  node.name = wish;
  node.named = kind == NodeKind::task || kind == NodeKind::end_event || opens_body(kind);
  node.kind = kind;
  node.element = std::move(element);
  node.scope = scope_;
  node.at = at;
  model_.nodes.push_back(std::move(node));
  return static_cast<NodeIndex>(model_.nodes.size() - 1);
}

void ModelBuilder::tie(const OpenFlows& before, NodeIndex node) {
  for (const auto& open : before) {
    Flow flow;
    flow.id = "flow-" + std::to_string(model_.flows.size() + 1);
    flow.name = open.label;
    flow.from = open.from;
    flow.to = node;
    model_.flows.push_back(std::move(flow));
  }
}

OpenFlows ModelBuilder::then(const OpenFlows& before, NodeIndex node) {
  tie(before, node);
  return {{node, {}}};
}

NodeIndex ModelBuilder::gateway(NodeKind kind, const Location& at) {
  switch (kind) {
    case NodeKind::parallel_gateway:
      return add(kind, "parallelGateway", "all", at);
    case NodeKind::inclusive_gateway:
      return add(kind, "inclusiveGateway", "any", at);
    default:
      return add(kind, "exclusiveGateway", "one", at);
  }
}

OpenFlows ModelBuilder::join(const OpenFlows& before, NodeKind kind, const Location& at) {
  if (before.size() < 2) return before;
  return then(before, gateway(kind, at));
}

OpenFlows ModelBuilder::enter(NodeIndex owner, const Location& at) {
  const auto body = static_cast<ScopeIndex>(model_.scopes.size());
  model_.scopes.push_back({scope_, owner});
  model_.nodes[owner].body = body;
  scope_ = body;
  return {{add(NodeKind::start_event, "startEvent", model_.nodes[owner].id + "-start", at), {}}};
}

void ModelBuilder::leave(const OpenFlows& before, const Location& at) {
  const NodeIndex owner = model_.scopes[scope_].owner;
  if (!before.empty()) {
    const NodeIndex end = add(NodeKind::end_event, "endEvent", model_.nodes[owner].id + "-end", at);
    model_.nodes[end].named = false;
    tie(before, end);
  }
  scope_ = model_.scopes[scope_].parent;
}

}  // namespace laban::monitor::yaml
