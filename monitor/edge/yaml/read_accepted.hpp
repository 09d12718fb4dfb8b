// monitor/edge/yaml/read_accepted.hpp - reads accepted.yaml: which deviations are let pass, and why.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/acceptance.hpp"
#include "monitor/core/process_model.hpp"

namespace laban::monitor {

// Never throws for what the file holds. Threads: any. Errors: as findings; with one there are no rules.
std::vector<Acceptance> read_accepted(const std::string& text, const std::string& file, std::vector<Finding>& findings);

}  // namespace laban::monitor
