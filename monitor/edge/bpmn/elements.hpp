// monitor/edge/bpmn/elements.hpp - which BPMN element is which kind of node, and which are known to be none.
#pragma once

#include <optional>
#include <string_view>

#include "monitor/core/process_model.hpp"

namespace laban::monitor::bpmn {

// The kind of a flow node by its element name; nothing where the element is no flow node.
std::optional<NodeKind> flow_node(std::string_view element);

// The kind of an event definition by its element name.
std::optional<EventKind> event_definition(std::string_view element);

bool is_activity(NodeKind kind);
bool is_event(NodeKind kind);
bool is_gateway(NodeKind kind);
bool opens_scope(NodeKind kind);

// An element that may stand in a process and says nothing about its flow: data, artifacts, documentation,
// resources.
bool is_known_aside(std::string_view element);

// A namespace of BPMN 2.0 or one of its drafts that tools still write.
bool is_bpmn_namespace(std::string_view uri);

}  // namespace laban::monitor::bpmn
