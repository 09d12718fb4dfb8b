// monitor/definitions.hpp - reads a definition from a file, whatever its form.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

enum class DefinitionForm { bpmn, yaml, pnml };

// By the name's ending (.bpmn, .yaml, .yml, .pnml), else by the text itself.
DefinitionForm form_of(const std::string& file, std::string_view bytes);

// The file's bytes, at most `limit`; an error among the findings where it cannot be read, is no plain file or is larger.
std::string read_bytes(const std::filesystem::path& path, std::size_t limit, std::vector<Finding>& findings);

// The processes of a BPMN or YAML file.
// Threads: any. Errors: all as findings, also those of the file system; never throws for what the file holds.
DefinitionFile read_definition(const std::filesystem::path& path);
DefinitionFile read_definition(std::string_view bytes, const std::string& file);

}  // namespace laban::monitor
