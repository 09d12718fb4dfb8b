// monitor/edge/yaml/builder.hpp - lays nodes and flows of a process model in blocks: what runs in sequence is tied
// together, what splits is joined again.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor::yaml {

// A flow that has left a node and not arrived yet.
struct OpenFlow {
  NodeIndex from = no_index;
  std::string label;
};
using OpenFlows = std::vector<OpenFlow>;

class ModelBuilder {
 public:
  explicit ModelBuilder(ProcessModel& model) : model_(model) {}

  // A new node in the current scope; its id is `wish`, with a number behind it where that is taken.
  NodeIndex add(NodeKind kind, std::string element, const std::string& wish, const Location& at);
  // Gives the node an id of the author's; a node that the author did not write gives way.
  void rename(NodeIndex node, const std::string& wish);
  // Ties what has not arrived yet to the node and gives the flow that leaves it.
  OpenFlows then(const OpenFlows& before, NodeIndex node);
  void tie(const OpenFlows& before, NodeIndex node);
  // One flow out of several: a joining gateway where there is more than one.
  OpenFlows join(const OpenFlows& before, NodeKind kind, const Location& at);
  NodeIndex gateway(NodeKind kind, const Location& at);

  // Opens the body of a sub-process and gives the flow out of its start event; leave() ends it.
  OpenFlows enter(NodeIndex owner, const Location& at);
  void leave(const OpenFlows& before, const Location& at);

  Node& node(NodeIndex index) { return model_.nodes[index]; }
  ProcessModel& model() { return model_; }
  ScopeIndex scope() const { return scope_; }

 private:
  std::string free_id(const std::string& wish);

  ProcessModel& model_;
  std::unordered_map<std::string, unsigned> ids_;  // and the last number behind each
  ScopeIndex scope_ = 0;
};

}  // namespace laban::monitor::yaml
