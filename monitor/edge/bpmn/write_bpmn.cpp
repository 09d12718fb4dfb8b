// monitor/edge/bpmn/write_bpmn.cpp - writes a process model as a BPMN 2.0 file that any modelling tool opens.
#include "monitor/edge/bpmn/write_bpmn.hpp"

#include <pugixml.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "monitor/core/duration.hpp"
#include "monitor/core/layout.hpp"
#include "monitor/edge/bpmn/elements.hpp"

namespace laban::monitor {
namespace {

using pugi::xml_node;

bool is_name_start(unsigned char c) {
  return std::isalpha(c) != 0 || c == '_' || c >= 0x80;
}
bool is_name_character(unsigned char c) {
  return is_name_start(c) || std::isdigit(c) != 0 || c == '-' || c == '.';
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

const char* default_element(NodeKind kind) {
  switch (kind) {
    case NodeKind::task:
      return "task";
    case NodeKind::call_activity:
      return "callActivity";
    case NodeKind::sub_process:
    case NodeKind::event_sub_process:
      return "subProcess";
    case NodeKind::transaction:
      return "transaction";
    case NodeKind::ad_hoc:
      return "adHocSubProcess";
    case NodeKind::start_event:
      return "startEvent";
    case NodeKind::end_event:
      return "endEvent";
    case NodeKind::catch_event:
      return "intermediateCatchEvent";
    case NodeKind::throw_event:
      return "intermediateThrowEvent";
    case NodeKind::boundary_event:
      return "boundaryEvent";
    case NodeKind::exclusive_gateway:
      return "exclusiveGateway";
    case NodeKind::parallel_gateway:
      return "parallelGateway";
    case NodeKind::inclusive_gateway:
      return "inclusiveGateway";
    case NodeKind::event_gateway:
      return "eventBasedGateway";
    case NodeKind::complex_gateway:
      break;
  }
  return "complexGateway";
}

const char* definition_element(EventKind kind) {
  switch (kind) {
    case EventKind::none:
      return nullptr;
    case EventKind::message:
    case EventKind::multiple:
      return "messageEventDefinition";
    case EventKind::timer:
      return "timerEventDefinition";
    case EventKind::signal:
      return "signalEventDefinition";
    case EventKind::error:
      return "errorEventDefinition";
    case EventKind::escalation:
      return "escalationEventDefinition";
    case EventKind::compensation:
      return "compensateEventDefinition";
    case EventKind::cancel:
      return "cancelEventDefinition";
    case EventKind::link:
      return "linkEventDefinition";
    case EventKind::conditional:
      return "conditionalEventDefinition";
    case EventKind::terminate:
      break;
  }
  return "terminateEventDefinition";
}

// The kinds of events that refer to something named at the root of the file.
struct Referred {
  EventKind kind;
  const char* element;
  const char* attribute;
};
constexpr Referred referred[] = {{EventKind::message, "message", "messageRef"},
                                 {EventKind::signal, "signal", "signalRef"},
                                 {EventKind::error, "error", "errorRef"},
                                 {EventKind::escalation, "escalation", "escalationRef"}};

const Referred* reference_of(const Node& node) {
  if (node.message.empty()) return nullptr;
  const EventKind kind = bpmn::is_activity(node.kind) ? EventKind::message : node.event;
  for (const auto& entry : referred)
    if (entry.kind == kind) return &entry;
  return nullptr;
}

class Writer {
 public:
  explicit Writer(const ProcessModel& model) : model_(model) {}

  std::string run() {
    give_ids();
    auto declaration = document_.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    root_ = document_.append_child("bpmn:definitions");
    root_.append_attribute("xmlns:bpmn") = "http://www.omg.org/spec/BPMN/20100524/MODEL";
    root_.append_attribute("xmlns:bpmndi") = "http://www.omg.org/spec/BPMN/20100524/DI";
    root_.append_attribute("xmlns:dc") = "http://www.omg.org/spec/DD/20100524/DC";
    root_.append_attribute("xmlns:di") = "http://www.omg.org/spec/DD/20100524/DI";
    root_.append_attribute("xmlns:laban") = "urn:laban:bpmn";
    root_.append_attribute("targetNamespace") = "urn:laban:definitions";
    write_referred();
    const Drawing drawing = drawing_of(model_);
    write_collaboration(drawing);
    write_process();
    write_drawing(drawing);
    std::ostringstream out;
    document_.save(out, "  ");
    return out.str();
  }

 private:
  // Ids that XML allows, each once.
  std::string fresh_id(const std::string& wish) {
    std::string id;
    for (const char c : wish) id += is_name_character(static_cast<unsigned char>(c)) ? c : '_';
    if (id.empty() || !is_name_start(static_cast<unsigned char>(id[0]))) id.insert(0, "_");
    std::string free = id;
    for (unsigned number = 2; !ids_.insert(free).second; ++number) free = id + "_" + std::to_string(number);
    return free;
  }

  void give_ids() {
    process_id_ = fresh_id(model_.id);
    for (const auto& node : model_.nodes) node_ids_.push_back(fresh_id(node.id));
    for (const auto& flow : model_.flows) flow_ids_.push_back(fresh_id(flow.id.empty() ? "flow" : flow.id));
  }

  void set(xml_node element, const char* attribute, const std::string& value) {
    if (!value.empty()) element.append_attribute(attribute) = value.c_str();
  }

  void write_referred() {
    for (const auto& node : model_.nodes) {
      const Referred* entry = reference_of(node);
      if (entry == nullptr || referred_.count({entry->element, node.message}) > 0) continue;
      auto element = root_.append_child((std::string{"bpmn:"} + entry->element).c_str());
      const std::string id = fresh_id(std::string{entry->element} + "_" + node.message);
      referred_[{entry->element, node.message}] = id;
      set(element, "id", id);
      set(element, "name", node.message);
    }
  }

  void write_collaboration(const Drawing& drawing) {
    for (const auto& area : drawing.areas) {
      if (!area.pool || !pool_id_.empty()) continue;
      collaboration_id_ = fresh_id("collaboration");
      pool_id_ = fresh_id(area.id);
      auto collaboration = root_.append_child("bpmn:collaboration");
      set(collaboration, "id", collaboration_id_);
      auto participant = collaboration.append_child("bpmn:participant");
      set(participant, "id", pool_id_);
      set(participant, "name", area.name);
      set(participant, "processRef", process_id_);
    }
  }

  void write_process() {
    auto process = root_.append_child("bpmn:process");
    set(process, "id", process_id_);
    set(process, "name", model_.name);
    process.append_attribute("isExecutable") = "false";
    if (model_.id != process_id_) set(process, "laban:id", model_.id);
    set(process, "laban:version", model_.version);
    set(process, "laban:exchange", model_.scope_exchange);
    set(process, "laban:scope", joined(model_.scope_patterns));
    set(process, "laban:correlation", model_.correlation);
    if (model_.reruns) set(process, "laban:reruns", "true");
    if (model_.deadline) set(process, "laban:deadline", iso_duration(*model_.deadline));
    const bool silent = std::any_of(model_.nodes.begin(), model_.nodes.end(),
                                    [](const Node& node) { return node.shows == Shows::silent; });
    if (silent) set(process, "laban:unbound", "silent");
    write_pair_deadlines(process);
    write_lanes(process);
    std::vector<xml_node> containers(model_.scopes.size());
    containers[0] = process;
    // Scopes come behind the scope that holds them; a sub-process is written before its content.
    std::vector<std::vector<NodeIndex>> content(model_.scopes.size());
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) content[model_.nodes[i].scope].push_back(i);
    for (ScopeIndex scope = 0; scope < model_.scopes.size(); ++scope)
      for (const NodeIndex node : content[scope]) {
        const auto element = write_node(containers[scope], node);
        if (model_.nodes[node].body != no_index) containers[model_.nodes[node].body] = element;
      }
    for (std::uint32_t flow = 0; flow < model_.flows.size(); ++flow)
      write_flow(containers[model_.nodes[model_.flows[flow].from].scope], flow);
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) write_association(containers[model_.nodes[i].scope], i);
  }

  void write_pair_deadlines(xml_node process) {
    if (model_.pair_deadlines.empty()) return;
    auto extension = process.append_child("bpmn:extensionElements");
    for (const auto& pair : model_.pair_deadlines) {
      if (pair.from == no_index || pair.to == no_index) continue;
      auto element = extension.append_child("laban:deadline");
      set(element, "from", node_ids_[pair.from]);
      set(element, "to", node_ids_[pair.to]);
      set(element, "within", iso_duration(pair.limit));
    }
  }

  void write_lanes(xml_node process) {
    xml_node lanes;
    for (const auto& area : model_.areas) {
      if (area.pool) continue;
      if (!lanes) lanes = process.append_child("bpmn:laneSet");
      auto lane = lanes.append_child("bpmn:lane");
      lane_ids_.push_back(fresh_id(area.id));
      set(lane, "id", lane_ids_.back());
      set(lane, "name", area.name);
      for (NodeIndex i = 0; i < model_.nodes.size(); ++i)
        if (model_.nodes[i].lane == area.name && model_.nodes[i].scope == 0)
          lane.append_child("bpmn:flowNodeRef").text() = node_ids_[i].c_str();
    }
  }

  xml_node write_node(xml_node container, NodeIndex index) {
    const auto& node = model_.nodes[index];
    const std::string name = node.element.empty() ? default_element(node.kind) : node.element;
    auto element = container.append_child(("bpmn:" + name).c_str());
    set(element, "id", node_ids_[index]);
    if (node.named) set(element, "name", node.name);
    write_bindings(element, index);
    if (node.kind == NodeKind::event_sub_process) set(element, "triggeredByEvent", "true");
    if (node.for_compensation) set(element, "isForCompensation", "true");
    if (node.one_at_a_time) set(element, "ordering", "Sequential");
    if (node.instantiates) set(element, "instantiate", "true");
    if (node.kind == NodeKind::event_gateway && node.all_of) set(element, "eventGatewayType", "Parallel");
    if (bpmn::is_event(node.kind) && node.all_of) set(element, "parallelMultiple", "true");
    if (node.default_flow != no_index) set(element, "default", flow_ids_[node.default_flow]);
    if (node.kind == NodeKind::boundary_event && node.attached_to != no_index) {
      set(element, "attachedToRef", node_ids_[node.attached_to]);
      if (!node.interrupting) set(element, "cancelActivity", "false");
    }
    if (node.kind == NodeKind::start_event && !node.interrupting) set(element, "isInterrupting", "false");
    const Referred* entry = reference_of(node);
    if (bpmn::is_activity(node.kind)) {
      if (entry != nullptr && (name == "sendTask" || name == "receiveTask"))
        set(element, "messageRef", referred_[{entry->element, node.message}]);
      write_loop(element, node);
    } else if (bpmn::is_event(node.kind)) {
      write_definition(element, node, entry);
    }
    return element;
  }

  void write_bindings(xml_node element, NodeIndex index) {
    const auto& node = model_.nodes[index];
    std::vector<std::string> types;
    for (const auto& type : node.types)
      if (node_ids_[index] != type && !(node.named && node.name == type) && node.message != type) types.push_back(type);
    if (types.empty() && node.bound && !node.types.empty()) types.push_back(node.types.front());
    if (node.bound || !bpmn::is_event(node.kind)) set(element, "laban:event", node.bound ? joined(types) : "");
    if (node.bound && node.shows == Shows::optional) set(element, "laban:expected", "false");
    set(element, "laban:start", node.start_type);
    set(element, "laban:publishers", joined(node.publishers));
    if (node.deadline) set(element, "laban:deadline", iso_duration(*node.deadline));
    if (node.kind != NodeKind::end_event) return;
    const bool aborts = node.event == EventKind::cancel || node.event == EventKind::compensation;
    const Outcome implied = node.event == EventKind::error ? Outcome::failed
                            : aborts                       ? Outcome::compensated
                                                           : Outcome::completed;
    if (node.outcome == implied) return;
    set(element, "laban:outcome",
        node.outcome == Outcome::failed        ? "failed"
        : node.outcome == Outcome::compensated ? "compensated"
                                               : "completed");
  }

  void write_loop(xml_node element, const Node& node) {
    if (node.repeats == Repeats::loop) {
      auto loop = element.append_child("bpmn:standardLoopCharacteristics");
      if (node.may_run_zero_times) set(loop, "testBefore", "true");
    } else if (node.repeats != Repeats::once) {
      auto loop = element.append_child("bpmn:multiInstanceLoopCharacteristics");
      if (node.repeats == Repeats::sequential_instances) set(loop, "isSequential", "true");
    }
  }

  void write_definition(xml_node element, const Node& node, const Referred* entry) {
    const char* name = definition_element(node.event);
    if (name == nullptr) return;
    for (int copies = node.event == EventKind::multiple ? 2 : 1; copies > 0; --copies) {
      auto definition = element.append_child((std::string{"bpmn:"} + name).c_str());
      if (entry != nullptr) set(definition, entry->attribute, referred_[{entry->element, node.message}]);
      if (node.event == EventKind::link) set(definition, "name", node.link);
      if (node.event == EventKind::compensation && node.kind != NodeKind::boundary_event &&
          node.compensates != no_index)
        set(definition, "activityRef", node_ids_[node.compensates]);
    }
  }

  void write_flow(xml_node container, std::uint32_t index) {
    const auto& flow = model_.flows[index];
    auto element = container.append_child("bpmn:sequenceFlow");
    set(element, "id", flow_ids_[index]);
    set(element, "name", flow.name);
    set(element, "sourceRef", node_ids_[flow.from]);
    set(element, "targetRef", node_ids_[flow.to]);
    if (flow.conditional) element.append_child("bpmn:conditionExpression");
  }

  void write_association(xml_node container, NodeIndex handler) {
    const auto& node = model_.nodes[handler];
    if (!bpmn::is_activity(node.kind) || node.compensates == no_index) return;
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) {
      const auto& event = model_.nodes[i];
      if (event.attached_to != node.compensates || event.event != EventKind::compensation) continue;
      auto element = container.append_child("bpmn:association");
      const std::string id = fresh_id(event.id + "--" + node.id);
      association_ids_[event.id + "--" + node.id] = id;
      set(element, "id", id);
      set(element, "associationDirection", "One");
      set(element, "sourceRef", node_ids_[i]);
      set(element, "targetRef", node_ids_[handler]);
      return;
    }
  }

  void write_bounds(xml_node parent, const Rectangle& box) {
    auto bounds = parent.append_child("dc:Bounds");
    bounds.append_attribute("x") = std::round(box.x);
    bounds.append_attribute("y") = std::round(box.y);
    bounds.append_attribute("width") = std::round(box.width);
    bounds.append_attribute("height") = std::round(box.height);
  }

  xml_node write_shape(xml_node plane, const std::string& id, const Rectangle& box) {
    auto shape = plane.append_child("bpmndi:BPMNShape");
    set(shape, "id", id + "_di");
    set(shape, "bpmnElement", id);
    write_bounds(shape, box);
    return shape;
  }

  void write_drawing(const Drawing& drawing) {
    auto diagram = root_.append_child("bpmndi:BPMNDiagram");
    set(diagram, "id", fresh_id("diagram"));
    auto plane = diagram.append_child("bpmndi:BPMNPlane");
    set(plane, "id", fresh_id("plane"));
    set(plane, "bpmnElement", collaboration_id_.empty() ? process_id_ : collaboration_id_);
    std::size_t lane = 0;
    for (const auto& area : drawing.areas) {
      if (!area.pool && lane >= lane_ids_.size()) continue;
      auto shape = write_shape(plane, area.pool ? pool_id_ : lane_ids_[lane++], area.drawn);
      set(shape, "isHorizontal", "true");
    }
    for (const auto& drawn : drawing.shapes) {
      const auto& node = model_.nodes[drawn.node];
      auto shape = write_shape(plane, node_ids_[drawn.node], drawn.box);
      if (node.body != no_index) set(shape, "isExpanded", drawn.opens ? "true" : "false");
      if (node.kind == NodeKind::exclusive_gateway) set(shape, "isMarkerVisible", "true");
      if (node.label) write_bounds(shape.append_child("bpmndi:BPMNLabel"), *node.label);
    }
    for (const auto& line : drawing.lines) {
      const std::string id = line.flow == no_index ? association_ids_[line.id] : flow_ids_[line.flow];
      auto edge = plane.append_child("bpmndi:BPMNEdge");
      set(edge, "id", id + "_di");
      set(edge, "bpmnElement", id);
      for (const auto& point : line.points) {
        auto way = edge.append_child("di:waypoint");
        way.append_attribute("x") = std::round(point.x);
        way.append_attribute("y") = std::round(point.y);
      }
      if (line.label) write_bounds(edge.append_child("bpmndi:BPMNLabel"), *line.label);
    }
  }

  const ProcessModel& model_;
  pugi::xml_document document_;
  xml_node root_;
  std::set<std::string> ids_;
  std::string process_id_, collaboration_id_, pool_id_;
  std::vector<std::string> node_ids_, flow_ids_, lane_ids_;
  std::map<std::pair<std::string, std::string>, std::string> referred_;  // element and name to id
  std::map<std::string, std::string> association_ids_;
};

}  // namespace

std::string write_bpmn(const ProcessModel& model) {
  return Writer{model}.run();
}

}  // namespace laban::monitor
