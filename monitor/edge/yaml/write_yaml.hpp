// monitor/edge/yaml/write_yaml.hpp - writes a process model in Laban's YAML form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

// The model as YAML, or nothing where it is not made of blocks. What the form cannot say is among the findings: an error
// where the process would mean something else, else a warning.
// Threads: any. Errors: as findings.
std::optional<std::string> write_yaml(const ProcessModel& model, std::vector<Finding>& findings);

}  // namespace laban::monitor
