// cli/discover.cpp - `laban discover`: what follows what in a recorded log, as JSON, a graph or a definition.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "laban/error.hpp"
#include "monitor/core/discovery.hpp"

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

std::string quoted(const std::string& text) {
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
    std::cout << "  a" << i << " [label=" << quoted(found.activities()[i] + "\n" + std::to_string(found.count(i)))
              << "];\n";
  for (std::uint32_t i = 0; i < found.activities().size(); ++i) {
    if (found.starts(i) > 0) std::cout << "  start -> a" << i << " [label=\"" << found.starts(i) << "\"];\n";
    if (found.ends(i) > 0) std::cout << "  a" << i << " -> end [label=\"" << found.ends(i) << "\"];\n";
  }
  for (const auto& edge : found.edges())
    std::cout << "  a" << edge.from << " -> a" << edge.to << " [label=\"" << edge.count << "\"];\n";
  std::cout << "}\n";
}

int discover(const Settings& settings) {
  monitor::Discovery found(warn("laban discover"));
  read(settings.log, found);
  if (settings.format == "json")
    std::cout << json_of(found).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  else
    print_dot(found);
  return exit_ok;
}

void add_discover(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("discover", "The directly-follows graph of a recorded event log");
  command->footer("Example: laban discover orders.xes --format dot | dot -Tsvg > orders.svg");
  auto settings = std::make_shared<Settings>();
  add_log_options(*command, settings->log);
  command->add_option("--format", settings->format, "json or dot")->check(CLI::IsMember({"json", "dot"}));
  command->callback([settings, &action] { action = [settings] { return discover(*settings); }; });
}

const Command command{add_discover};

}  // namespace
}  // namespace laban::cli
