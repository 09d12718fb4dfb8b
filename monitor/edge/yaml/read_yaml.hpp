// monitor/edge/yaml/read_yaml.hpp - reads definitions in Laban's YAML form. Start here; docs/definitions.md has the form.
#pragma once

#include <string>
#include <string_view>

#include "monitor/core/process_model.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor {

// The processes of a YAML file, one a document. Never throws for what the file holds.
// Threads: any, at the same time. Errors: as findings.
DefinitionFile read_yaml(std::string_view bytes, const std::string& file, const TextLimits& limits = {});

}  // namespace laban::monitor
