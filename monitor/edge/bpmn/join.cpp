// monitor/edge/bpmn/join.cpp - participants that talk to one another become one model: who watches a choreography sees all
// of them under one correlation id, and wants to know which message is missing.
#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "monitor/edge/bpmn/elements.hpp"
#include "monitor/edge/bpmn/reader.hpp"

namespace laban::monitor::bpmn {
namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);

// Appends `other`, whose process scope becomes a part of the first one's.
void append(ProcessModel& to, ProcessModel&& other) {
  const auto nodes = static_cast<std::uint32_t>(to.nodes.size());
  const auto flows = static_cast<std::uint32_t>(to.flows.size());
  const auto scopes = static_cast<std::uint32_t>(to.scopes.size()) - 1;
  const auto moved = [](std::uint32_t& index, std::uint32_t by) {
    if (index != no_index) index += by;
  };
  const auto moved_scope = [&](ScopeIndex& index) {
    if (index != no_index && index != 0) index += scopes;
  };
  for (auto& node : other.nodes) {
    moved_scope(node.scope);
    moved_scope(node.body);
    moved(node.attached_to, nodes);
    moved(node.compensates, nodes);
    moved(node.default_flow, flows);
    to.nodes.push_back(std::move(node));
  }
  for (auto& flow : other.flows) {
    flow.from += nodes;
    flow.to += nodes;
    to.flows.push_back(std::move(flow));
  }
  for (std::size_t s = 1; s < other.scopes.size(); ++s) {
    moved_scope(other.scopes[s].parent);
    moved(other.scopes[s].owner, nodes);
    to.scopes.push_back(other.scopes[s]);
  }
  for (auto& pair : other.pair_deadlines) to.pair_deadlines.push_back({pair.from + nodes, pair.to + nodes, pair.limit});
  for (auto& area : other.areas) to.areas.push_back(std::move(area));
  to.scope_patterns.insert(to.scope_patterns.end(), other.scope_patterns.begin(), other.scope_patterns.end());
  if (to.scope_exchange.empty()) to.scope_exchange = other.scope_exchange;
  if (to.correlation.empty()) to.correlation = other.correlation;
  if (to.version.empty()) to.version = other.version;
  if (!to.deadline) to.deadline = other.deadline;
  to.reruns = to.reruns || other.reruns;
  to.approximate = to.approximate || other.approximate;
}

}  // namespace

// The model in which an end of a message flow stands: its node's, or the pool's.
std::size_t Reader::model_of(std::string_view reference) const {
  const Named* named = find(reference);
  if (named == nullptr) return none;
  if (named->what == Named::What::node || named->what == Named::What::process) return named->model;
  if (named->what != Named::What::participant) return none;
  const auto& process = participants_[named->index].process;
  for (std::size_t m = 0; m < out_.models.size(); ++m)
    if (!process.empty() && out_.models[m].id == process) return m;
  return none;
}

void Reader::join_participants() {
  auto& models = out_.models;
  std::vector<std::size_t> group(models.size());
  std::iota(group.begin(), group.end(), std::size_t{0});
  const auto leader = [&](std::size_t m) {
    while (group[m] != m) m = group[m] = group[group[m]];
    return m;
  };
  struct Message {
    std::string id, name;
    Named from, to;
    pugi::xml_node element;
  };
  std::vector<Message> messages;
  for (const auto& later : message_flows_) {
    const std::string from = later.element.attribute("sourceRef").value(),
                      to = later.element.attribute("targetRef").value();
    const std::size_t a = model_of(from), b = model_of(to);
    if (a == none || b == none || a == b || models[a].nodes.empty() || models[b].nodes.empty()) continue;
    group[std::max(leader(a), leader(b))] = std::min(leader(a), leader(b));
    const Named *source = find(from), *target = find(to);
    if (source->what == Named::What::node && target->what == Named::What::node)
      messages.push_back({later.element.attribute("id").value(), one_line(later.element.attribute("name").value()),
                          *source, *target, later.element});
  }
  // An activity that both sends and receives talks while it runs; as one step it waits for nothing.
  std::set<std::pair<std::size_t, std::uint32_t>> senders;
  for (const auto& message : messages) senders.emplace(message.from.model, message.from.index);
  messages.erase(
      std::remove_if(
          messages.begin(), messages.end(),
          [&](const Message& message) {
            const auto& to = message.to;
            return is_activity(models[to.model].nodes[to.index].kind) && senders.count({to.model, to.index}) > 0;
          }),
      messages.end());
  std::vector<NodeIndex> offset(models.size());
  std::vector<std::size_t> joined(models.size(), 1);
  for (std::size_t m = 0; m < models.size(); ++m) {
    for (auto& node : models[m].nodes)
      if (node.participant.empty()) node.participant = models[m].name;
    const std::size_t first = leader(m);
    if (first == m) continue;
    for (auto& node : models[m].nodes)  // two pools of one name are two participants all the same
      if (!models[first].nodes.empty() && node.participant == models[first].nodes.front().participant)
        node.participant += " (" + models[m].id + ")";
    offset[m] = static_cast<NodeIndex>(models[first].nodes.size());
    models[first].name += " + " + models[m].name;
    append(models[first], std::move(models[m]));
    models[m] = {};
    ++joined[first];
  }
  for (const auto& message : messages) {
    auto& model = models[leader(message.from.model)];
    model.messages.push_back({message.id, message.name, message.from.index + offset[message.from.model],
                              message.to.index + offset[message.to.model], points_of_message(message.element)});
  }
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (joined[m] < 2) continue;
    if (!collaboration_id_.empty()) models[m].id = collaboration_id_;
    if (!collaboration_name_.empty()) models[m].name = collaboration_name_;
  }
}

}  // namespace laban::monitor::bpmn
