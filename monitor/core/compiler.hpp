// monitor/core/compiler.hpp - from a process model to a net, node by node. Internal to the core; the way in is
// compile() of net.hpp.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::monitor {

class Compiler {
 public:
  Compiler(const ProcessModel& model, std::vector<Finding>& findings) : model_(model), findings_(findings) {}
  Net compile();

 private:
  using Places = std::vector<PlaceIndex>;

  // Structure: steps, places and where they stand.
  void add_steps();
  void connect();
  void add_places();
  void defer_choices();
  PlaceIndex add_place(const std::string& name, ScopeIndex scope, NodeIndex at);
  PlaceIndex add_mark(const std::string& name);
  bool joins(NodeIndex node) const;
  bool in_flow(NodeIndex node) const;
  bool is_activity(NodeIndex node) const;
  std::vector<Places> splits(NodeIndex node);
  std::vector<Places> subsets(NodeIndex node, const Places& places);
  std::vector<std::vector<NodeIndex>> beginnings(ScopeIndex scope, const std::string* participant) const;
  void add_begin(const std::string& participant);
  Places within(ScopeIndex scope) const;  // places that count, in the scope and below
  bool is_within(ScopeIndex scope, ScopeIndex outer) const;
  void find_undoing();
  void join_scopes();
  bool instances_keep_apart(ScopeIndex body) const;
  bool stands_alone(NodeIndex node, ScopeIndex body) const;
  std::vector<NodeIndex> link_targets(NodeIndex thrower) const;

  // Behaviour.
  void add_node(NodeIndex node);
  void add_gateway(NodeIndex node);
  void add_task(NodeIndex node);
  void add_body(NodeIndex node);
  void add_instances(NodeIndex node, const std::vector<std::vector<NodeIndex>>& ways);
  void add_boundaries(NodeIndex node, PlaceIndex on, const Places& cleared);
  void add_ad_hoc(NodeIndex node);
  void add_boundary(NodeIndex boundary, PlaceIndex on, const Places& cleared);
  void add_event_sub_process(NodeIndex node);
  void add_end(NodeIndex node);
  void add_throw(NodeIndex node);
  void add_compensation(NodeIndex node);
  void add_cancel(NodeIndex node);
  void add_idle_handlers();
  void add_undo(NodeIndex done, Transition undo, bool may);
  void await_undone(NodeIndex done, Places& empty) const;
  bool add_catchers(NodeIndex thrower, bool goes_on);
  Transition catching(NodeIndex thrower, NodeIndex catcher, ScopeIndex scope) const;
  Transition trigger(NodeIndex node, NodeIndex start) const;
  void add_starts();
  void watch_joins();

  // Adds a node's transition: silently where it need not show, visibly where it may.
  void add(NodeIndex node, Transition transition);
  void add_silent(Transition transition, NodeIndex node);
  void add_each(NodeIndex node, const Transition& transition, const std::vector<Places>& puts);
  // The end of an activity's round: on to what follows, and, where it repeats, back to `in` or past it.
  void add_rounds(NodeIndex node, const Transition& end, PlaceIndex in);
  bool catches(NodeIndex catcher, NodeIndex thrower) const;
  bool thrown_explicitly(NodeIndex catcher, ScopeIndex scope) const;
  std::vector<NodeIndex> targets(NodeIndex thrower) const;  // what a compensation undoes, where it is done
  Places region(NodeIndex boundary) const;
  void simplified(NodeIndex node, const std::string& what);

  const ProcessModel& model_;
  std::vector<Finding>& findings_;
  Net net_;
  std::vector<std::vector<std::uint32_t>> in_, out_;  // flows of each node
  std::vector<std::vector<NodeIndex>> attached_;      // boundary events of each node
  std::vector<NodeIndex> handler_;                    // what undoes a node: an activity, or an event sub-process in it
  std::vector<ScopeIndex> parent_;                    // of a scope; what undoes a sub-process runs where that stood
  std::vector<bool> joined_;  // scopes without an activity of their own: their end goes on to what follows
  Places flow_place_, node_in_, active_, done_, message_, caught_, begun_, pending_, interrupted_, instance_;
  std::vector<StepIndex> step_;
  std::vector<NodeIndex> at_;  // the node at which a token on a place stands
  std::vector<ScopeIndex> scope_of_place_;
  std::vector<bool> has_idle_handler_;
  PlaceIndex process_active_ = no_index;
  std::size_t subsets_ = 0;   // tried so far
  std::set<NodeIndex> told_;  // nodes of which not all were
  PlaceIndex failed_ = no_index, compensated_ = no_index;
};

}  // namespace laban::monitor
