// monitor/edge/yaml/read_yaml.cpp - reads definitions in Laban's YAML form.
#include "monitor/edge/yaml/read_yaml.hpp"

#include <algorithm>
#include <tuple>

#include "monitor/core/duration.hpp"
#include "monitor/edge/yaml/builder.hpp"
#include "monitor/edge/yaml/steps.hpp"
#include "monitor/edge/yaml/tree.hpp"

namespace laban::monitor {
namespace {

using yaml::Value;

const Value* field(const Value& map, std::string_view key) {
  for (const auto& [name, value] : map.fields)
    if (name.text == key) return &value;
  return nullptr;
}

void read_deadlines(const Value& deadlines, yaml::StepReader& reader) {
  if (!deadlines.is_list())
    return reader.error(deadlines.at, "not-a-list", "a list of `{from: …, to: …, within: …}` is wanted here");
  for (const auto& entry : deadlines.items) {
    const Value* from = field(entry, "from");
    const Value* to = field(entry, "to");
    const Value* within = field(entry, "within");
    if (!reader.known_keys(entry, {"from", "to", "within"})) continue;
    if (from == nullptr || to == nullptr || within == nullptr) {
      reader.error(entry.at, "half-a-deadline", "a deadline has `from:`, `to:` and `within:`");
      continue;
    }
    const auto limit = parse_duration(reader.text(*within));
    if (!limit)
      reader.error(within->at, "bad-duration",
                   in_quotes(within->text) + " is no duration: write 30s, 5m, 1h 30m or 2d");
    else
      reader.pair_deadline(*from, *to, *limit);
  }
}

void read_frame(const Value& document, ProcessModel& model, yaml::StepReader& reader) {
  for (const auto& [key, value] : document.fields) {
    if (key.text == "process") model.id = reader.text(value);
    if (key.text == "name") model.name = reader.text(value);
    if (key.text == "description") reader.text(value);
    if (key.text == "version") model.version = reader.text(value);
    if (key.text == "correlation") model.correlation = reader.text(value);
    if (key.text == "exchange") model.scope_exchange = reader.text(value);
    if (key.text == "scope") model.scope_patterns = reader.texts(value);
    if (key.text == "reruns") model.reruns = reader.truth(value);
    if (key.text == "within" && !(model.deadline = parse_duration(reader.text(value))))
      reader.error(value.at, "bad-duration", in_quotes(value.text) + " is no duration: write 30s, 5m, 1h 30m or 2d");
  }
  if (model.name.empty()) model.name = model.id;
}

void count(const ProcessModel& model, DefinitionFile& out) {
  for (const auto& node : model.nodes) out.element_counts[node.element]++;
}

void read_process(const Value& document, DefinitionFile& out, const TextLimits& limits) {
  ProcessModel model;
  model.at = document.at;
  yaml::ModelBuilder builder{model};
  yaml::StepReader reader{builder, out.findings, limits};
  if (!document.is_map())
    return reader.error(document.at, "not-a-definition", "a definition begins with `process: NAME` and has `steps:`");
  if (!reader.known_keys(document, {"process", "name", "version", "description", "correlation", "exchange", "scope",
                                    "within", "reruns", "deadlines", "steps", "on", "meanwhile"}))
    return;
  const Value* steps = field(document, "steps");
  if (field(document, "process") == nullptr || steps == nullptr)
    return reader.error(document.at, "not-a-definition", "a definition has `process: NAME` and `steps:`");
  read_frame(document, model, reader);

  const NodeIndex start = builder.add(NodeKind::start_event, "startEvent", "start", document.at);
  const auto open = reader.sequence(*steps, {{start, {}}});
  if (!open.empty()) builder.tie(open, builder.add(NodeKind::end_event, "endEvent", "completed", steps->at));
  if (const Value* handlers = field(document, "on")) reader.process_handlers(*handlers, true);
  if (const Value* handlers = field(document, "meanwhile")) reader.process_handlers(*handlers, false);
  if (const Value* deadlines = field(document, "deadlines")) read_deadlines(*deadlines, reader);
  reader.resolve();
  const bool expects = std::any_of(model.nodes.begin(), model.nodes.end(),
                                   [](const Node& node) { return node.shows == Shows::required; });
  if (!expects && !has_errors(out.findings))
    out.findings.push_back({steps->at, Severity::warning, "nothing-to-monitor",
                            "the process " + in_quotes(model.name) + " has no step: there is nothing to monitor"});
  count(model, out);
  out.models.push_back(std::move(model));
}

}  // namespace

DefinitionFile read_yaml(std::string_view bytes, const std::string& file, const TextLimits& limits) {
  DefinitionFile out;
  TextLimits own = limits;
  own.bytes = std::min(limits.bytes, yaml::largest_file);
  if (const auto refusal = size_refusal(bytes.size(), own, file)) {
    out.findings.push_back(*refusal);
    return out;
  }
  const std::string text = to_utf8(bytes, file, out.findings);
  const auto documents = yaml::parse_documents(text, file, out.findings);
  if (has_errors(out.findings)) return out;
  for (const auto& document : documents)
    if (!document.is_null() || documents.size() == 1) read_process(document, out, limits);
  if (documents.empty())
    out.findings.push_back(
        {{file, 1, 1}, Severity::error, "empty-file", "the file is empty: a definition has `process:` and `steps:`"});
  std::stable_sort(out.findings.begin(), out.findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
  });
  return out;
}

}  // namespace laban::monitor
