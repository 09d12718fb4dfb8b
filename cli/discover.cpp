// cli/discover.cpp - `laban discover`: what follows what in a recorded log, as JSON, a graph or a definition.
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "laban/error.hpp"
#include "monitor/core/discovery.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"
#include "monitor/edge/yaml/write_yaml.hpp"

namespace laban::cli {
namespace {

struct Settings {
  LogSettings log;
  std::string format = "json";
};

nlohmann::json json_of(const monitor::Discovery& found) {
  using nlohmann::json;
  json activities = json::object(), start = json::object(), end = json::object(), edges = json::array(),
       variants = json::array();
  for (std::uint32_t i = 0; i < found.activities().size(); ++i) {
    const std::string& name = found.activities()[i];
    activities[name] = found.count(i);
    if (found.starts(i) > 0) start[name] = found.starts(i);
    if (found.ends(i) > 0) end[name] = found.ends(i);
  }
  for (const auto& edge : found.edges())
    edges.push_back(
        {{"from", found.activities()[edge.from]}, {"to", found.activities()[edge.to]}, {"count", edge.count}});
  for (const auto& variant : found.variants()) {
    json names = json::array();
    for (const auto activity : variant.activities) names.push_back(found.activities()[activity]);
    variants.push_back({{"activities", std::move(names)}, {"count", variant.count}});
  }
  return {{"cases", found.cases()},         {"events", found.events()}, {"activities", std::move(activities)},
          {"start", std::move(start)},      {"end", std::move(end)},    {"edges", std::move(edges)},
          {"variants", std::move(variants)}};
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

void print_dot(const monitor::Discovery& found) {
  std::cout << "digraph log {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n";
  std::cout << "  start [shape=circle, label=\"\"];\n  end [shape=doublecircle, label=\"\"];\n";
  for (std::uint32_t i = 0; i < found.activities().size(); ++i)
    std::cout << "  a" << i << " [label=" << in_quotes(found.activities()[i] + "\n" + std::to_string(found.count(i)))
              << "];\n";
  for (std::uint32_t i = 0; i < found.activities().size(); ++i) {
    if (found.starts(i) > 0) std::cout << "  start -> a" << i << " [label=\"" << found.starts(i) << "\"];\n";
    if (found.ends(i) > 0) std::cout << "  a" << i << " -> end [label=\"" << found.ends(i) << "\"];\n";
  }
  for (const auto& edge : found.edges())
    std::cout << "  a" << edge.from << " -> a" << edge.to << " [label=\"" << edge.count << "\"];\n";
  std::cout << "}\n";
}

// The file's name as an id: letters, digits, dashes.
std::string id_of(const std::string& file) {
  std::string id;
  for (const char c : std::filesystem::path(file).filename().string()) {
    if (c == '.') break;
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    id += plain ? c : '-';
  }
  return id.empty() || !((id[0] >= 'a' && id[0] <= 'z') || (id[0] >= 'A' && id[0] <= 'Z')) ? "log-" + id : id;
}

void print_definition(const monitor::Discovery& found, const Settings& settings) {
  if (found.activities().empty())
    throw Error(Errc::malformed, settings.log.file + ": the log has no events: there is no process to draw");
  if (settings.format == "bpmn") {
    std::cout << monitor::write_bpmn(found.model(id_of(settings.log.file)));
    return;
  }
  std::vector<monitor::Finding> findings;
  const auto text = monitor::write_yaml(found.block_model(id_of(settings.log.file)), findings);
  if (!text) throw Error(Errc::malformed, "the process cannot be said in YAML: use --format bpmn");
  std::cout << *text;
}

int discover(const Settings& settings) {
  monitor::Discovery found(warn("laban discover"));
  read(settings.log, found);
  if (settings.format == "json")
    std::cout << json_of(found).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  else if (settings.format == "dot")
    print_dot(found);
  else
    print_definition(found, settings);
  return exit_ok;
}

void add_discover(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand(
      "discover", "The directly-follows graph of a recorded event log, or a definition drawn from it");
  command->footer("Example: laban discover orders.xes --format dot | dot -Tsvg > orders.svg");
  auto settings = std::make_shared<Settings>();
  add_log_options(*command, settings->log);
  command->add_option("--format", settings->format, "json, dot, bpmn or yaml")
      ->check(CLI::IsMember({"json", "dot", "bpmn", "yaml"}));
  command->callback([settings, &action] { action = [settings] { return discover(*settings); }; });
}

const Command command{add_discover};

}  // namespace
}  // namespace laban::cli
