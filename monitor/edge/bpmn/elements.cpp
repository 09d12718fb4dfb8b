// monitor/edge/bpmn/elements.cpp - which BPMN element is which kind of node, and which are known to be none.
#include "monitor/edge/bpmn/elements.hpp"

#include <algorithm>
#include <array>

namespace laban::monitor::bpmn {
namespace {

struct NodeElement {
  std::string_view name;
  NodeKind kind;
};

constexpr std::array<NodeElement, 28> node_elements{{
    {"task", NodeKind::task},
    {"userTask", NodeKind::task},
    {"manualTask", NodeKind::task},
    {"serviceTask", NodeKind::task},
    {"scriptTask", NodeKind::task},
    {"businessRuleTask", NodeKind::task},
    {"sendTask", NodeKind::task},
    {"receiveTask", NodeKind::task},
    {"choreographyTask", NodeKind::task},
    {"callActivity", NodeKind::call_activity},
    {"callChoreography", NodeKind::call_activity},
    {"subProcess", NodeKind::sub_process},
    {"subChoreography", NodeKind::sub_process},
    {"transaction", NodeKind::transaction},
    {"adHocSubProcess", NodeKind::ad_hoc},
    {"startEvent", NodeKind::start_event},
    {"endEvent", NodeKind::end_event},
    {"intermediateCatchEvent", NodeKind::catch_event},
    {"intermediateThrowEvent", NodeKind::throw_event},
    {"implicitThrowEvent", NodeKind::throw_event},
    {"boundaryEvent", NodeKind::boundary_event},
    {"exclusiveGateway", NodeKind::exclusive_gateway},
    {"parallelGateway", NodeKind::parallel_gateway},
    {"inclusiveGateway", NodeKind::inclusive_gateway},
    {"eventBasedGateway", NodeKind::event_gateway},
    {"complexGateway", NodeKind::complex_gateway},
    {"callChoreographyActivity", NodeKind::call_activity},  // drafts of BPMN 2.0
    {"choreographySubProcess", NodeKind::sub_process},
}};

struct DefinitionElement {
  std::string_view name;
  EventKind kind;
};

constexpr std::array<DefinitionElement, 10> definitions{{
    {"messageEventDefinition", EventKind::message},
    {"timerEventDefinition", EventKind::timer},
    {"signalEventDefinition", EventKind::signal},
    {"errorEventDefinition", EventKind::error},
    {"escalationEventDefinition", EventKind::escalation},
    {"compensateEventDefinition", EventKind::compensation},
    {"cancelEventDefinition", EventKind::cancel},
    {"linkEventDefinition", EventKind::link},
    {"conditionalEventDefinition", EventKind::conditional},
    {"terminateEventDefinition", EventKind::terminate},
}};

constexpr std::array<std::string_view, 50> asides{{
    "documentation",
    "extensionElements",
    "ioSpecification",
    "ioBinding",
    "property",
    "monitoring",
    "auditing",
    "resourceRole",
    "performer",
    "humanPerformer",
    "potentialOwner",
    "correlationSubscription",
    "supports",
    "dataObject",
    "dataObjectReference",
    "dataStoreReference",
    "dataStore",
    "dataInput",
    "dataOutput",
    "dataInputAssociation",
    "dataOutputAssociation",
    "inputSet",
    "outputSet",
    "association",
    "group",
    "textAnnotation",
    "artifact",
    "laneSet",
    "sequenceFlow",
    "incoming",
    "outgoing",
    "categoryValueRef",
    "standardLoopCharacteristics",
    "multiInstanceLoopCharacteristics",
    "completionCondition",
    "script",
    "participantRef",
    "messageFlowRef",
    "participant",
    "messageFlow",
    "correlationKey",
    "conversationLink",
    "participantAssociation",
    "messageFlowAssociation",
    "eventDefinitionRef",
    "choreographyRef",
    "supportedInterfaceRef",
    "correlationPropertyBinding",
    "outMessageRef",
    "rendering",
}};

}  // namespace

std::optional<NodeKind> flow_node(std::string_view element) {
  for (const auto& node : node_elements)
    if (node.name == element) return node.kind;
  return std::nullopt;
}

std::optional<EventKind> event_definition(std::string_view element) {
  for (const auto& definition : definitions)
    if (definition.name == element) return definition.kind;
  return std::nullopt;
}

bool is_activity(NodeKind kind) {
  return kind <= NodeKind::ad_hoc;
}

bool is_event(NodeKind kind) {
  return kind >= NodeKind::start_event && kind <= NodeKind::boundary_event;
}

bool is_gateway(NodeKind kind) {
  return kind >= NodeKind::exclusive_gateway;
}

bool opens_scope(NodeKind kind) {
  return kind == NodeKind::sub_process || kind == NodeKind::event_sub_process || kind == NodeKind::transaction ||
         kind == NodeKind::ad_hoc;
}

bool is_known_aside(std::string_view element) {
  return std::find(asides.begin(), asides.end(), element) != asides.end();
}

bool is_bpmn_namespace(std::string_view uri) {
  return uri == "http://www.omg.org/spec/BPMN/20100524/MODEL" || uri == "http://schema.omg.org/spec/BPMN/2.0" ||
         uri == "http://www.omg.org/spec/BPMN/2.0" || uri == "http://www.omg.org/spec/BPMN/20100501/MODEL" ||
         uri == "http://www.omg.org/bpmn20";
}

}  // namespace laban::monitor::bpmn
