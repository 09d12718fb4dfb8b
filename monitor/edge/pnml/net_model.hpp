// monitor/edge/pnml/net_model.hpp - a net as a process model, so that it can be drawn and written as BPMN or YAML.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"
#include "monitor/edge/pnml/read_pnml.hpp"

namespace laban::monitor {

// The model that accepts the same traces, or nothing and an error where the net is not a workflow net (one place to begin
// with, one to end in) with plain arcs in which a choice is free: transitions that share a place share all their places.
// Threads: any. Errors: as findings.
std::optional<ProcessModel> model_of(const PnmlFile& file, const std::string& name, std::vector<Finding>& findings);

}  // namespace laban::monitor
