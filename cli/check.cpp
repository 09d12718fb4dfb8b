// cli/check.cpp - `laban check`: what is right and wrong with definitions, one line a finding.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "laban/error.hpp"
#include "monitor/core/coverage.hpp"
#include "monitor/definitions.hpp"

namespace laban::cli {
namespace {

using monitor::DefinitionFile;
using monitor::Finding;
using monitor::Severity;

struct Settings {
  std::vector<std::string> files;
  std::string mapping;
  std::string types;  // with commas between
  std::string log;
  bool json = false;
};

// The activities of a log, as event types.
class Activities : public monitor::LogSink {
 public:
  void begin_trace(std::string_view) override {}
  void event(const monitor::LogEvent& event) override {
    if (const auto found = seen_.find(event.activity); found != seen_.end()) return;
    if (seen_.size() == most)
      throw Error(Errc::malformed, "the log has more than " + std::to_string(most) +
                                       " activities: name the types that matter with --types");
    seen_.emplace(event.activity);
  }
  void end_trace() override {}
  void warning(const Finding&) override {}
  bool wants_times() const override { return false; }
  const std::set<std::string, std::less<>>& seen() const { return seen_; }

 private:
  static constexpr std::size_t most = 100'000;
  std::set<std::string, std::less<>> seen_;
};

std::vector<std::string> types_of(const Settings& settings) {
  Activities activities;
  if (!settings.log.empty()) {
    LogSettings log;
    log.file = settings.log;
    read(log, activities);
  }
  std::set<std::string> types(activities.seen().begin(), activities.seen().end());
  for (std::size_t from = 0; from < settings.types.size();) {
    const std::size_t comma = std::min(settings.types.find(',', from), settings.types.size());
    const std::string word = monitor::one_line(std::string_view{settings.types}.substr(from, comma - from));
    if (!word.empty()) types.insert(word);
    from = comma + 1;
  }
  return {types.begin(), types.end()};
}

const char* word(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::info:
      break;
  }
  return "info";
}

std::string dump(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void print(const Finding& finding, bool json) {
  if (json) {
    std::cout << dump({{"file", finding.at.file},
                       {"line", finding.at.line},
                       {"column", finding.at.column},
                       {"severity", word(finding.severity)},
                       {"id", finding.id},
                       {"message", finding.message}})
              << '\n';
  } else {
    std::cout << finding.at.file;
    if (finding.at.line > 0) std::cout << ':' << finding.at.line << ':' << finding.at.column;
    std::cout << ": " << word(finding.severity) << ": " << finding.message << " [" << finding.id << "]\n";
  }
}

void print_summary(const std::string& file, const DefinitionFile& read, std::optional<bool> sound, bool json) {
  if (json) {
    nlohmann::json nodes = nlohmann::json::object();
    for (const auto& [element, count] : read.element_counts) nodes[element] = count;
    std::cout << dump({{"file", file},
                       {"nodes", nodes},
                       {"sound", sound ? nlohmann::json(*sound) : nlohmann::json(nullptr)},
                       {"approximate", read.approximate}})
              << '\n';
    return;
  }
  std::size_t nodes = 0;
  for (const auto& [element, count] : read.element_counts) nodes += count;
  std::cout << file << ": " << read.models.size() << (read.models.size() == 1 ? " process, " : " processes, ") << nodes
            << " nodes, "
            << (!sound   ? "soundness not decided"
                : *sound ? "sound"
                         : "not sound")
            << (read.approximate ? ", followed approximately" : "") << '\n';
}

std::string maybe(const std::string& likely) {
  return likely.empty() ? std::string{} : ": is " + monitor::in_quotes(likely) + " meant?";
}

// What has no partner among the types, and the types that have none. False where a step that must show is among it, or a
// type.
bool compare(const monitor::CheckedFile& file, const std::string& name, const std::vector<std::string>& types,
             std::vector<Finding>& findings) {
  const auto found = monitor::coverage(file.steps, types);
  bool all = found.types.empty();
  for (const auto& one : found.steps) {
    const auto& step = file.steps[one.index];
    if (!step.required && one.likely.empty()) continue;  // need not show
    all = all && !step.required;
    findings.push_back({file.step_at[one.index], step.required ? Severity::warning : Severity::info, "unmapped-node",
                        "no event type matches " + monitor::in_quotes(step.name) +
                            (step.name == step.id ? "" : " (" + monitor::in_quotes(step.id) + ")") +
                            maybe(one.likely)});
  }
  for (const auto& one : found.types)
    findings.push_back({{name, 0, 0},
                        Severity::warning,
                        "unmapped-type",
                        "no node takes the event type " + monitor::in_quotes(types[one.index]) + maybe(one.likely)});
  return all;
}

int check(const Settings& settings) {
  int worst = exit_ok;
  const bool compares = !settings.types.empty() || !settings.log.empty();
  const auto types = types_of(settings);
  for (const auto& file : settings.files) {
    auto checked = monitor::check_definition(std::filesystem::path{file}, {}, settings.mapping);
    auto& [read, sound, steps, step_at] = checked;
    if (compares && !steps.empty() && !compare(checked, file, types, read.findings))
      worst = std::max(worst, exit_not_so);
    for (const auto& finding : read.findings) print(finding, settings.json);
    print_summary(file, read, sound, settings.json);
    if (sound == false)
      worst = std::max(worst, exit_not_so);
    else if (has_errors(read.findings))
      worst = exit_unusable;
  }
  return worst;
}

void add_check(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("check", "Syntax, mapping and soundness of definitions");
  command->footer("Example: laban check services/processes/order-fulfilment.bpmn");
  auto settings = std::make_shared<Settings>();
  command->add_option("FILE", settings->files, "Definitions: .bpmn, .yaml or .pnml")->required();
  command->add_option("--mapping", settings->mapping,
                      "Which events stand for its nodes; without it the NAME.mapping.yaml beside the definition");
  command->add_option("--types", settings->types,
                      "Event types, with commas: tells which find no node and which nodes none");
  command->add_option("--log", settings->log,
                      "The same with the activities of an event log: XES or CSV, plain or gzip");
  command->add_flag("--json", settings->json, "A finding a line, then one line for each file");
  command->callback([settings, &action] { action = [settings] { return check(*settings); }; });
}

const Command command{add_check};

}  // namespace
}  // namespace laban::cli
