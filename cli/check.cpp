// cli/check.cpp - `laban check`: what is right and wrong with definitions, one line a finding.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "monitor/definitions.hpp"

namespace laban::cli {
namespace {

using monitor::DefinitionFile;
using monitor::Finding;
using monitor::Severity;

struct Settings {
  std::vector<std::string> files;
  bool json = false;
};

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

int check(const Settings& settings) {
  int worst = exit_ok;
  for (const auto& file : settings.files) {
    const auto [read, sound] = monitor::check_definition(std::filesystem::path{file});
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
  command->add_flag("--json", settings->json, "A finding a line, then one line for each file");
  command->callback([settings, &action] { action = [settings] { return check(*settings); }; });
}

const Command command{add_check};

}  // namespace
}  // namespace laban::cli
