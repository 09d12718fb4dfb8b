// tests/unit/monitor/core/sequence.hpp - a process of steps one after the other.
#pragma once

#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

inline ProcessModel sequence(const std::string& id, const std::vector<std::string>& names) {
  ProcessModel model;
  model.id = id;
  model.version = "1";
  const auto add = [&](NodeKind kind, const std::string& name) {
    Node node;
    node.kind = kind;
    node.id = name;
    node.name = name;
    if (kind == NodeKind::task) {
      node.shows = Shows::required;
      node.types = {name};
    }
    model.nodes.push_back(node);
    return static_cast<NodeIndex>(model.nodes.size() - 1);
  };
  NodeIndex last = add(NodeKind::start_event, "start");
  const auto connect = [&](NodeIndex from, NodeIndex to) {
    Flow flow;
    flow.from = from;
    flow.to = to;
    model.flows.push_back(flow);
  };
  for (const auto& name : names) {
    const NodeIndex next = add(NodeKind::task, name);
    connect(last, next);
    last = next;
  }
  connect(last, add(NodeKind::end_event, "end"));
  return model;
}

}  // namespace laban::monitor
