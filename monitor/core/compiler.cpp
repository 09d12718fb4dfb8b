// monitor/core/compiler.cpp - the structure of the net of a process: places, splits and joins, tasks, gateways.
#include "monitor/core/compiler.hpp"

#include <algorithm>
#include <set>

namespace laban::monitor {

static constexpr std::size_t most_branches = 10;    // of an inclusive split whose subsets are all tried
static constexpr std::size_t most_subsets = 8'192;  // of all of them together

Net compile(const ProcessModel& model, std::vector<Finding>& findings) {
  return Compiler(model, findings).compile();
}

Net Compiler::compile() {
  net_.approximate = model_.approximate;
  connect();
  add_steps();
  add_places();
  add_starts();
  for (NodeIndex node = 0; node < model_.nodes.size(); ++node) add_node(node);
  add_idle_handlers();
  watch_joins();
  net_.initial.resize(net_.places.size(), 0);
  return std::move(net_);
}

void Compiler::connect() {
  const std::size_t count = model_.nodes.size();
  in_.resize(count);
  out_.resize(count);
  handler_.resize(count, no_index);
  for (std::uint32_t flow = 0; flow < model_.flows.size(); ++flow) {
    out_[model_.flows[flow].from].push_back(flow);
    in_[model_.flows[flow].to].push_back(flow);
  }
  for (NodeIndex node = 0; node < count; ++node)
    if (model_.nodes[node].for_compensation && model_.nodes[node].compensates != no_index)
      handler_[model_.nodes[node].compensates] = node;
  attached_.resize(count);
  for (NodeIndex node = 0; node < count; ++node)
    if (model_.nodes[node].kind == NodeKind::boundary_event && model_.nodes[node].attached_to != no_index)
      attached_[model_.nodes[node].attached_to].push_back(node);
  for (const Scope& scope : model_.scopes) parent_.push_back(scope.parent);
  find_undoing();
  join_scopes();
}

// An event sub-process that a compensation begins undoes the sub-process in which it stands, once that is done.
void Compiler::find_undoing() {
  for (const Node& start : model_.nodes) {
    const NodeIndex inner = model_.scopes[start.scope].owner;
    if (start.kind != NodeKind::start_event || start.event != EventKind::compensation || inner == no_index ||
        model_.nodes[inner].kind != NodeKind::event_sub_process || model_.nodes[inner].scope == 0)
      continue;
    const NodeIndex undone = model_.scopes[model_.nodes[inner].scope].owner;
    handler_[undone] = inner;
    parent_[start.scope] = model_.nodes[undone].scope;
  }
}

void Compiler::add_steps() {
  step_.resize(model_.nodes.size(), no_index);
  for (NodeIndex index = 0; index < model_.nodes.size(); ++index) {
    const Node& node = model_.nodes[index];
    if (node.shows == Shows::silent) continue;
    step_[index] = static_cast<StepIndex>(net_.steps.size());
    net_.steps.push_back({node.name.empty() ? node.id : node.name, node.id, index, node.shows == Shows::required,
                          node.types, node.start_type, node.publishers, no_index});
  }
  for (NodeIndex index = 0; index < model_.nodes.size(); ++index) {
    const NodeIndex undone = model_.nodes[index].compensates;
    if (step_[index] == no_index || undone == no_index || model_.nodes[index].event == EventKind::compensation)
      continue;
    net_.steps[step_[index]].undoes = step_[undone];
  }
}

PlaceIndex Compiler::add_place(const std::string& name, ScopeIndex scope, NodeIndex at) {
  Place place;
  place.name = name;
  place.node = at;
  net_.places.push_back(std::move(place));
  net_.initial.push_back(0);
  at_.push_back(at);
  scope_of_place_.push_back(scope);
  return static_cast<PlaceIndex>(net_.places.size() - 1);
}

PlaceIndex Compiler::add_mark(const std::string& name) {
  const PlaceIndex place = add_place(name, no_index, no_index);
  net_.places[place].counts = false;
  net_.places[place].saturates = true;
  return place;
}

bool Compiler::joins(NodeIndex node) const {
  const NodeKind kind = model_.nodes[node].kind;
  return in_[node].size() > 1 && (kind == NodeKind::parallel_gateway || kind == NodeKind::inclusive_gateway ||
                                  kind == NodeKind::complex_gateway);
}

// Whether tokens come to it by flows; the others begin otherwise.
bool Compiler::in_flow(NodeIndex index) const {
  const Node& node = model_.nodes[index];
  return !node.for_compensation && node.kind != NodeKind::boundary_event && node.kind != NodeKind::event_sub_process &&
         !(node.kind == NodeKind::catch_event && node.event == EventKind::link);
}

bool Compiler::is_activity(NodeIndex node) const {
  switch (model_.nodes[node].kind) {
    case NodeKind::task:
    case NodeKind::call_activity:
    case NodeKind::sub_process:
    case NodeKind::transaction:
    case NodeKind::ad_hoc:
      return true;
    default:
      return false;
  }
}

void Compiler::add_places() {
  const std::size_t count = model_.nodes.size();
  node_in_.resize(count, no_index);
  done_.resize(count, no_index);
  message_.resize(count, no_index);
  caught_.resize(count, no_index);
  begun_.resize(count, no_index);
  pending_.resize(count, no_index);
  has_idle_handler_.resize(count, true);
  active_.resize(model_.scopes.size(), no_index);
  interrupted_.resize(model_.scopes.size(), no_index);
  instance_.resize(model_.scopes.size(), no_index);
  for (NodeIndex node = 0; node < count; ++node) {
    const Node& drawn = model_.nodes[node];
    if (!joins(node)) node_in_[node] = add_place(drawn.id, drawn.scope, node);
    if (drawn.body != no_index) active_[drawn.body] = add_place(drawn.id + " active", drawn.scope, node);
    if (drawn.body != no_index && drawn.repeats == Repeats::parallel_instances)
      instance_[drawn.body] = add_place(drawn.id + " instance", drawn.body, node);
    if (handler_[node] != no_index) done_[node] = add_mark(drawn.id + " done");
    if (!drawn.start_type.empty() && step_[node] != no_index)
      begun_[node] = add_place(drawn.id + " begun", drawn.scope, node);
    if (drawn.event == EventKind::compensation || drawn.event == EventKind::cancel)
      pending_[node] = add_place(drawn.id + " undoing", drawn.scope, node);
    if (drawn.event == EventKind::error || drawn.event == EventKind::escalation || drawn.event == EventKind::cancel) {
      if (drawn.kind == NodeKind::boundary_event)
        caught_[node] = add_place(drawn.id + " caught", drawn.scope, node);
      else if (drawn.kind == NodeKind::start_event && drawn.scope != 0)
        caught_[node] = add_place(drawn.id + " caught", model_.scopes[drawn.scope].parent, no_index);
    }
    if (drawn.kind == NodeKind::event_sub_process && interrupted_[drawn.scope] == no_index)
      interrupted_[drawn.scope] = add_mark("interrupted");
  }
  defer_choices();
  flow_place_.resize(model_.flows.size());
  for (std::uint32_t flow = 0; flow < model_.flows.size(); ++flow) {
    const NodeIndex to = model_.flows[flow].to;
    flow_place_[flow] = joins(to) ? add_place(model_.flows[flow].id, model_.nodes[to].scope, to) : node_in_[to];
  }
  for (const MessageFlow& message : model_.messages) {
    if (message.from == no_index || message.to == no_index) continue;
    if (message_[message.to] == no_index) message_[message.to] = add_mark(message.id);
  }
}

// Behind an event gateway nothing is chosen before an event has come: its catch events wait on one place.
void Compiler::defer_choices() {
  for (NodeIndex gateway = 0; gateway < model_.nodes.size(); ++gateway) {
    const Node& drawn = model_.nodes[gateway];
    if (drawn.kind != NodeKind::event_gateway || drawn.all_of) continue;
    PlaceIndex waiting = no_index;
    for (const std::uint32_t flow : out_[gateway]) {
      const NodeIndex to = model_.flows[flow].to;
      if (model_.nodes[to].kind != NodeKind::catch_event || in_[to].size() != 1) continue;
      if (waiting == no_index) at_[waiting = node_in_[to]] = gateway;
      node_in_[to] = waiting;
    }
  }
}

Compiler::Places Compiler::within(ScopeIndex scope) const {
  Places places;
  for (PlaceIndex place = 0; place < net_.places.size(); ++place)
    if (scope_of_place_[place] != no_index && is_within(scope_of_place_[place], scope)) places.push_back(place);
  return places;
}

bool Compiler::is_within(ScopeIndex scope, ScopeIndex outer) const {
  for (; scope != no_index; scope = parent_[scope])
    if (scope == outer) return true;
  return false;
}

// Of too many to try them all, one alone or all of them.
std::vector<Compiler::Places> Compiler::subsets(NodeIndex index, const Places& places) {
  std::vector<Places> result;
  if (places.size() > most_branches || subsets_ + (std::size_t{1} << places.size()) > most_subsets) {
    const Node& node = model_.nodes[index];
    if (told_.insert(index).second)
      simplified(index, "'" + (node.name.empty() ? node.id : node.name) + "': of its " + std::to_string(places.size()) +
                            " flows one alone or all are followed, not some");
    for (PlaceIndex place : places) result.push_back({place});
    result.push_back(places);
    return result;
  }
  subsets_ += std::size_t{1} << places.size();
  for (std::size_t bits = 1; bits < (std::size_t{1} << places.size()); ++bits) {
    Places chosen;
    for (std::size_t i = 0; i < places.size(); ++i)
      if (bits >> i & 1) chosen.push_back(places[i]);
    result.push_back(std::move(chosen));
  }
  return result;
}

// The ways in which tokens can leave a node.
std::vector<Compiler::Places> Compiler::splits(NodeIndex index) {
  const Node& node = model_.nodes[index];
  Places always, chosen;
  PlaceIndex otherwise = no_index;
  const bool inclusive = node.kind == NodeKind::inclusive_gateway || node.kind == NodeKind::complex_gateway;
  const bool exclusive =
      node.kind == NodeKind::exclusive_gateway || (node.kind == NodeKind::event_gateway && !node.all_of);
  bool conditional = false;
  for (std::uint32_t flow : out_[index]) conditional |= model_.flows[flow].conditional && is_activity(index);
  for (std::uint32_t flow : out_[index]) {
    const PlaceIndex place = flow_place_[flow];
    if (flow == node.default_flow && (inclusive || conditional))
      otherwise = place;
    else if (inclusive || exclusive || (conditional && model_.flows[flow].conditional))
      chosen.push_back(place);
    else
      always.push_back(place);
  }
  std::vector<Places> result;
  if (exclusive) {
    for (PlaceIndex place : chosen) result.push_back({place});
  } else if (!chosen.empty()) {
    result = subsets(index, chosen);
    for (Places& put : result) put.insert(put.end(), always.begin(), always.end());
    if (otherwise != no_index) {
      Places put = always;
      put.push_back(otherwise);
      result.push_back(std::move(put));
    } else if (!always.empty()) {
      result.push_back(always);
    }
  } else {
    if (otherwise != no_index) always.push_back(otherwise);
    result.push_back(always);
  }
  if (result.empty()) result.emplace_back();
  if (out_[index].empty() && joined_[node.scope]) result = {{active_[node.scope]}};
  return result;
}

void Compiler::add_silent(Transition transition, NodeIndex node) {
  transition.node = node;
  net_.transitions.push_back(std::move(transition));
}

void Compiler::add(NodeIndex node, Transition transition) {
  transition.node = node;
  const Shows shows = model_.nodes[node].shows;
  if (shows != Shows::required) net_.transitions.push_back(transition);
  if (shows == Shows::silent) return;
  transition.step = step_[node];
  net_.transitions.push_back(std::move(transition));
}

void Compiler::add_each(NodeIndex node, const Transition& transition, const std::vector<Places>& puts) {
  for (const Places& put : puts) {
    Transition one = transition;
    one.put.insert(one.put.end(), put.begin(), put.end());
    if (message_[node] != no_index) one.take.push_back(message_[node]);
    for (const MessageFlow& message : model_.messages)
      if (message.from == node && message.to != no_index) one.put.push_back(message_[message.to]);
    if (done_[node] != no_index) one.put.push_back(done_[node]);
    add(node, std::move(one));
  }
}

void Compiler::add_rounds(NodeIndex index, const Transition& end, PlaceIndex in) {
  const Node& node = model_.nodes[index];
  add_each(index, end, splits(index));
  if (node.repeats == Repeats::once) return;
  add_each(index, end, {{in}});
  if (!node.may_run_zero_times) return;
  for (const Places& put : splits(index)) {
    Transition skip;
    skip.take = {in};
    skip.put = put;
    add_silent(skip, index);
  }
}

void Compiler::add_node(NodeIndex index) {
  const Node& node = model_.nodes[index];
  if (node.for_compensation) return;
  switch (node.kind) {
    case NodeKind::task:
    case NodeKind::call_activity:
      return add_task(index);
    case NodeKind::sub_process:
    case NodeKind::transaction:
      return node.body == no_index ? add_task(index) : add_body(index);
    case NodeKind::ad_hoc:
      return node.body == no_index ? add_task(index) : add_ad_hoc(index);
    case NodeKind::event_sub_process:
      return add_event_sub_process(index);
    case NodeKind::end_event:
      return add_end(index);
    case NodeKind::throw_event:
      return add_throw(index);
    case NodeKind::boundary_event:
      return;  // with what it is attached to
    case NodeKind::start_event:
    case NodeKind::catch_event: {
      Transition transition;
      transition.take = {node_in_[index]};
      return add_each(index, transition, splits(index));
    }
    default:
      return add_gateway(index);
  }
}

void Compiler::add_gateway(NodeIndex index) {
  const Node& node = model_.nodes[index];
  Transition transition;
  Places incoming;
  for (std::uint32_t flow : in_[index]) incoming.push_back(flow_place_[flow]);
  const std::vector<Places> puts = splits(index);
  if (!joins(index)) {
    transition.take = {node_in_[index]};
    return add_each(index, transition, puts);
  }
  if (node.kind == NodeKind::parallel_gateway) {
    transition.take = incoming;
    return add_each(index, transition, puts);
  }
  if (node.kind == NodeKind::complex_gateway) {
    for (const Places& some : subsets(index, incoming)) {
      transition.take = some;
      add_each(index, transition, puts);
    }
    return;
  }
  if (incoming.size() > 64) {
    simplified(index, "an inclusive join of more than 64 flows is followed by its first 64 alone");
    incoming.resize(64);
  }
  transition.any_of = incoming;
  transition.join = static_cast<std::uint32_t>(net_.joins.size());
  net_.joins.emplace_back();
  add_each(index, transition, puts);
}

void Compiler::add_task(NodeIndex index) {
  const Node& node = model_.nodes[index];
  const PlaceIndex in = node_in_[index];
  PlaceIndex last = in;
  if (!node.start_type.empty() && step_[index] != no_index) {
    last = begun_[index];
    Transition begin;
    begin.take = {in};
    begin.put = {last};
    begin.begins = true;
    begin.step = step_[index];
    begin.node = index;
    net_.transitions.push_back(begin);
  }
  Transition transition;
  transition.take = {last};
  add_rounds(index, transition, in);
  add_boundaries(index, in, {});
  if (last != in) add_boundaries(index, last, {});
}

// What BPMN's rule for inclusive joins looks at, found once: from which nodes a token can get to which incoming flow
// without passing the join itself.
void Compiler::watch_joins() {
  std::set<std::uint32_t> seen;
  for (std::size_t t = 0; t < net_.transitions.size(); ++t) {
    const Transition transition = net_.transitions[t];
    if (transition.join == no_index || !seen.insert(transition.join).second) continue;
    const NodeIndex gateway = transition.node;
    std::vector<std::uint64_t> reach(model_.nodes.size(), 0);
    for (std::size_t bit = 0; bit < transition.any_of.size(); ++bit) {
      std::vector<NodeIndex> open{model_.flows[in_[gateway][bit]].from};
      while (!open.empty()) {
        const NodeIndex node = open.back();
        open.pop_back();
        if (node == gateway || (reach[node] >> bit & 1) != 0) continue;
        reach[node] |= std::uint64_t{1} << bit;
        for (std::uint32_t flow : in_[node]) open.push_back(model_.flows[flow].from);
        const Node& drawn = model_.nodes[node];
        if (drawn.attached_to != no_index) open.push_back(drawn.attached_to);
        if (drawn.kind != NodeKind::catch_event || drawn.event != EventKind::link) continue;
        for (NodeIndex other = 0; other < model_.nodes.size(); ++other)
          if (model_.nodes[other].kind == NodeKind::throw_event && model_.nodes[other].event == EventKind::link &&
              model_.nodes[other].link == drawn.link)
            open.push_back(other);
      }
    }
    for (PlaceIndex place = 0; place < net_.places.size(); ++place)
      if (at_[place] != no_index && at_[place] != gateway && reach[at_[place]] != 0)
        net_.joins[transition.join].watched.push_back({place, reach[at_[place]]});
  }
}

void Compiler::simplified(NodeIndex node, const std::string& what) {
  net_.approximate = true;
  findings_.push_back({model_.nodes[node].at, Severity::warning, "approximate", what});
}

}  // namespace laban::monitor
