// monitor/core/compiler_scopes.cpp - the net of what begins, ends, interrupts and undoes: starts, sub-processes, boundary
// events, event sub-processes, end and throw events, compensation.
#include <algorithm>

#include "monitor/core/compiler.hpp"

namespace laban::monitor {

// The ways to begin a scope, each with the nodes that get a token.
std::vector<std::vector<NodeIndex>> Compiler::beginnings(ScopeIndex scope, const std::string* participant) const {
  std::vector<std::vector<NodeIndex>> ways;
  std::vector<NodeIndex> together;
  for (NodeIndex index = 0; index < model_.nodes.size(); ++index) {
    const Node& node = model_.nodes[index];
    if (node.scope != scope || !in_flow(index) || (participant != nullptr && node.participant != *participant))
      continue;
    if (node.kind == NodeKind::start_event || (node.instantiates && in_[index].empty()))
      ways.push_back({index});
    else if (in_[index].empty())
      together.push_back(index);
  }
  if (ways.empty() && !together.empty()) ways.push_back(together);
  return ways;
}

void Compiler::add_starts() {
  for (const Node& node : model_.nodes) {
    if (node.kind != NodeKind::event_sub_process || node.scope != 0 || process_active_ != no_index) continue;
    process_active_ = add_place("process active", no_index, no_index);
    net_.initial[process_active_] = 1;
  }
  std::vector<std::string> participants;
  for (const Node& node : model_.nodes)
    if (node.scope == 0 && std::find(participants.begin(), participants.end(), node.participant) == participants.end())
      participants.push_back(node.participant);
  bool anyone = false;
  for (const std::string& participant : participants)
    for (const auto& way : beginnings(0, &participant)) anyone |= message_[way.front()] == no_index;
  if (!anyone && !participants.empty())
    for (const auto& way : beginnings(0, &participants.front())) message_[way.front()] = no_index;
  for (const std::string& participant : participants) add_begin(participant);
  if (process_active_ == no_index) return;
  Transition complete;
  complete.take = {process_active_};
  complete.empty = within(0);
  add_silent(complete, no_index);
}

// One participant's beginning: at one of its starts, or when a message of another participant arrives.
void Compiler::add_begin(const std::string& participant) {
  std::vector<std::vector<NodeIndex>> ways;
  for (const auto& way : beginnings(0, &participant)) {
    const NodeIndex first = way.front();
    if (message_[first] == no_index || way.size() > 1) {
      ways.push_back(way);
    } else {
      net_.initial[node_in_[first]] = 1;
      net_.places[node_in_[first]].counts = false;
    }
  }
  if (ways.size() == 1)
    for (NodeIndex node : ways.front()) net_.initial[node_in_[node]] = 1;
  if (ways.size() < 2) return;
  const PlaceIndex source = add_place("source", 0, no_index);
  net_.initial[source] = 1;
  for (const auto& way : ways) {
    Transition begin;
    begin.take = {source};
    for (NodeIndex node : way) begin.put.push_back(node_in_[node]);
    add_silent(begin, no_index);
  }
}

// All parallel instances begin together; one that has not done anything yet need not be told from one that is not there.
void Compiler::add_instances(NodeIndex index, const std::vector<std::vector<NodeIndex>>& ways) {
  const Node& node = model_.nodes[index];
  if (!instances_keep_apart(node.body))
    simplified(index, "'" + node.name + "': what its instances do at a time is not told apart");
  const PlaceIndex instance = instance_[node.body];
  Transition further;
  further.need = {active_[node.body]};
  further.empty = further.put = {instance};
  further.further = true;
  add_silent(further, index);
  for (const auto& way : ways) {
    Transition begin;
    begin.take = {instance};
    for (NodeIndex first : way) begin.put.push_back(node_in_[first]);
    add_silent(begin, index);
  }
}

void Compiler::add_body(NodeIndex index) {
  const Node& node = model_.nodes[index];
  const PlaceIndex in = node_in_[index], active = active_[node.body];
  auto ways = beginnings(node.body, nullptr);
  if (ways.empty()) ways.emplace_back();
  const bool at_once = node.repeats == Repeats::parallel_instances;
  if (at_once) {
    add_instances(index, ways);
    ways.resize(1);
  }
  for (const auto& way : ways) {
    Transition enter;
    enter.take = {in};
    if (!joined_[node.body]) enter.put = {active};
    if (at_once)
      enter.put.push_back(instance_[node.body]);
    else
      for (NodeIndex first : way) enter.put.push_back(node_in_[first]);
    if (!node.start_type.empty() && step_[index] != no_index) {
      enter.begins = true;
      enter.step = step_[index];
    }
    enter.node = index;
    net_.transitions.push_back(enter);
    if (enter.step == no_index && node.shows == Shows::optional) {
      enter.step = step_[index];
      net_.transitions.push_back(enter);
    }
  }
  Transition complete;
  complete.take = {active};
  if (joined_[node.body]) return add_rounds(index, complete, in);
  complete.empty = within(node.body);
  if (interrupted_[node.body] != no_index) complete.clear.push_back(interrupted_[node.body]);
  if (at_once)
    add_each(index, complete, splits(index));
  else
    add_rounds(index, complete, in);
  Places cleared = within(node.body);
  cleared.push_back(active);
  if (interrupted_[node.body] != no_index) cleared.push_back(interrupted_[node.body]);
  add_boundaries(index, active, cleared);
}

// Its activities may come in any order, any number of times, and it may end at any time.
void Compiler::add_ad_hoc(NodeIndex index) {
  const Node& node = model_.nodes[index];
  const PlaceIndex active = active_[node.body];
  Transition enter;
  enter.take = {node_in_[index]};
  enter.put = {active};
  enter.node = index;
  net_.transitions.push_back(enter);
  if (node.shows == Shows::optional) {
    enter.step = step_[index];
    net_.transitions.push_back(enter);
  }
  for (NodeIndex inner = 0; inner < model_.nodes.size(); ++inner) {
    if (model_.nodes[inner].scope != node.body || !in_flow(inner) || !in_[inner].empty()) continue;
    Transition begin;
    begin.need = {active};
    begin.empty = node.one_at_a_time ? within(node.body) : Places{node_in_[inner]};
    begin.put = {node_in_[inner]};
    add_silent(begin, inner);
  }
  Transition complete;
  complete.take = {active};
  complete.clear = within(node.body);
  add_each(index, complete, splits(index));
  if (node.repeats != Repeats::once) add_each(index, complete, {{node_in_[index]}});
  Places cleared = within(node.body);
  cleared.push_back(active);
  add_boundaries(index, active, cleared);
}

void Compiler::add_boundaries(NodeIndex index, PlaceIndex on, const Places& cleared) {
  for (NodeIndex boundary : attached_[index])
    if (model_.nodes[boundary].event != EventKind::compensation) add_boundary(boundary, on, cleared);
}

// What a boundary event does while its activity is on: by itself, and where something inside throws to it.
void Compiler::add_boundary(NodeIndex index, PlaceIndex on, const Places& cleared) {
  const Node& node = model_.nodes[index];
  const std::vector<Places> puts = splits(index);
  const ScopeIndex body = model_.nodes[node.attached_to].body;
  if (caught_[index] != no_index && body != no_index) {
    Transition transition;
    transition.take = {caught_[index]};
    add_each(index, transition, puts);
    if (node.event == EventKind::cancel || thrown_explicitly(index, body)) return;
  }
  if (node.event == EventKind::cancel) return;
  Transition transition;
  if (node.interrupting) {
    transition.take = {on};
    transition.clear = cleared;
    return add_each(index, transition, puts);
  }
  // It leaves its activity alone, so it could happen any number of times: again once its last time is through.
  transition.need = {on};
  transition.empty = region(index);
  add_each(index, transition, puts);
}

// Where a token of a boundary event can get to, but for its own activity.
Compiler::Places Compiler::region(NodeIndex boundary) const {
  std::vector<bool> reached(model_.nodes.size(), false);
  std::vector<NodeIndex> open{boundary};
  const NodeIndex host = model_.nodes[boundary].attached_to;
  while (!open.empty()) {
    const NodeIndex node = open.back();
    open.pop_back();
    if (reached[node] || node == host) continue;
    reached[node] = true;
    for (std::uint32_t flow : out_[node]) open.push_back(model_.flows[flow].to);
  }
  Places places;
  for (PlaceIndex place = 0; place < net_.places.size(); ++place)
    if (at_[place] != no_index && reached[at_[place]] && net_.places[place].counts) places.push_back(place);
  return places;
}

// An event sub-process begins when its start event comes while the scope around it is active.
void Compiler::add_event_sub_process(NodeIndex index) {
  const Node& node = model_.nodes[index];
  if (node.body == no_index) return;
  for (NodeIndex start = 0; start < model_.nodes.size(); ++start) {
    const Node& event = model_.nodes[start];
    if (event.scope != node.body || event.kind != NodeKind::start_event) continue;
    if (caught_[start] != no_index) {
      Transition transition;
      transition.take = {caught_[start]};
      transition.put = {active_[node.body]};
      add_each(start, transition, splits(start));
      if (thrown_explicitly(start, node.scope)) continue;
    }
    if (event.event == EventKind::compensation) continue;  // see add_undo()
    add_each(start, trigger(index, start), splits(start));
  }
  Transition complete;
  complete.take = {active_[node.body]};
  complete.empty = within(node.body);
  add(index, complete);
}

Transition Compiler::trigger(NodeIndex index, NodeIndex start) const {
  const Node& node = model_.nodes[index];
  const PlaceIndex around = node.scope == 0 ? process_active_ : active_[node.scope];
  Transition begin;
  begin.need = {around};
  begin.put = {active_[node.body]};
  begin.empty = {active_[node.body], interrupted_[node.scope]};
  for (PlaceIndex place : within(node.body)) begin.empty.push_back(place);
  if (model_.nodes[start].interrupting && node.interrupting) {
    begin.clear = within(node.scope);
    begin.put.push_back(interrupted_[node.scope]);
  }
  return begin;
}

bool Compiler::catches(NodeIndex catcher, NodeIndex thrower) const {
  const Node &one = model_.nodes[catcher], &other = model_.nodes[thrower];
  return one.event == other.event && (one.message.empty() || other.message.empty() || one.message == other.message);
}

// Whether something in the scope throws what the catcher waits for; then it comes by nothing else.
bool Compiler::thrown_explicitly(NodeIndex catcher, ScopeIndex scope) const {
  for (NodeIndex thrower = 0; thrower < model_.nodes.size(); ++thrower) {
    const Node& node = model_.nodes[thrower];
    if ((node.kind == NodeKind::end_event || node.kind == NodeKind::throw_event) && is_within(node.scope, scope) &&
        catches(catcher, thrower))
      return true;
  }
  return false;
}

// From a thrower to one who catches what it throws: its scope is cleared where the catcher interrupts.
Transition Compiler::catching(NodeIndex thrower, NodeIndex catcher, ScopeIndex scope) const {
  Transition transition;
  transition.take = {node_in_[thrower]};
  transition.put = {caught_[catcher]};
  const Node& node = model_.nodes[catcher];
  if (!node.interrupting && node.event != EventKind::error) return transition;
  transition.clear = within(scope);
  if (node.kind == NodeKind::boundary_event) {
    transition.clear.push_back(active_[scope]);
    if (interrupted_[scope] != no_index) transition.clear.push_back(interrupted_[scope]);
  } else if (interrupted_[scope] != no_index) {
    transition.put.push_back(interrupted_[scope]);
  }
  return transition;
}

// Finds who catches an error or escalation, from the inside out.
bool Compiler::add_catchers(NodeIndex thrower, bool goes_on) {
  for (ScopeIndex scope = model_.nodes[thrower].scope; scope != no_index; scope = parent_[scope]) {
    std::vector<NodeIndex> catchers;
    for (NodeIndex catcher = 0; catcher < model_.nodes.size(); ++catcher) {
      const Node& node = model_.nodes[catcher];
      if (caught_[catcher] == no_index || !catches(catcher, thrower)) continue;
      const bool inside = node.kind == NodeKind::start_event && model_.scopes[node.scope].parent == scope &&
                          !is_within(model_.nodes[thrower].scope, node.scope);
      const bool around = node.kind == NodeKind::boundary_event && model_.nodes[node.attached_to].body == scope;
      if (inside || around) catchers.push_back(catcher);
    }
    for (NodeIndex catcher : catchers) {
      Transition transition = catching(thrower, catcher, scope);
      const bool stays = goes_on && !model_.nodes[catcher].interrupting;
      add_each(thrower, transition, stays ? splits(thrower) : std::vector<Places>{{}});
    }
    if (!catchers.empty()) return true;
  }
  return false;
}

void Compiler::add_end(NodeIndex index) {
  const Node& node = model_.nodes[index];
  Transition end;
  end.take = {node_in_[index]};
  const auto leave_mark = [&](PlaceIndex& mark, Outcome outcome, const char* name) {
    if (mark == no_index) {
      mark = add_mark(name);
      net_.places[mark].outcome = static_cast<std::uint8_t>(1 + static_cast<int>(outcome));
    }
    end.put.push_back(mark);
  };
  if (node.event == EventKind::compensation) return add_compensation(index);
  if (node.event == EventKind::cancel) return add_cancel(index);
  if (node.event == EventKind::error || node.event == EventKind::escalation) {
    if (add_catchers(index, false)) return;
    if (node.event == EventKind::error) {
      end.clear = within(0);
      if (process_active_ != no_index) end.clear.push_back(process_active_);
    }
  }
  if (node.event == EventKind::terminate) end.clear = within(node.scope);
  if (node.scope == 0 || node.event == EventKind::error) {
    if (node.outcome == Outcome::failed) leave_mark(failed_, Outcome::failed, "failed");
    if (node.outcome == Outcome::compensated) leave_mark(compensated_, Outcome::compensated, "compensated");
  }
  add_each(index, end, splits(index));
}

// Where a token goes on from a link event that throws.
std::vector<NodeIndex> Compiler::link_targets(NodeIndex thrower) const {
  const Node& node = model_.nodes[thrower];
  std::vector<NodeIndex> targets;
  if (node.kind != NodeKind::throw_event || node.event != EventKind::link || !out_[thrower].empty()) return targets;
  for (NodeIndex catcher = 0; catcher < model_.nodes.size(); ++catcher) {
    const Node& other = model_.nodes[catcher];
    if (other.kind == NodeKind::catch_event && other.event == EventKind::link && other.link == node.link &&
        other.scope == node.scope)
      targets.push_back(catcher);
  }
  return targets;
}

void Compiler::add_throw(NodeIndex index) {
  const Node& node = model_.nodes[index];
  if (node.event == EventKind::compensation) return add_compensation(index);
  if (node.event == EventKind::escalation && add_catchers(index, true)) return;
  Transition transition;
  transition.take = {node_in_[index]};
  if (node.event == EventKind::link) {
    std::vector<Places> puts;
    for (NodeIndex catcher : link_targets(index)) puts.push_back({node_in_[catcher]});
    if (!puts.empty()) return add_each(index, transition, puts);
  }
  add_each(index, transition, splits(index));
}

// Undoing a sub-process undoes what was done in it, unless it says how it is undone itself.
std::vector<NodeIndex> Compiler::targets(NodeIndex thrower) const {
  const Node& node = model_.nodes[thrower];
  ScopeIndex scope = node.scope;
  const NodeIndex owner = model_.scopes[scope].owner;
  if (owner != no_index && model_.nodes[owner].kind == NodeKind::event_sub_process) scope = model_.nodes[owner].scope;
  if (node.compensates != no_index) {
    if (done_[node.compensates] != no_index) return {node.compensates};
    if (model_.nodes[node.compensates].body == no_index) return {};
    scope = model_.nodes[node.compensates].body;
  }
  std::vector<NodeIndex> found;
  for (NodeIndex done = 0; done < model_.nodes.size(); ++done) {
    if (done_[done] == no_index || !is_within(model_.nodes[done].scope, scope)) continue;
    bool itself = true;
    for (ScopeIndex inner = model_.nodes[done].scope; inner != scope && inner != no_index; inner = parent_[inner])
      itself = itself && done_[model_.scopes[inner].owner] == no_index;
    if (itself) found.push_back(done);
  }
  return found;
}

// What undoes `done` happens, or where nothing in the model asks for it `may` happen.
void Compiler::add_undo(NodeIndex done, Transition undo, bool may) {
  const NodeIndex handler = handler_[done];
  const Node& node = model_.nodes[handler];
  undo.take.push_back(done_[done]);
  has_idle_handler_[done] = false;
  if (node.kind != NodeKind::event_sub_process) {
    if (!may) return add(handler, undo);
    if (step_[handler] == no_index) return;
    undo.step = step_[handler];
    undo.node = handler;
    net_.steps[undo.step].required = false;
    net_.transitions.push_back(std::move(undo));
    return;
  }
  undo.put.push_back(active_[node.body]);
  for (NodeIndex start = 0; start < model_.nodes.size(); ++start)
    if (model_.nodes[start].scope == node.body && model_.nodes[start].event == EventKind::compensation &&
        model_.nodes[start].kind == NodeKind::start_event)
      add_each(start, undo, splits(start));
  for (NodeIndex inner = 0; may && inner < model_.nodes.size(); ++inner)
    if (step_[inner] != no_index && is_within(model_.nodes[inner].scope, node.body))
      net_.steps[step_[inner]].required = false;
}

// Nothing of it is left to be undone, and nothing is being undone.
void Compiler::await_undone(NodeIndex done, Places& empty) const {
  empty.push_back(done_[done]);
  const Node& handler = model_.nodes[handler_[done]];
  if (handler.kind == NodeKind::event_sub_process) empty.push_back(active_[handler.body]);
}

// A compensation event waits until all that was done in its reach is undone.
void Compiler::add_compensation(NodeIndex index) {
  const PlaceIndex undoing = pending_[index];
  Transition begin;
  begin.take = {node_in_[index]};
  add_each(index, begin, {{undoing}});
  Transition finish;
  finish.take = {undoing};
  for (NodeIndex done : targets(index)) {
    Transition undo;
    undo.need = {undoing};
    add_undo(done, undo, false);
    await_undone(done, finish.empty);
  }
  if (model_.nodes[index].kind == NodeKind::end_event && model_.nodes[index].outcome != Outcome::completed &&
      model_.nodes[index].scope == 0) {
    PlaceIndex& mark = model_.nodes[index].outcome == Outcome::failed ? failed_ : compensated_;
    if (mark == no_index) mark = add_mark("outcome");
    net_.places[mark].outcome = static_cast<std::uint8_t>(1 + static_cast<int>(model_.nodes[index].outcome));
    finish.put = {mark};
  }
  for (const Places& put : splits(index)) {
    Transition one = finish;
    one.put.insert(one.put.end(), put.begin(), put.end());
    add_silent(one, index);
  }
}

// A cancelled transaction is cleared, undone, and left by its cancel boundary event.
void Compiler::add_cancel(NodeIndex index) {
  const Node& node = model_.nodes[index];
  ScopeIndex scope = node.scope;
  while (scope != 0 && model_.nodes[model_.scopes[scope].owner].kind != NodeKind::transaction)
    scope = model_.scopes[scope].parent;
  Transition begin;
  begin.take = {node_in_[index]};
  if (scope == 0) return add_each(index, begin, splits(index));
  const NodeIndex owner = model_.scopes[scope].owner;
  begin.clear = within(scope);
  add_each(index, begin, {{pending_[index]}});
  Transition leave;
  leave.take = {pending_[index]};
  for (NodeIndex done = 0; done < model_.nodes.size(); ++done) {
    if (done_[done] == no_index || !is_within(model_.nodes[done].scope, scope)) continue;
    Transition undo;
    undo.need = {pending_[index]};
    add_undo(done, undo, false);
    await_undone(done, leave.empty);
  }
  leave.clear = {active_[scope]};
  std::vector<Places> puts;
  for (NodeIndex boundary = 0; boundary < model_.nodes.size(); ++boundary)
    if (model_.nodes[boundary].attached_to == owner && model_.nodes[boundary].event == EventKind::cancel)
      puts.push_back({caught_[boundary]});
  if (puts.empty()) puts = splits(owner);
  for (const Places& put : puts) {
    Transition one = leave;
    one.put = put;
    add_silent(one, index);
  }
}

// Handlers that nothing in the model calls: they may show once their activity was done.
void Compiler::add_idle_handlers() {
  for (NodeIndex done = 0; done < model_.nodes.size(); ++done)
    if (done_[done] != no_index && has_idle_handler_[done]) add_undo(done, {}, true);
}

}  // namespace laban::monitor
