// monitor/edge/bpmn/write_bpmn.hpp - writes a process model as a BPMN 2.0 file that any modelling tool opens.
#pragma once

#include <string>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

// The model as BPMN 2.0 with its drawing; a model without one is laid out. What BPMN has no element for (event types,
// publishers, deadlines, outcomes) stands in attributes of the namespace urn:laban:bpmn, which read_bpmn() reads back.
// Threads: any. Errors: none.
std::string write_bpmn(const ProcessModel& model);

}  // namespace laban::monitor
