// monitor/edge/bpmn/connect.cpp - the second pass over a BPMN file: references become indexes, and what does
// not hold together is said.
#include <algorithm>
#include <set>

#include "monitor/core/duration.hpp"
#include "monitor/edge/bpmn/elements.hpp"
#include "monitor/edge/bpmn/reader.hpp"

namespace laban::monitor::bpmn {

void Reader::connect() {
  for (const auto& later : boundaries_) connect_boundary(later);
  for (const auto& later : flows_) connect_flow(later);
  for (const auto& later : defaults_) connect_default(later);
  for (const auto& later : associations_) connect_association(later);
  for (const auto& later : throws_) connect_compensation_throw(later);
  for (const auto& later : lanes_) connect_lanes(later);
  for (const auto& later : message_flows_) connect_message_flow(later);
  for (const auto& later : pair_deadlines_) connect_pair_deadline(later);
  for (auto& process : out_.models) check_model(process);
}

const Named* Reader::find(std::string_view reference) const {
  auto found = ids_.find(std::string{reference});
  if (found == ids_.end()) found = ids_.find(std::string{local_name(reference)});  // a QName where an id should be
  return found == ids_.end() ? nullptr : &found->second;
}

// Flows without sourceRef or targetRef are named by the <incoming> and <outgoing> of the nodes at their ends.
void Reader::collect_flow_ends() {
  flow_ends_known_ = true;
  std::vector<pugi::xml_node> todo{document_.root()};
  while (!todo.empty()) {
    const auto element = todo.back();
    todo.pop_back();
    for (const auto child : element.children()) {
      if (child.type() != pugi::node_element) continue;
      const std::string_view name = local_name(child.name());
      if (name == "outgoing") {
        flow_ends_[one_line(child.text().get())].first = element.attribute("id").value();
      } else if (name == "incoming") {
        flow_ends_[one_line(child.text().get())].second = element.attribute("id").value();
      } else {
        todo.push_back(child);
      }
    }
  }
}

void Reader::infer_ends(const Later& later, std::string& from, std::string& to) {
  if (!from.empty() && !to.empty()) return;
  if (!flow_ends_known_) collect_flow_ends();
  const auto found = flow_ends_.find(later.element.attribute("id").value());
  if (found == flow_ends_.end()) return;
  if (from.empty()) from = found->second.first;
  if (to.empty()) to = found->second.second;
}

const Named* Reader::flow_end(const Later& later, const std::string& reference, const char* what) {
  const std::string flow = "the sequence flow " + in_quotes(later.element.attribute("id").value());
  if (reference.empty()) {
    say(Severity::warning, later.element, "open-flow", flow + " has no " + what + ": it is ignored");
    return nullptr;
  }
  const Named* named = find(reference);
  if (named == nullptr) {
    say(Severity::error, later.element, "broken-flow",
        flow + " has the " + what + " " + in_quotes(reference) + ", which is not in the file: draw the flow again");
  } else if (named->what == Named::What::ambiguous) {
    say(Severity::error, later.element, "ambiguous-flow",
        flow + " has the " + what + " " + in_quotes(reference) +
            ", an id that stands twice in the file: make ids unique");
  } else if (named->what != Named::What::node) {
    say(Severity::warning, later.element, "odd-flow",
        flow + " has the " + what + " " + in_quotes(reference) + ", which is no flow node: it is ignored");
  } else {
    return named;
  }
  return nullptr;
}

void Reader::connect_flow(const Later& later) {
  std::string from_id = text_of(later.element, "sourceRef");
  std::string to_id = text_of(later.element, "targetRef");
  infer_ends(later, from_id, to_id);
  const Named* from = flow_end(later, from_id, "source");
  const Named* to = flow_end(later, to_id, "target");
  if (from == nullptr || to == nullptr) return;
  if (from->model != to->model) {
    approximate(out_.models[from->model], document_.at(later.element), "flow-crosses-pools",
                "a sequence flow leads from one process into another and is ignored; between pools go message flows");
    return;
  }
  auto& process = out_.models[from->model];
  if (!usable_flow(process, later.element, node_of(*from), node_of(*to))) return;
  Flow flow;
  flow.id = text_of(later.element, "id");
  flow.name = one_line(text_of(later.element, "name"));
  flow.from = from->index;
  flow.to = to->index;
  for (const auto child : later.element.children())
    if (local_name(child.name()) == "conditionExpression") flow.conditional = true;
  if (!flow.id.empty() && !flow_ids_.try_emplace(flow.id, from->model, process.flows.size()).second) {
    say(Severity::warning, later.element, "duplicate-id",
        "the sequence flow " + in_quotes(flow.id) + " stands here a second time and is ignored");
    return;
  }
  process.flows.push_back(std::move(flow));
}

// Says what is wrong with a flow between these nodes; false where it cannot be used.
bool Reader::usable_flow(ProcessModel& process, pugi::xml_node element, const Node& from, const Node& to) {
  const Location where = document_.at(element);
  if (from.kind == NodeKind::boundary_event && from.event == EventKind::compensation) {
    say(Severity::warning, where, "compensation-flow",
        "a sequence flow leaves the compensation event " + in_quotes(from.name) + ": it is read as an association");
    associations_.push_back({element, nullptr, 0});
    return false;
  }
  if (from.scope != to.scope) {
    approximate(process, where, "flow-crosses-scope",
                "a sequence flow from " + in_quotes(from.name) + " to " + in_quotes(to.name) +
                    " crosses the border of a sub-process and is ignored");
    return false;
  }
  const auto refuse = [&](const std::string& why) {
    approximate(process, where, "odd-flow", why + " and is ignored");
    return false;
  };
  if (from.kind == NodeKind::end_event) return refuse("a sequence flow leaves the end event " + in_quotes(from.name));
  if (to.kind == NodeKind::boundary_event)
    return refuse("a sequence flow leads into the boundary event " + in_quotes(to.name));
  if (from.kind == NodeKind::event_sub_process || to.kind == NodeKind::event_sub_process)
    return refuse("a sequence flow touches an event sub-process");
  if (from.for_compensation || to.for_compensation)
    return refuse("a sequence flow touches the compensation activity " +
                  in_quotes(from.for_compensation ? from.name : to.name));
  if (to.kind == NodeKind::start_event)
    say(Severity::warning, where, "flow-into-start",
        "a sequence flow leads into the start event " + in_quotes(to.name) +
            ": it is read as an intermediate event there");
  return true;
}

void Reader::connect_default(const Later& later) {
  const std::string flow = text_of(later.element, "default");
  const auto found = flow_ids_.find(flow);
  auto& node = out_.models[later.model].nodes[later.node];
  if (found == flow_ids_.end() || found->second.first != later.model ||
      out_.models[later.model].flows[found->second.second].from != later.node) {
    if (!flow.empty())
      say(Severity::warning, later.element, "odd-default",
          "the default flow " + in_quotes(flow) + " of " + in_quotes(node.name) + " does not leave it: it is ignored");
    return;
  }
  node.default_flow = found->second.second;
}

void Reader::connect_boundary(const Later& later) {
  auto& process = out_.models[later.model];
  auto& node = process.nodes[later.node];
  const std::string host_id = text_of(later.element, "attachedToRef");
  const Named* host = host_id.empty() ? nullptr : find(host_id);
  if (host == nullptr || host->what != Named::What::node || host->model != later.model ||
      !is_activity(node_of(*host).kind)) {
    say(Severity::error, later.element, "unattached",
        "the boundary event " + in_quotes(node.name) + " is attached to " +
            (host_id.empty() ? std::string{"nothing"} : in_quotes(host_id) + ", which is no activity of its process") +
            ": attach it to one");
    return;
  }
  auto& activity = node_of(*host);
  node.attached_to = host->index;
  node.scope = activity.scope;
  if (node.event != EventKind::timer || activity.deadline) return;
  for (const auto definition : later.element.children())
    for (const auto time : definition.children())
      if (local_name(time.name()) == "timeDuration") activity.deadline = parse_duration(time.text().get());
}

// Of associations only those count that tie a compensation activity to the event on what it undoes.
void Reader::connect_association(const Later& later) {
  const Named* from = find(later.element.attribute("sourceRef").value());
  const Named* to = find(later.element.attribute("targetRef").value());
  if (from == nullptr || to == nullptr || from->what != Named::What::node || to->what != Named::What::node ||
      from->model != to->model)
    return;
  const auto is_event = [&](const Named* named) {
    const auto& node = node_of(*named);
    return node.kind == NodeKind::boundary_event && node.event == EventKind::compensation;
  };
  if (!is_event(from)) std::swap(from, to);
  if (!is_event(from) || !is_activity(node_of(*to).kind)) return;
  auto& handler = node_of(*to);
  if (!handler.for_compensation) {
    say(Severity::warning, handler.at, "not-for-compensation",
        in_quotes(handler.name) +
            " is tied to a compensation event and not marked isForCompensation: it is read as if it were");
    handler.for_compensation = true;
  }
  handler.compensates = node_of(*from).attached_to;
}

void Reader::connect_compensation_throw(const Later& later) {
  auto& node = out_.models[later.model].nodes[later.node];
  for (const auto definition : later.element.children()) {
    const std::string reference = text_of(definition, "activityRef");
    if (reference.empty()) continue;
    const Named* named = find(reference);
    if (named != nullptr && named->what == Named::What::node && named->model == later.model) {
      node.compensates = named->index;
    } else {
      say(Severity::warning, later.element, "odd-compensation",
          "the activity " + in_quotes(reference) + " that is to be undone is not in this process: all are undone");
    }
  }
}

void Reader::connect_pair_deadline(const Later& later) {
  const Named* from = find(later.element.attribute("from").value());
  const Named* to = find(later.element.attribute("to").value());
  const auto limit = parse_duration(later.element.attribute("within").value());
  const auto here = [&](const Named* named) {
    return named != nullptr && named->what == Named::What::node && named->model == later.model;
  };
  if (!here(from) || !here(to) || !limit) {
    say(Severity::error, later.element, "odd-deadline",
        "a deadline names two nodes of its process and a duration: from, to, within");
    return;
  }
  out_.models[later.model].pair_deadlines.push_back({from->index, to->index, *limit});
}

void Reader::connect_lanes(const Later& later) {
  for (const auto lane : later.element.children())
    if (local_name(lane.name()) == "lane") connect_lane(lane, *later.names, later.model);
}

void Reader::connect_lane(pugi::xml_node lane, const Names& names, std::size_t model) {
  const std::string id = text_of(lane, "id");
  const std::string name = one_line(text_of(lane, "name"));
  auto& process = out_.models[model];
  remember(id, {Named::What::lane, model, static_cast<std::uint32_t>(process.areas.size())}, lane);
  process.areas.push_back({id, name, false, {}});
  for (const auto child : lane.children()) {
    const std::string_view element = local_name(child.name());
    if (element == "flowNodeRef") {
      const Named* named = find(one_line(child.text().get()));
      if (named != nullptr && named->what == Named::What::node && named->model == model) node_of(*named).lane = name;
      if (named == nullptr)
        say(Severity::warning, child, "odd-lane",
            "the lane " + in_quotes(name.empty() ? id : name) + " holds " + in_quotes(child.text().get()) +
                ", which is not in the file: it is ignored");
    } else if (element == "childLaneSet") {
      for (const auto inner : child.children())
        if (local_name(inner.name()) == "lane") connect_lane(inner, names, model);
    }
  }
}

// A message flow that names a message lets it stand for the nodes at its ends.
void Reader::connect_message_flow(const Later& later) {
  const auto message = messages_.find(std::string{local_name(later.element.attribute("messageRef").value())});
  for (const char* end : {"sourceRef", "targetRef"}) {
    const std::string reference = text_of(later.element, end);
    const Named* named = find(reference);
    if (named == nullptr) {
      say(Severity::warning, later.element, "open-flow",
          "the message flow " + in_quotes(later.element.attribute("id").value()) + " has no " + end + " in the file");
      continue;
    }
    if (named->what != Named::What::node || message == messages_.end() || message->second.empty()) continue;
    auto& node = node_of(*named);
    if (node.message.empty()) node.message = message->second;
    if (std::find(node.types.begin(), node.types.end(), message->second) == node.types.end())
      node.types.push_back(message->second);
  }
}

void Reader::check_model(ProcessModel& process) {
  bool expects = false;
  for (const auto& node : process.nodes) {
    expects = expects || node.shows == Shows::required;
    if (node.kind == NodeKind::complex_gateway)
      approximate(process, node.at, "complex-gateway",
                  "the condition of the complex gateway " + in_quotes(node.name) + " is not evaluated");
    if (node.kind == NodeKind::ad_hoc)
      approximate(process, node.at, "ad-hoc",
                  "the completion condition of the ad hoc sub-process " + in_quotes(node.name) + " is not evaluated");
    if (node.for_compensation && node.compensates == no_index)
      say(Severity::warning, node.at, "undoes-nothing",
          "the compensation activity " + in_quotes(node.name) +
              " is tied to no compensation event: it can never happen");
    if (node.kind == NodeKind::event_sub_process && node.body == no_index)
      say(Severity::warning, node.at, "empty-event-sub-process",
          "the event sub-process " + in_quotes(node.name) + " has no content: it is ignored");
  }
  if (!process.nodes.empty() && !expects)
    say(Severity::warning, process.at, "nothing-expected",
        "the process " + in_quotes(process.name) + " has no activity: nothing of it must show");
  check_links(process);
  check_signals(process);
  check_ways(process);
}

// Everyone can throw a signal, so that it may come at any time; that one which is thrown here must come is not followed
// where that would interrupt something, begin something or decide.
void Reader::check_signals(ProcessModel& process) {
  std::set<std::string> thrown;
  std::vector<bool> decides(process.nodes.size());
  for (const auto& node : process.nodes)
    if (node.event == EventKind::signal && (node.kind == NodeKind::throw_event || node.kind == NodeKind::end_event))
      thrown.insert(node.message);
  for (const auto& flow : process.flows)
    if (process.nodes[flow.from].kind == NodeKind::event_gateway) decides[flow.to] = true;
  for (NodeIndex i = 0; i < process.nodes.size(); ++i) {
    const auto& node = process.nodes[i];
    if (node.event != EventKind::signal || !thrown.contains(node.message)) continue;
    if (node.kind == NodeKind::boundary_event || (node.kind == NodeKind::start_event && node.scope != 0) ||
        (node.kind == NodeKind::catch_event && decides[i]))
      approximate(
          process, node.at, "signal-within",
          "the signal that " + in_quotes(node.name) + " waits for is thrown in this process and may, not must, be met");
  }
}

void Reader::check_links(ProcessModel& process) {
  std::set<std::pair<ScopeIndex, std::string>> thrown, caught;
  for (const auto& node : process.nodes) {
    if (node.event != EventKind::link) continue;
    (node.kind == NodeKind::throw_event ? thrown : caught).emplace(node.scope, node.link);
  }
  for (const auto& node : process.nodes) {
    if (node.event != EventKind::link) continue;
    const bool throws = node.kind == NodeKind::throw_event;
    if ((throws ? caught : thrown).count({node.scope, node.link}) == 0)
      say(Severity::warning, node.at, "open-link",
          "the link event " + in_quotes(node.link) + " has no " + (throws ? "target" : "source") + " of the same name");
  }
}

void Reader::check_ways(ProcessModel& process) {
  std::vector<bool> entered(process.nodes.size()), started(process.scopes.size());
  for (const auto& flow : process.flows) entered[flow.to] = true;
  for (const auto& node : process.nodes)
    if (node.kind == NodeKind::start_event || node.instantiates) started[node.scope] = true;
  std::vector<bool> begins = started;
  for (NodeIndex i = 0; i < process.nodes.size(); ++i) {
    const auto& node = process.nodes[i];
    const bool apart = node.kind == NodeKind::start_event || node.kind == NodeKind::boundary_event ||
                       node.kind == NodeKind::event_sub_process || node.for_compensation || node.instantiates ||
                       (node.kind == NodeKind::catch_event && node.event == EventKind::link);
    if (apart || entered[i]) continue;
    const ScopeIndex scope = node.scope;
    const NodeIndex owner = process.scopes[scope].owner;
    if (owner != no_index && process.nodes[owner].kind == NodeKind::ad_hoc) continue;
    begins[scope] = true;
    if (started[scope])
      say(Severity::warning, node.at, "no-way-in",
          "nothing leads to " + in_quotes(node.name) + ": it can never happen");
  }
  for (ScopeIndex scope = 0; scope < process.scopes.size(); ++scope) {
    const NodeIndex owner = process.scopes[scope].owner;
    if (begins[scope] || process.nodes.empty()) continue;
    if (owner != no_index && process.nodes[owner].kind == NodeKind::ad_hoc) continue;
    say(Severity::warning, owner == no_index ? process.at : process.nodes[owner].at, "no-start",
        "nothing begins " + in_quotes(owner == no_index ? process.name : process.nodes[owner].name) +
            ": it has neither a start event nor a node that no flow enters");
  }
}

void Reader::drop_empty_models() {
  auto& models = out_.models;
  const bool had = !models.empty();
  models.erase(std::remove_if(models.begin(), models.end(), [](const ProcessModel& m) { return m.nodes.empty(); }),
               models.end());
  if (models.empty() && !has_errors(out_.findings))
    say(Severity::warning, document_.root(), "nothing-to-monitor",
        had ? "no process of the file has a flow node: there is nothing to monitor"
            : "the file has no process: there is nothing to monitor");
}

}  // namespace laban::monitor::bpmn
