// monitor/edge/yaml/mapping.hpp - which events stand for the nodes of a model that may not be touched, said in a file of
// its own. docs/definitions.md has the form.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/net.hpp"
#include "monitor/core/process_model.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor {

struct MappedNode {
  std::string node;  // its id or name
  Location at;
  std::vector<std::string> types;
  std::vector<std::string> publishers;
  std::string start_type;
  std::optional<std::chrono::milliseconds> deadline;
  std::optional<bool> expected;
  Location deadline_at;
};

struct Mapping {
  std::vector<MappedNode> nodes;
};

// What the text holds; errors are among the findings. Never throws for what the file holds.
// Threads: any, at the same time. Errors: as findings.
Mapping read_mapping(std::string_view bytes, const std::string& file, std::vector<Finding>& findings,
                     const TextLimits& limits = {});

// Binds the nodes of a file's models, or the steps of a net. An id goes before a name; a name binds all nodes that have it.
// A node that is not there, or that another line has bound already, is an error.
void apply(const Mapping& mapping, DefinitionFile& file);
void apply(const Mapping& mapping, Net& net, std::vector<Finding>& findings);

}  // namespace laban::monitor
