// monitor/definitions.hpp - reads a definition from a file, whatever its form.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/definition.hpp"
#include "monitor/core/process_model.hpp"
#include "monitor/core/soundness.hpp"
#include "monitor/edge/bpmn/read_bpmn.hpp"

namespace laban::monitor {

enum class DefinitionForm { bpmn, yaml, pnml };

// By the name's ending (.bpmn, .yaml, .yml, .pnml), else by the text itself.
DefinitionForm form_of(const std::string& file, std::string_view bytes);

// The file's bytes, at most `limit`; an error among the findings where it cannot be read, is no plain file or is larger.
std::string read_bytes(const std::filesystem::path& path, std::size_t limit, std::vector<Finding>& findings);

// A mapping file: the text, and what to call it in findings.
struct MappingText {
  std::string bytes;
  std::string file;
};

// NAME.mapping.yaml beside NAME.bpmn, NAME.yaml or NAME.pnml.
std::filesystem::path mapping_beside(const std::filesystem::path& definition);
bool is_mapping(const std::filesystem::path& path);

// The processes of a BPMN or YAML file, their nodes bound as the mapping says. Of a path, the mapping is the one that is
// named, else the one beside the definition, if there is one.
// Threads: any. Errors: all as findings, also those of the file system; never throws for what the file holds.
DefinitionFile read_definition(const std::filesystem::path& path, Participants participants = Participants::joined,
                               const std::filesystem::path& mapping = {});
DefinitionFile read_definition(std::string_view bytes, const std::string& file,
                               Participants participants = Participants::joined, const MappingText* mapping = nullptr);

// Every process of a file, ready to follow: what replay and the live monitor load. With an error among the findings
// there are none.
struct LoadedFile {
  std::vector<std::unique_ptr<Definition>> definitions;
  std::vector<Finding> findings;
};
LoadedFile load_definitions(const std::filesystem::path& path, const AutomatonLimits& limits = {},
                            Participants participants = Participants::joined,
                            const std::filesystem::path& mapping = {});
LoadedFile load_definitions(std::string_view bytes, const std::string& file, const AutomatonLimits& limits = {},
                            Participants participants = Participants::joined, const MappingText* mapping = nullptr);

// A file with all that can be said of it before it is used: syntax, mapping and soundness.
struct CheckedFile {
  DefinitionFile read;        // a PNML file has no models, its places and transitions are counted
  std::optional<bool> sound;  // of all its processes; none where it was not decided
  std::vector<Step> steps;    // of all its processes
  std::vector<Location> step_at;
};
CheckedFile check_definition(const std::filesystem::path& path, const SoundnessLimits& limits = {},
                             const std::filesystem::path& mapping = {});

}  // namespace laban::monitor
