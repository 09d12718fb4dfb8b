// monitor/library.cpp - reading the directory of definitions.
#include "monitor/library.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "laban/error.hpp"
#include "monitor/core/source_text.hpp"
#include "monitor/definitions.hpp"
#include "monitor/edge/yaml/read_accepted.hpp"

namespace laban::monitor {
namespace {

bool is_definition(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  return !path.filename().string().starts_with(".") && !is_mapping(path) && path.filename() != "accepted.yaml" &&
         (ending == ".bpmn" || ending == ".yaml" || ending == ".yml");
}

// No text of a definition has it: not in UTF-8, nor in UTF-16.
constexpr std::string_view mapping_mark{"\0laban:mapping\0", 15};

std::string located(const Finding& finding) {
  std::string out = finding.at.file;
  if (finding.at.line > 0) out += ":" + std::to_string(finding.at.line) + ":" + std::to_string(finding.at.column);
  return out + ": " + finding.message;
}

std::string hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ull;
  char out[17];
  std::snprintf(out, sizeof out, "%08x", static_cast<unsigned>(hash ^ hash >> 32));
  return out;
}

// What a directory states twice, nobody can follow twice.
void refuse_doubles(const std::map<std::string, std::string>& file_of_id, const std::vector<LibraryEntry>& entries,
                    const std::string& file) {
  std::set<std::string> here;
  for (const auto& entry : entries) {
    const auto found = file_of_id.find(entry.model.id);
    if (found != file_of_id.end())
      throw Error(Errc::malformed, file + ": process " + entry.model.id + " is also in " + found->second +
                                       ": give one of them another id, or remove one of the files");
    if (!here.insert(entry.model.id).second)
      throw Error(Errc::malformed,
                  file + ": process " + entry.model.id + " stands in it twice: give one of them another id");
  }
}

}  // namespace

std::string text_with(const std::string& definition, const std::string& mapping) {
  return definition + std::string{mapping_mark} + mapping;
}

std::string_view definition_of(std::string_view text) {
  return text.substr(0, text.find(mapping_mark));
}

std::vector<LibraryEntry> entries_of(const std::string& text, const std::string& file, std::vector<std::string>& said) {
  const auto definition = definition_of(text);
  std::optional<MappingText> mapping;
  if (definition.size() < text.size())
    mapping = MappingText{text.substr(definition.size() + mapping_mark.size()), mapping_beside(file).string()};
  DefinitionFile read = read_definition(definition, file, Participants::joined, mapping ? &*mapping : nullptr);
  for (const auto& finding : read.findings) {
    if (finding.severity == Severity::error) throw Error(Errc::malformed, located(finding));
    if (finding.severity == Severity::warning) said.push_back(located(finding));
  }
  std::vector<LibraryEntry> out;
  for (auto& model : read.models) {
    if (model.version.empty()) model.version = hash_of(text);
    out.push_back({file, text, std::move(model)});
  }
  return out;
}

Library::Library(std::filesystem::path directory) : directory_(std::move(directory)) {}

LibraryChange Library::read() {
  std::error_code error;
  if (!std::filesystem::is_directory(directory_, error)) {
    throw Error(Errc::usage, "there is no directory " + directory_.string() +
                                 ": name one that holds .bpmn or .yaml files with --definitions");
  }
  LibraryChange out = load(true);
  if (out.entries.empty()) {
    throw Error(Errc::usage, "no definition is in " + directory_.string() +
                                 ": put a .bpmn or .yaml file there, or name another directory with --definitions");
  }
  return out;
}

Library::Seen Library::glance(const std::filesystem::path& path) const {
  std::error_code error;
  Seen seen;
  seen.time = std::filesystem::last_write_time(path, error);
  seen.size = std::filesystem::file_size(path, error);
  const auto mapping = mapping_beside(path);
  if (!std::filesystem::exists(mapping, error)) return seen;
  seen.mapping_time = std::filesystem::last_write_time(mapping, error);
  seen.mapping_size = std::filesystem::file_size(mapping, error);
  return seen;
}

bool Library::stale() const {
  std::error_code error;
  std::size_t there = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (!is_definition(entry.path())) continue;
    ++there;
    const auto known = files_.find(entry.path().filename().string());
    if (known == files_.end() || !known->second.same(glance(entry.path()))) return true;
  }
  return there != files_.size() || !accepted_seen_.same(glance(accepted_path()));
}

std::optional<LibraryChange> Library::look() {
  std::error_code error;
  if (!std::filesystem::is_directory(directory_, error) || !stale()) return std::nullopt;
  return load(false);
}

LibraryChange Library::load(bool strict) {
  LibraryChange out;
  std::map<std::string, Seen> now;
  std::error_code error;
  std::set<std::filesystem::path> paths, mappings;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (is_definition(entry.path())) paths.insert(entry.path());
    if (is_mapping(entry.path())) mappings.insert(entry.path());
  }
  for (const auto& path : paths) mappings.erase(mapping_beside(path));
  for (const auto& path : mappings)
    if (strict) out.said.push_back(path.string() + ": there is no definition of that name beside it: it maps nothing");
  // What stands in unchanged files comes first, so that no changed file takes it away from them.
  std::map<std::string, std::string> file_of_id;
  std::set<std::string> changed;
  for (const auto& path : paths) {
    const std::string name = path.filename().string();
    Seen seen = glance(path);
    const auto before = files_.find(name);
    if (before != files_.end()) seen.entries = before->second.entries;
    if (before == files_.end() || !before->second.same(seen))
      changed.insert(name);
    else
      for (const auto& entry : seen.entries) file_of_id.emplace(entry.model.id, name);
    now[name] = std::move(seen);
  }
  for (const auto& path : paths) {
    const std::string name = path.filename().string();
    Seen& seen = now[name];
    if (changed.contains(name)) {
      try {
        std::vector<Finding> findings;
        std::string text = read_bytes(path, TextLimits{}.bytes, findings);
        const auto mapping = mapping_beside(path);
        if (std::filesystem::exists(mapping, error))
          text = text_with(text, read_bytes(mapping, TextLimits{}.bytes, findings));
        for (const auto& finding : findings) throw Error(Errc::malformed, located(finding));
        auto entries = entries_of(text, strict ? path.string() : name, out.said);
        for (auto& entry : entries) entry.file = name;
        refuse_doubles(file_of_id, entries, strict ? path.string() : name);
        seen.entries = std::move(entries);
      } catch (const Error& refused) {
        if (strict) throw;
        out.refused.push_back(refused.what());
      }
    }
    for (const auto& entry : seen.entries) {
      const auto [owner, is_new] = file_of_id.emplace(entry.model.id, name);
      if (is_new || owner->second == name) out.entries.push_back(entry);
    }
  }
  files_ = std::move(now);
  load_accepted(strict, out);
  return out;
}

void Library::load_accepted(bool strict, LibraryChange& out) {
  std::error_code error;
  accepted_seen_ = glance(accepted_path());
  if (!std::filesystem::exists(accepted_path(), error)) {
    accepted_.clear();
  } else {
    std::vector<Finding> findings;
    const std::string text = read_bytes(accepted_path(), TextLimits{}.bytes, findings);
    const std::string name = strict ? accepted_path().string() : accepted_path().filename().string();
    auto rules = findings.empty() ? read_accepted(text, name, findings) : std::vector<Acceptance>{};
    if (findings.empty()) {
      accepted_ = std::move(rules);
    } else if (strict) {
      throw Error(Errc::malformed, located(findings.front()));
    } else {
      out.refused.push_back(located(findings.front()));
    }
  }
  out.accepted = accepted_;
}

}  // namespace laban::monitor
