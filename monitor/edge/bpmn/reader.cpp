// monitor/edge/bpmn/reader.cpp - the first pass over a BPMN file: every flow node becomes a node of its
// process.
#include "monitor/edge/bpmn/reader.hpp"

#include <algorithm>
#include <set>

#include "monitor/core/duration.hpp"
#include "monitor/edge/bpmn/elements.hpp"

namespace laban::monitor::bpmn {
namespace {

constexpr std::size_t most_nodes = 200'000;

bool is_true(pugi::xml_attribute attribute) {
  const std::string_view value = attribute.value();
  return value == "true" || value == "1" || value == "TRUE" || value == "True";
}

bool is_false(pugi::xml_attribute attribute) {
  const std::string_view value = attribute.value();
  return value == "false" || value == "0" || value == "FALSE" || value == "False";
}

void add_type(Node& node, const std::string& type) {
  if (!type.empty() && std::find(node.types.begin(), node.types.end(), type) == node.types.end())
    node.types.push_back(type);
}

// A name broken over lines is written to logs in more ways than one; each of them names the node.
void add_spellings(Node& node, const std::string& raw) {
  add_type(node, one_line(raw));
  add_type(node, raw);
  if (raw.find_first_of("\n\r") == std::string::npos) return;
  std::string joined = raw;
  joined.erase(std::remove_if(joined.begin(), joined.end(), [](char c) { return c == '\n' || c == '\r'; }),
               joined.end());
  add_type(node, joined);
}

}  // namespace

void Reader::run() {
  collect_root();
  if (out_.models.size() > 0) connect();
  read_diagrams();
  if (how_ == Participants::joined) join_participants();
  drop_empty_models();
}

void Reader::collect_root() {
  const auto root = document_.root();
  std::vector<std::pair<pugi::xml_node, const Names*>> processes;
  for (const auto child : root.children()) {
    kept_names_.push_back(std::make_unique<Names>(&document_.names(), child));
    const Names& names = *kept_names_.back();
    const std::string_view name = names.bpmn_name(child);
    const std::string id = text_of(child, "id");
    if (name == "process" || name == "choreography" || name == "globalChoreographyTask") {
      processes.emplace_back(child, &names);
      if (name != "process") collect_collaboration(child, names);
    } else if (name == "collaboration" || name == "globalConversation" || name == "conversation") {
      collect_collaboration(child, names);
    } else if (name == "message") {
      messages_[id] = one_line(text_of(child, "name"));
    } else if (name == "signal" || name == "error" || name == "escalation") {
      signals_[id] = one_line(text_of(child, "name"));
    } else if (event_definition(name)) {
      shared_definitions_[id] = child;
    } else {
      if (local_name(child.name()) != "BPMNDiagram") tell_misplaced(child, document_.names());
      kept_names_.pop_back();  // nothing refers to its namespaces later
    }
  }
  std::set<std::string> known;
  for (const auto& [element, names] : processes) known.insert(text_of(element, "id"));
  for (const auto& participant : participants_)
    if (!participant.process.empty() && !known.contains(participant.process))
      say(Severity::warning, participant.at, "open-participant",
          "the process " + in_quotes(participant.process) + " of the participant " +
              in_quotes(participant.name.empty() ? participant.id : participant.name) +
              " is not in the file: nothing of it is followed");
  for (const auto& [element, names] : processes) read_process(element, *names);
}

void Reader::collect_collaboration(pugi::xml_node element, const Names& names) {
  if (collaboration_id_.empty()) {
    collaboration_id_ = text_of(element, "id");
    collaboration_name_ = one_line(text_of(element, "name"));
  }
  for (const auto child : element.children()) {
    const Names inner{&names, child};
    const std::string_view name = inner.bpmn_name(child);
    if (name == "participant") {
      Participant participant;
      participant.at = document_.at(child);
      participant.id = text_of(child, "id");
      participant.name = one_line(text_of(child, "name"));
      participant.process = std::string{local_name(text_of(child, "processRef"))};
      remember(participant.id, {Named::What::participant, 0, static_cast<std::uint32_t>(participants_.size())}, child);
      participants_.push_back(std::move(participant));
    } else if (name == "messageFlow") {
      message_flows_.push_back({child, &names, 0});
    } else if (name == "association") {
      associations_.push_back({child, &names, 0});
    } else if (names.bpmn_name(element) != "choreography") {
      tell_misplaced(child, names);
    }
  }
}

// Flow nodes where BPMN has none, as within an element of a vendor's or one that is unknown: they are flow nodes of the
// file and nothing more.
void Reader::tell_misplaced(pugi::xml_node element, const Names& outer) {
  if (element.type() != pugi::node_element || local_name(element.name()) == "extensionElements") return;
  const Names names{&outer, element};
  const bool undeclared = names.meaning(prefix_of(element.name())) == Names::Meaning::none;
  const std::string_view name = undeclared ? local_name(element.name()) : names.bpmn_name(element);
  if (flow_node(name)) {
    out_.element_counts[std::string{name}]++;
    say(Severity::warning, element, "misplaced-node",
        "<" + std::string{name} + "> stands where no process has it" +
            (undeclared ? ", or its namespace is missing" : "") + ": it is ignored");
  }
  for (const auto child : element.children()) tell_misplaced(child, names);
}

// What a reference names; nothing, and a warning, where that is not in the file.
std::string Reader::referred(pugi::xml_node element, const char* attribute,
                             const std::unordered_map<std::string, std::string>& table) {
  const std::string reference = text_of(element, attribute);
  if (reference.empty()) return {};
  const auto found = table.find(std::string{local_name(reference)});
  if (found != table.end()) return found->second;
  say(Severity::warning, element, "odd-reference",
      std::string{"the "} + attribute + " " + in_quotes(reference) + " is not in the file: it is ignored");
  return {};
}

void Reader::read_process(pugi::xml_node element, const Names& names) {
  out_.models.emplace_back();
  model().id = text_of(element, "id");
  model().name = one_line(text_of(element, "name"));
  model().at = document_.at(element);
  std::string pool;
  for (const auto& participant : participants_)
    if (!model().id.empty() && participant.process == model().id) pool = participant.name;
  if (model().name.empty()) model().name = pool.empty() ? model().id : pool;
  if (model().id.empty()) {
    model().id = "process_" + std::to_string(out_.models.size());
    say(Severity::warning, element, "missing-id", "this process has no id: it is called " + in_quotes(model().id));
  } else {
    remember(model().id, {Named::What::process, out_.models.size() - 1, 0}, element);
  }
  read_process_bindings(element, names);
  read_content(element, names, 0);
  for (auto& node : model().nodes)
    if (node.participant.empty()) node.participant = pool;
}

void Reader::read_process_bindings(pugi::xml_node element, const Names& names) {
  auto& process = model();
  process.version = laban_value(element, names, "version");
  process.scope_exchange = laban_value(element, names, "exchange");
  process.scope_patterns = laban_values(element, names, "scope");
  process.correlation = laban_value(element, names, "correlation");
  process.reruns = laban_value(element, names, "reruns") == "true";
  if (const std::string id = laban_value(element, names, "id"); !id.empty()) process.id = id;
  unbound_is_silent_ = laban_value(element, names, "unbound") == "silent";
  for (const auto extension : element.children())
    if (local_name(extension.name()) == "extensionElements")
      for (const auto child : extension.children())
        if (local_name(child.name()) == "deadline" && child.attribute("from"))
          pair_deadlines_.push_back({child, nullptr, out_.models.size() - 1});
  const std::string deadline = laban_value(element, names, "deadline");
  if (deadline.empty()) return;
  process.deadline = parse_duration(deadline);
  if (!process.deadline)
    say(Severity::error, element, "bad-duration", in_quotes(deadline) + " is no duration: write it as PT30M or 30m");
}

void Reader::read_content(pugi::xml_node container, const Names& names, ScopeIndex scope) {
  for (const auto child : container.children()) {
    if (child.type() != pugi::node_element) continue;
    const Names inner{&names, child};
    const std::string_view name = inner.bpmn_name(child);
    if (name.empty()) {  // a vendor's own
      tell_misplaced(child, names);
      continue;
    }
    if (const auto kind = flow_node(name)) {
      read_node(child, inner, name, *kind, scope);
      if (node_count_ > most_nodes) return;
      continue;
    }
    // Only what is looked at again needs its own names; they stay while the reader does.
    const Later later{child, &names, out_.models.size() - 1};
    if (name == "sequenceFlow") {
      flows_.push_back(later);
    } else if (name == "association") {
      associations_.push_back(later);
    } else if (name == "laneSet") {
      lanes_.push_back(later);
    } else if (event_definition(name) || is_known_aside(name)) {
      if (const std::string id = text_of(child, "id"); !id.empty()) ids_.try_emplace(id);
    } else {
      say(Severity::warning, child, "unknown-element",
          "<" + std::string{name} + "> is no element of BPMN 2.0 that stands here: it is ignored");
      tell_misplaced(child, names);
    }
  }
}

void Reader::remember(const std::string& id, Named named, pugi::xml_node element) {
  if (id.empty()) return;
  const auto [place, fresh] = ids_.try_emplace(id, named);
  if (fresh) return;
  // A pool often shares its id with its process, a lane with a shape; only two nodes of one id are in each
  // other's way.
  if (named.what == Named::What::node && place->second.what == Named::What::node) {
    place->second.what = Named::What::ambiguous;
    say(Severity::warning, element, "duplicate-id", "the id " + in_quotes(id) + " stands here a second time");
  } else if (named.what == Named::What::node && place->second.what != Named::What::ambiguous) {
    place->second = named;
  }
}

void Reader::read_node(pugi::xml_node element, const Names& names, std::string_view element_name, NodeKind kind,
                       ScopeIndex scope) {
  out_.element_counts[std::string{element_name}]++;
  if (++node_count_ > most_nodes) {
    say(Severity::error, element, "too-many-nodes",
        "more than " + std::to_string(most_nodes) + " flow nodes: split the file");
    return;
  }
  const auto index = static_cast<NodeIndex>(model().nodes.size());
  const std::size_t model_index = out_.models.size() - 1;
  Node node;
  node.at = document_.at(element);
  node.element = element_name;
  node.kind = kind;
  node.scope = scope;
  node.id = text_of(element, "id");
  const std::string raw_name = text_of(element, "name");
  node.name = one_line(raw_name);
  if (node.id.empty()) {
    node.id = std::string{element_name} + "_" + std::to_string(node_count_);
    say(Severity::warning, element, "missing-id",
        "this <" + std::string{element_name} + "> has no id: it is called " + in_quotes(node.id));
  } else {
    remember(node.id, {Named::What::node, model_index, index}, element);
  }
  if (kind == NodeKind::sub_process && is_true(element.attribute("triggeredByEvent")))
    node.kind = NodeKind::event_sub_process;

  read_bindings(element, names, node);
  if (is_activity(kind)) read_activity(element, names, node);
  if (is_event(kind)) read_event(element, names, node);
  if (is_gateway(kind)) {
    node.instantiates = is_true(element.attribute("instantiate"));
    node.all_of = std::string_view{element.attribute("eventGatewayType").value()} == "Parallel";
  }
  add_spellings(node, raw_name);
  add_type(node, node.id);
  if (unbound_is_silent_ && node.shows == Shows::optional && !node.bound) {
    node.shows = Shows::silent;
    node.types.clear();
  }
  if (node.name.empty()) {
    node.name = node.id;
    node.named = false;
  }

  const Later later{element, nullptr, model_index, index};
  if (node.kind == NodeKind::boundary_event) boundaries_.push_back(later);
  if (element.attribute("default")) defaults_.push_back(later);
  if (node.event == EventKind::compensation && node.kind != NodeKind::boundary_event) throws_.push_back(later);
  model().nodes.push_back(std::move(node));
  if (!opens_scope(model().nodes[index].kind)) return;

  const auto body = static_cast<ScopeIndex>(model().scopes.size());
  model().scopes.push_back({scope, index});
  const std::size_t before = model().nodes.size();
  kept_names_.push_back(std::make_unique<Names>(names));
  read_content(element, *kept_names_.back(), body);
  auto& owner = model().nodes[index];
  if (model().nodes.size() == before) {
    model().scopes.pop_back();  // drawn closed: one step
    return;
  }
  owner.body = body;
  if (owner.shows == Shows::required && !owner.bound) {
    owner.shows = unbound_is_silent_ ? Shows::silent : Shows::optional;
    if (unbound_is_silent_) owner.types.clear();
  }
}

void Reader::read_activity(pugi::xml_node element, const Names& names, Node& node) {
  if (!node.bound && node.shows == Shows::optional && node.kind != NodeKind::event_sub_process)
    node.shows = Shows::required;
  node.for_compensation = is_true(element.attribute("isForCompensation"));
  node.instantiates = is_true(element.attribute("instantiate"));
  node.one_at_a_time = std::string_view{element.attribute("ordering").value()} == "Sequential";
  node.message = referred(element, "messageRef", messages_);
  add_type(node, node.message);
  for (const auto child : element.children()) {
    const std::string_view name = Names{&names, child}.bpmn_name(child);
    if (name == "standardLoopCharacteristics") {
      node.repeats = Repeats::loop;
      node.may_run_zero_times = is_true(child.attribute("testBefore"));
    } else if (name == "multiInstanceLoopCharacteristics") {
      node.repeats =
          is_true(child.attribute("isSequential")) ? Repeats::sequential_instances : Repeats::parallel_instances;
    }
  }
  for (const char* quantity : {"startQuantity", "completionQuantity"}) {
    const auto attribute = element.attribute(quantity);
    if (attribute && attribute.as_int(1) != 1)
      approximate(model(), node.at, "quantity", std::string{quantity} + " other than 1 is read as 1");
  }
}

void Reader::read_event(pugi::xml_node element, const Names& names, Node& node) {
  node.interrupting = !is_false(element.attribute("cancelActivity")) && !is_false(element.attribute("isInterrupting"));
  node.all_of = is_true(element.attribute("parallelMultiple"));
  for (const auto child : element.children()) {
    const Names inner{&names, child};
    const std::string_view name = inner.bpmn_name(child);
    if (event_definition(name)) {
      read_definition(child, inner, node);
    } else if (name == "eventDefinitionRef") {
      const auto shared = shared_definitions_.find(std::string{local_name(one_line(child.text().get()))});
      if (shared != shared_definitions_.end())
        read_definition(shared->second, document_.names(), node);
      else
        say(Severity::warning, child, "odd-reference",
            "the event definition " + in_quotes(child.text().get()) + " is not in the file: it is ignored");
    }
  }
  if (node.all_of && node.event == EventKind::multiple)
    approximate(model(), node.at, "parallel-multiple",
                "the event " + in_quotes(node.name.empty() ? node.id : node.name) +
                    " that waits for several is read as one that any of them stands for");
  if (node.kind == NodeKind::end_event) {
    if (node.event == EventKind::error) node.outcome = Outcome::failed;
    if (node.event == EventKind::cancel || node.event == EventKind::compensation) node.outcome = Outcome::compensated;
    const std::string outcome = laban_value(element, names, "outcome");
    if (outcome == "completed") node.outcome = Outcome::completed;
    if (outcome == "failed") node.outcome = Outcome::failed;
    if (outcome == "compensated") node.outcome = Outcome::compensated;
  }
}

void Reader::read_definition(pugi::xml_node definition, const Names& names, Node& node) {
  const EventKind kind = *event_definition(names.bpmn_name(definition));
  node.event = node.event == EventKind::none ? kind : EventKind::multiple;
  switch (kind) {
    case EventKind::message:
      node.message = referred(definition, "messageRef", messages_);
      add_type(node, node.message);
      break;
    case EventKind::signal:
      node.message = referred(definition, "signalRef", signals_);
      add_type(node, node.message);
      break;
    case EventKind::error:
      node.message = referred(definition, "errorRef", signals_);
      break;
    case EventKind::escalation:
      node.message = referred(definition, "escalationRef", signals_);
      break;
    case EventKind::link:
      node.link = one_line(text_of(definition, "name"));
      if (node.link.empty()) node.link = node.name;
      break;
    default:
      break;
  }
}

void Reader::read_bindings(pugi::xml_node element, const Names& names, Node& node) {
  node.shows = Shows::optional;
  for (const auto& type : laban_values(element, names, "event")) {
    add_type(node, type);
    node.bound = true;
    node.shows = Shows::required;
  }
  node.start_type = laban_value(element, names, "start");
  node.publishers = laban_values(element, names, "publishers");
  const std::string expected = laban_value(element, names, "expected");
  if (expected == "true") node.shows = Shows::required;
  if (expected == "false") {
    node.shows = Shows::optional;
    node.bound = true;
  }
  const std::string deadline = laban_value(element, names, "deadline");
  if (!deadline.empty() && !(node.deadline = parse_duration(deadline)))
    say(Severity::error, element, "bad-duration", in_quotes(deadline) + " is no duration: write it as PT30M or 30m");
}

std::string Reader::text_of(pugi::xml_node element, const char* attribute) {
  const std::string_view value = element.attribute(attribute).value();
  if (value.size() <= limits_.name) return std::string{value};
  say(Severity::error, element, "name-too-long",
      std::string{"the attribute "} + attribute + " has " + std::to_string(value.size()) + " bytes, the limit is " +
          std::to_string(limits_.name) + ": shorten it");
  return std::string{};
}

// An attribute `laban:KEY`, or a property of that name as the forms of several modelling tools write them:
// <extensionElements><x:properties><x:property name="laban:KEY" value="…"/>.
std::string Reader::laban_value(pugi::xml_node element, const Names& names, std::string_view key) {
  for (const auto attribute : element.attributes()) {
    const std::string_view name = attribute.name();
    if (name.size() > key.size() && local_name(name) == key && names.meaning(prefix_of(name)) == Names::Meaning::laban)
      return one_line(text_of(element, attribute.name()));
  }
  for (const auto extension : element.children()) {
    if (local_name(extension.name()) != "extensionElements") continue;
    for (const auto properties : extension.children())
      for (const auto property : properties.children()) {
        const std::string_view name = property.attribute("name").value();
        if (local_name(property.name()) == "property" && name.substr(0, 6) == "laban:" && name.substr(6) == key)
          return one_line(text_of(property, "value"));
      }
  }
  return {};
}

std::vector<std::string> Reader::laban_values(pugi::xml_node element, const Names& names, std::string_view key) {
  std::vector<std::string> out;
  const std::string all = laban_value(element, names, key);
  for (std::size_t from = 0; from < all.size();) {
    const std::size_t comma = std::min(all.find(',', from), all.size());
    const std::string word = one_line(std::string_view{all}.substr(from, comma - from));
    if (!word.empty()) out.push_back(word);
    from = comma + 1;
  }
  return out;
}

void Reader::say(Severity severity, Location at, const char* id, const std::string& message) {
  add_finding(out_.findings, limits_, {std::move(at), severity, id, message});
}

void Reader::approximate(ProcessModel& process, Location at, const char* id, const std::string& message) {
  process.approximate = true;
  out_.approximate = true;
  say(Severity::warning, std::move(at), id, message + ": tracking is approximate here");
}

}  // namespace laban::monitor::bpmn
