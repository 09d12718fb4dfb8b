// monitor/edge/pnml/net_model.cpp - places become merges and choices, transitions become steps between joins and splits.
#include "monitor/edge/pnml/net_model.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace laban::monitor {
namespace {

using Places = std::vector<PlaceIndex>;

class Builder {
 public:
  Builder(const PnmlFile& file, const std::string& name, std::vector<Finding>& findings)
      : file_(file), net_(*file.net), name_(name), findings_(findings) {}

  std::optional<ProcessModel> run() {
    for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) check(t);
    find_ends();
    if (failed_) return std::nullopt;
    group();
    if (failed_) return std::nullopt;
    model_.id = file_.id.empty() ? "net" : file_.id;
    model_.name = file_.name.empty() ? model_.id : file_.name;
    model_.at = {name_, 1, 1};
    build();
    contract();
    return std::move(model_);
  }

 private:
  void fail(const Location& at, const std::string& what) {
    failed_ = true;
    add_finding(findings_, TextLimits{}, {at, Severity::error, "not-a-process", what});
  }

  static Places sorted(Places places) {
    std::sort(places.begin(), places.end());
    return places;
  }
  static bool has_doubles(const Places& places) {
    const Places all = sorted(places);
    return std::adjacent_find(all.begin(), all.end()) != all.end();
  }

  std::string called(TransitionIndex t) const {
    const StepIndex step = net_.transitions[t].step;
    return step == no_index ? std::string{"this silent transition"} : in_quotes(net_.steps[step].name);
  }

  void check(TransitionIndex t) {
    const Transition& transition = net_.transitions[t];
    if (!transition.need.empty() || !transition.empty.empty() || !transition.clear.empty())
      fail(file_.transition_at[t],
           called(t) + " has a read, inhibitor or reset arc: only plain arcs have a drawing in BPMN");
    else if (has_doubles(transition.take) || has_doubles(transition.put))
      fail(file_.transition_at[t], called(t) + " has an arc that stands for several tokens: BPMN has no word for it");
    else if (transition.take.empty() || transition.put.empty())
      fail(file_.transition_at[t],
           called(t) + " has no place " + (transition.take.empty() ? "before" : "after") + " it: give it one");
  }

  void find_ends() {
    const std::size_t count = net_.places.size();
    const auto only = [&](const Marking& marking) {
      PlaceIndex found = no_index;
      for (PlaceIndex place = 0; place < count; ++place) {
        if (marking[place] == 0) continue;
        if (marking[place] != 1 || found != no_index) return PlaceIndex{no_index};
        found = place;
      }
      return found;
    };
    source_ = only(net_.initial);
    sink_ = net_.finals.size() == 1 ? only(net_.finals.front()) : no_index;
    std::set<PlaceIndex> taken;
    for (const auto& transition : net_.transitions) taken.insert(transition.take.begin(), transition.take.end());
    if (source_ == no_index)
      fail({name_, 1, 1}, "the net does not begin with one token on one place: only a workflow net becomes a process");
    else if (sink_ == no_index || taken.contains(sink_))
      fail({name_, 1, 1},
           "the net does not end with one token on one last place: only a workflow net becomes a process");
  }

  // Transitions that take from the same places choose among themselves and nobody else may.
  void group() {
    std::map<PlaceIndex, const Places*> owner;
    for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
      const auto entry = groups_.try_emplace(sorted(net_.transitions[t].take)).first;
      entry->second.push_back(t);
      for (const PlaceIndex place : entry->first)
        if (const auto [other, is_new] = owner.emplace(place, &entry->first); !is_new && other->second != &entry->first)
          return fail(file_.transition_at[t], called(t) +
                                                  " shares a place with others that wait for other places too: such a "
                                                  "choice has no drawing in BPMN");
    }
  }

  NodeIndex add(NodeKind kind, const char* element, const std::string& id, const Location& at) {
    Node node;
    node.kind = kind;
    node.element = element;
    node.id = node.name = id;
    node.named = false;
    node.at = at;
    model_.nodes.push_back(std::move(node));
    return static_cast<NodeIndex>(model_.nodes.size() - 1);
  }
  NodeIndex gateway(NodeKind kind, const std::string& id, const Location& at) {
    return add(kind, kind == NodeKind::parallel_gateway ? "parallelGateway" : "exclusiveGateway", id, at);
  }
  void tie(NodeIndex from, NodeIndex to) {
    Flow flow;
    flow.id = "f" + std::to_string(model_.flows.size() + 1);
    flow.from = from;
    flow.to = to;
    model_.flows.push_back(std::move(flow));
  }

  void build() {
    const Location top{name_, 1, 1};
    std::vector<NodeIndex> merge;
    for (PlaceIndex place = 0; place < net_.places.size(); ++place)
      merge.push_back(gateway(NodeKind::exclusive_gateway, "merge_" + std::to_string(place), top));
    tie(add(NodeKind::start_event, "startEvent", "start", top), merge[source_]);
    tie(merge[sink_], add(NodeKind::end_event, "endEvent", "end", top));
    std::size_t number = 0;
    for (const auto& [places, transitions] : groups_) {
      const Location& at = file_.transition_at[transitions.front()];
      const std::string tail = std::to_string(++number);
      NodeIndex last = merge[places.front()];
      if (places.size() > 1) {
        last = gateway(NodeKind::parallel_gateway, "join_" + tail, at);
        for (const PlaceIndex place : places) tie(merge[place], last);
      }
      if (transitions.size() > 1) {
        const NodeIndex choice = gateway(NodeKind::exclusive_gateway, "choice_" + tail, at);
        tie(last, choice);
        last = choice;
      }
      for (const TransitionIndex t : transitions) add_transition(t, last, merge);
    }
  }

  void add_transition(TransitionIndex t, NodeIndex last, const std::vector<NodeIndex>& merge) {
    const Transition& transition = net_.transitions[t];
    const Location& at = file_.transition_at[t];
    if (transition.step != no_index) {
      const NodeIndex task = add(NodeKind::task, "task", "task_" + std::to_string(t), at);
      Node& node = model_.nodes[task];
      node.name = net_.steps[transition.step].name;
      node.named = true;
      node.types = net_.steps[transition.step].types;
      node.publishers = net_.steps[transition.step].publishers;
      node.shows = net_.steps[transition.step].required ? Shows::required : Shows::optional;
      tie(last, task);
      last = task;
    } else if (transition.take == transition.put) {
      return;  // does nothing
    }
    if (transition.put.size() > 1) {
      const NodeIndex split = gateway(NodeKind::parallel_gateway, "split_" + std::to_string(t), at);
      tie(last, split);
      last = split;
    }
    for (const PlaceIndex place : transition.put) tie(last, merge[place]);
  }

  // Takes away the gateways that one flow enters and one flow leaves, and places that nothing reaches.
  void contract() {
    std::vector<std::vector<std::uint32_t>> in(model_.nodes.size()), out(model_.nodes.size());
    for (std::uint32_t flow = 0; flow < model_.flows.size(); ++flow) {
      out[model_.flows[flow].from].push_back(flow);
      in[model_.flows[flow].to].push_back(flow);
    }
    std::vector<bool> dead_node(model_.nodes.size(), false), dead_flow(model_.flows.size(), false);
    for (NodeIndex node = 0; node < model_.nodes.size(); ++node) {
      if (model_.nodes[node].kind != NodeKind::exclusive_gateway) continue;
      if (in[node].empty() && out[node].empty()) dead_node[node] = true;
      if (in[node].size() != 1 || out[node].size() != 1 || in[node][0] == out[node][0]) continue;
      const std::uint32_t kept = in[node][0], gone = out[node][0];
      const NodeIndex to = model_.flows[gone].to;
      model_.flows[kept].to = to;
      std::replace(in[to].begin(), in[to].end(), gone, kept);
      dead_node[node] = dead_flow[gone] = true;
    }
    ProcessModel small = model_;
    small.nodes.clear();
    small.flows.clear();
    std::vector<NodeIndex> now(model_.nodes.size(), no_index);
    for (NodeIndex node = 0; node < model_.nodes.size(); ++node) {
      if (dead_node[node]) continue;
      now[node] = static_cast<NodeIndex>(small.nodes.size());
      small.nodes.push_back(std::move(model_.nodes[node]));
    }
    for (std::uint32_t flow = 0; flow < model_.flows.size(); ++flow) {
      if (dead_flow[flow]) continue;
      small.flows.push_back(std::move(model_.flows[flow]));
      small.flows.back().from = now[small.flows.back().from];
      small.flows.back().to = now[small.flows.back().to];
    }
    model_ = std::move(small);
  }

  const PnmlFile& file_;
  const Net& net_;
  const std::string& name_;
  std::vector<Finding>& findings_;
  ProcessModel model_;
  std::map<Places, std::vector<TransitionIndex>> groups_;
  PlaceIndex source_ = no_index, sink_ = no_index;
  bool failed_ = false;
};

}  // namespace

std::optional<ProcessModel> model_of(const PnmlFile& file, const std::string& name, std::vector<Finding>& findings) {
  return Builder{file, name, findings}.run();
}

}  // namespace laban::monitor
