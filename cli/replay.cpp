// cli/replay.cpp - `laban replay`: a recorded log against a definition, without a bus, through the engine of the monitor.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "laban/error.hpp"
#include "monitor/core/replay.hpp"
#include "monitor/definitions.hpp"

namespace laban::cli {
namespace {

constexpr std::size_t most_shown = 10;  // deviating traces on a terminal

struct Settings {
  LogSettings log;
  std::string definition;
  std::string process;
  std::string mapping;
  bool json = false;
};

std::string dump(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string text_of(const monitor::Finding& finding) {
  std::string text = finding.at.file;
  if (finding.at.line > 0) text += ':' + std::to_string(finding.at.line) + ':' + std::to_string(finding.at.column);
  return text + ": " + finding.message;
}

bool is_called(const monitor::Definition& definition, const std::string& name) {
  return definition.id() == name || definition.model().name == name;
}

// The file's processes; the participants of its collaborations apart where it is one of these that is asked for.
monitor::LoadedFile load_file(const Settings& settings) {
  const std::filesystem::path path{settings.definition};
  auto loaded = monitor::load_definitions(path, {}, monitor::Participants::joined, settings.mapping);
  const auto& all = loaded.definitions;
  const bool found = settings.process.empty() || std::any_of(all.begin(), all.end(), [&](const auto& definition) {
                       return is_called(*definition, settings.process);
                     });
  if (found) return loaded;
  auto apart = monitor::load_definitions(path, {}, monitor::Participants::apart, settings.mapping);
  return apart.definitions.size() > all.size() ? std::move(apart) : std::move(loaded);
}

std::unique_ptr<monitor::Definition> load(const Settings& settings) {
  auto loaded = load_file(settings);
  for (const auto& finding : loaded.findings)
    if (finding.severity == monitor::Severity::error) throw Error(Errc::malformed, text_of(finding));
  if (loaded.definitions.empty())
    throw Error(Errc::malformed, settings.definition + ": no process in it: name a file with one");
  std::string ids;
  std::size_t chosen = loaded.definitions.size(), most = 0;
  for (std::size_t i = 0; i < loaded.definitions.size(); ++i) {
    const auto& definition = *loaded.definitions[i];
    ids += (i > 0 ? ", " : "") + definition.id();
    const bool named = is_called(definition, settings.process);
    if (!settings.process.empty() ? named : chosen == loaded.definitions.size() || definition.steps().size() > most) {
      chosen = i;
      most = definition.steps().size();
    }
  }
  if (chosen == loaded.definitions.size())
    throw Error(Errc::usage, settings.definition + ": no process '" + settings.process + "' in it: it has " + ids);
  if (settings.process.empty() && loaded.definitions.size() > 1)
    std::cerr << "laban replay: " << settings.definition << " has " << loaded.definitions.size() << " processes ("
              << ids << "); '" << loaded.definitions[chosen]->id() << "' is taken, another with --process\n";
  return std::move(loaded.definitions[chosen]);
}

nlohmann::json json_of(const monitor::CheckedTrace& trace) {
  nlohmann::json deviations = nlohmann::json::array();
  for (const auto& deviation : trace.deviations)
    deviations.push_back({{"kind", word(deviation.kind)},
                          {"event", deviation.event},
                          {"index", deviation.index},
                          {"missing", deviation.missing},
                          {"expected", deviation.expected}});
  return {{"id", trace.id},
          {"verdict", word(trace.verdict)},
          {"ended", trace.ended},
          {"fit", trace.fit},
          {"deviations", std::move(deviations)}};
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) text += (i > 0 ? ", " : "") + names[i];
  return text;
}

std::string sentence(const monitor::Deviation& deviation) {
  std::string text = "event " + std::to_string(deviation.index) + " '" + deviation.event + "': ";
  text += word(deviation.kind);
  if (!deviation.missing.empty()) text += ", missing " + list(deviation.missing);
  return text + (deviation.expected.empty() ? "; nothing could come there" : "; expected " + list(deviation.expected));
}

void print_trace(const monitor::CheckedTrace& trace) {
  std::cout << "  " << trace.id << "\n";
  for (const auto& deviation : trace.deviations) std::cout << "    " << sentence(deviation) << "\n";
}

void print_totals(const monitor::ReplayTotals& totals, const monitor::Definition& definition, bool approximate) {
  using monitor::Verdict;
  std::cout << totals.cases << " traces, " << totals.events << " events against '"
            << (definition.model().name.empty() ? definition.id() : definition.model().name) << "': " << totals.fit
            << " fit, " << totals.verdict[static_cast<std::size_t>(Verdict::conforming)] << " conforming, "
            << totals.verdict[static_cast<std::size_t>(Verdict::deviating)] << " deviating\n";
  bool first = true;
  for (std::size_t kind = 0; kind < monitor::deviation_kinds; ++kind) {
    if (totals.deviations[kind] == 0) continue;
    std::cout << (first ? "deviations: " : ", ") << word(static_cast<monitor::DeviationKind>(kind)) << ' '
              << totals.deviations[kind];
    first = false;
  }
  if (!first) std::cout << '\n';
  if (approximate) std::cout << "the definition is followed approximately: see laban check\n";
}

nlohmann::json json_of(const monitor::ReplayTotals& totals, bool approximate) {
  nlohmann::json deviations = nlohmann::json::object();
  for (std::size_t kind = 0; kind < monitor::deviation_kinds; ++kind)
    deviations[std::string(word(static_cast<monitor::DeviationKind>(kind)))] = totals.deviations[kind];
  return {{"cases", totals.cases},           {"events", totals.events},
          {"conforming", totals.verdict[0]}, {"deviating", totals.verdict[1]},
          {"incomplete", totals.verdict[2]}, {"fit", totals.fit},
          {"approximate", approximate},      {"deviations", std::move(deviations)}};
}

int replay(const Settings& settings) {
  const auto definition = load(settings);
  std::string instances;
  std::size_t shown = 0;
  const auto on_trace = [&](monitor::CheckedTrace&& trace) {
    if (settings.json) {
      if (!instances.empty()) instances += ',';
      instances += dump(json_of(trace));
    } else if (!trace.deviations.empty() && shown++ < most_shown) {
      print_trace(trace);
    }
  };
  monitor::Replay run(*definition, on_trace, warn("laban replay"));
  read(settings.log, run);
  const auto& totals = run.totals();
  const bool approximate = definition->automaton().approximate();
  if (settings.json) {
    std::string text = dump(json_of(totals, approximate));
    text.back() = ',';
    std::cout << text << "\"instances\":[" << instances << "]}\n";
  } else {
    if (shown > most_shown) std::cout << "  ... and " << shown - most_shown << " more: all with --json\n";
    print_totals(totals, *definition, approximate);
  }
  return totals.verdict[0] == totals.cases ? exit_ok : exit_not_so;
}

void add_replay(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("replay", "Checks a recorded event log against a definition, without a bus");
  command->footer("Example: laban replay orders.xes --definition order-fulfilment.bpmn");
  auto settings = std::make_shared<Settings>();
  add_log_options(*command, settings->log);
  command->add_option("--definition", settings->definition, "The process: .bpmn, .yaml or .pnml")->required();
  command->add_option("--process", settings->process, "Which one, where the file has several");
  command->add_option("--mapping", settings->mapping,
                      "Which events stand for its nodes; without it the NAME.mapping.yaml beside the definition");
  command->add_flag("--json", settings->json, "One JSON document");
  command->callback([settings, &action] { action = [settings] { return replay(*settings); }; });
}

const Command command{add_replay};

}  // namespace
}  // namespace laban::cli
