// monitor/definitions.cpp - reads a definition from a file, whatever its form.
#include "monitor/definitions.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "monitor/core/source_text.hpp"
#include "monitor/edge/bpmn/read_bpmn.hpp"
#include "monitor/edge/pnml/read_pnml.hpp"
#include "monitor/edge/yaml/mapping.hpp"
#include "monitor/edge/yaml/read_yaml.hpp"

namespace laban::monitor {
namespace {

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

constexpr std::string_view mapping_ending = ".mapping.yaml";

// Nothing where none is named and none lies beside the definition.
std::optional<MappingText> mapping_of(const std::filesystem::path& definition, const std::filesystem::path& named,
                                      std::vector<Finding>& findings) {
  const auto path = named.empty() ? mapping_beside(definition) : named;
  std::error_code error;
  if (named.empty() && !std::filesystem::exists(path, error)) return std::nullopt;
  return MappingText{read_bytes(path, TextLimits{}.bytes, findings), path.string()};
}

void map(const MappingText* mapping, DefinitionFile& file) {
  if (mapping == nullptr || has_errors(file.findings)) return;
  const Mapping read = read_mapping(mapping->bytes, mapping->file, file.findings);
  if (!has_errors(file.findings)) apply(read, file);
}

void map(const MappingText* mapping, PnmlFile& file) {
  if (mapping == nullptr || !file.net) return;
  const Mapping read = read_mapping(mapping->bytes, mapping->file, file.findings);
  if (!has_errors(file.findings)) apply(read, *file.net, file.findings);
  if (has_errors(file.findings)) file.net.reset();
}

}  // namespace

bool is_mapping(const std::filesystem::path& path) {
  return ends_with(path.filename().string(), mapping_ending);
}

std::filesystem::path mapping_beside(const std::filesystem::path& definition) {
  return definition.parent_path() / (definition.stem().string() + std::string{mapping_ending});
}

DefinitionForm form_of(const std::string& file, std::string_view bytes) {
  std::string name = file;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (ends_with(name, ".bpmn") || ends_with(name, ".bpmn2")) return DefinitionForm::bpmn;
  if (ends_with(name, ".yaml") || ends_with(name, ".yml")) return DefinitionForm::yaml;
  if (ends_with(name, ".pnml")) return DefinitionForm::pnml;
  const std::string_view beginning = bytes.substr(0, 4096);
  if (beginning.find("<pnml") != std::string_view::npos) return DefinitionForm::pnml;
  return beginning.find('<') < beginning.find(':') ? DefinitionForm::bpmn : DefinitionForm::yaml;
}

std::string read_bytes(const std::filesystem::path& path, std::size_t limit, std::vector<Finding>& findings) {
  const auto refuse = [&](const std::string& why) {
    findings.push_back({{path.string(), 0, 0}, Severity::error, "unreadable", why});
    return std::string{};
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return refuse("there is no such file: check the path");
  if (std::filesystem::is_directory(status)) return refuse("this is a directory: name a file in it");
  if (!std::filesystem::is_regular_file(status)) return refuse("this is no plain file: copy it into one");
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > limit)
    return refuse("the file has " + std::to_string(size) + " bytes, the limit is " + std::to_string(limit) +
                  ": split it");
  std::ifstream in{path, std::ios::binary};
  if (!in) return refuse(std::string{"it cannot be opened ("} + std::strerror(errno) + "): check its permissions");
  std::string bytes(static_cast<std::size_t>(error ? 0 : size), '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad()) return refuse("reading it failed: check the disk");
  return bytes;
}

DefinitionFile read_definition(std::string_view bytes, const std::string& file, Participants participants,
                               const MappingText* mapping) {
  DefinitionFile out;
  const auto form = form_of(file, bytes);
  if (form == DefinitionForm::pnml) {
    out.findings.push_back({{file, 1, 1}, Severity::error, "form", "a PNML file is a net, not a process model"});
    return out;
  }
  out = form == DefinitionForm::bpmn ? read_bpmn(bytes, file, {}, participants) : read_yaml(bytes, file);
  map(mapping, out);
  return out;
}

DefinitionFile read_definition(const std::filesystem::path& path, Participants participants,
                               const std::filesystem::path& mapping) {
  DefinitionFile out;
  const std::string bytes = read_bytes(path, TextLimits{}.bytes, out.findings);
  const auto map_text = mapping_of(path, mapping, out.findings);
  if (has_errors(out.findings)) return out;
  return read_definition(bytes, path.string(), participants, map_text ? &*map_text : nullptr);
}

LoadedFile load_definitions(std::string_view bytes, const std::string& file, const AutomatonLimits& limits,
                            Participants participants, const MappingText* mapping) {
  LoadedFile out;
  if (form_of(file, bytes) == DefinitionForm::pnml) {
    PnmlFile read = read_pnml(bytes, file);
    map(mapping, read);
    out.findings = std::move(read.findings);
    const std::string id = std::filesystem::path(file).stem().string();
    if (read.net) out.definitions.push_back(Definition::of(std::move(*read.net), id, limits));
    return out;
  }
  DefinitionFile read = read_definition(bytes, file, participants, mapping);
  out.findings = std::move(read.findings);
  if (has_errors(out.findings)) return out;
  for (ProcessModel& model : read.models)
    out.definitions.push_back(Definition::of(std::move(model), out.findings, limits));
  return out;
}

LoadedFile load_definitions(const std::filesystem::path& path, const AutomatonLimits& limits, Participants participants,
                            const std::filesystem::path& mapping) {
  LoadedFile out;
  const std::string bytes = read_bytes(path, TextLimits{}.bytes, out.findings);
  const auto map_text = mapping_of(path, mapping, out.findings);
  if (has_errors(out.findings)) return out;
  return load_definitions(bytes, path.string(), limits, participants, map_text ? &*map_text : nullptr);
}

// True only if all are, false if one is not.
static void join(std::optional<bool>& all, std::optional<bool> one, bool first) {
  if (first)
    all = one;
  else if (all && !(one && *one))
    all = all == false ? all : one;
  else if (!all && one == false)
    all = false;
}

CheckedFile check_definition(const std::filesystem::path& path, const SoundnessLimits& limits,
                             const std::filesystem::path& mapping) {
  CheckedFile out;
  const std::string bytes = read_bytes(path, TextLimits{}.bytes, out.read.findings);
  const auto map_text = mapping_of(path, mapping, out.read.findings);
  if (has_errors(out.read.findings)) return out;
  const auto look_at = [&](const Net& net, const ProcessModel* model, bool first) {
    const SoundnessReport report = check_soundness(net, model, limits);
    for (Finding& finding : findings_of(report, model)) {
      if (finding.at.file.empty()) finding.at.file = path.string();
      out.read.findings.push_back(std::move(finding));
    }
    join(out.sound, report.sound, first);
    for (const Step& step : net.steps) {
      out.step_at.push_back(model != nullptr ? model->nodes[step.node].at : Location{path.string(), 0, 0});
      out.steps.push_back(step);
    }
  };
  if (form_of(path.string(), bytes) == DefinitionForm::pnml) {
    PnmlFile pnml = read_pnml(bytes, path.string());
    map(map_text ? &*map_text : nullptr, pnml);
    out.read.findings = std::move(pnml.findings);
    if (!pnml.net) return out;
    out.read.element_counts["place"] = static_cast<std::uint32_t>(pnml.net->places.size());
    out.read.element_counts["transition"] = static_cast<std::uint32_t>(pnml.net->transitions.size());
    look_at(*pnml.net, nullptr, true);
    return out;
  }
  out.read = read_definition(bytes, path.string(), Participants::joined, map_text ? &*map_text : nullptr);
  if (has_errors(out.read.findings)) return out;
  bool first = true;
  for (const ProcessModel& model : out.read.models) {
    const Net net = compile(model, out.read.findings);
    out.read.approximate |= net.approximate;
    look_at(net, &model, first);
    first = false;
  }
  return out;
}

}  // namespace laban::monitor
