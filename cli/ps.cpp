// cli/ps.cpp - `laban ps`: process instances, the stalest first.
#include <iostream>
#include <memory>

#include "cli/command.hpp"
#include "cli/monitor_client.hpp"
#include "cli/table.hpp"

namespace laban::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t page_size = 1000;

struct Settings {
  std::string monitor;
  std::string definition;
  std::string state;
  std::string flag;
  std::string verdict;
  std::string step;
  std::string sort;
  std::size_t count = 100;
  bool json = false;
};

std::string joined(const Json& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + item.get<std::string>();
  return out.empty() ? "-" : out;
}

std::string text_of(const Json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> cells(const Json& row) {
  const bool live = text_of(row, "endedAt").empty();
  Json notes = row.at("flags");
  if (text_of(row, "verdict") != "conforming") notes.push_back(row.at("verdict"));
  return {text_of(row, "id"),
          text_of(row, "definition"),
          text_of(row, "state"),
          joined(row.at("steps")),
          live ? time_between(text_of(row, "stepSince")) : "-",
          time_between(text_of(row, "startedAt"), text_of(row, "endedAt")),
          joined(notes)};
}

int ps(const Settings& settings) {
  Json all = Json::array();
  std::string cursor;
  Json page;
  do {
    const auto limit = std::to_string(std::min(page_size, settings.count - all.size()));
    const auto answer = ask_monitor(settings.monitor, "/api/v1/instances",
                                    {{"definition", settings.definition},
                                     {"state", settings.state},
                                     {"flag", settings.flag},
                                     {"verdict", settings.verdict},
                                     {"step", settings.step},
                                     {"sort", settings.sort},
                                     {"limit", limit},
                                     {"cursor", cursor}});
    if (!answer) {
      std::cerr << "laban ps: the monitor has no definition " << settings.definition << '\n';
      return exit_not_so;
    }
    page = *answer;
    for (auto& row : page.at("instances")) all.push_back(std::move(row));
    cursor = text_of(page, "next");
  } while (!cursor.empty() && all.size() < settings.count);
  page["instances"] = std::move(all);
  if (settings.json) {
    std::cout << page.dump() << '\n';
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows{{"INSTANCE", "PROCESS", "STATE", "LAST STEP", "SINCE", "AGE", "NOTES"}};
  for (const auto& row : page.at("instances")) rows.push_back(cells(row));
  std::cout << table(rows);
  const auto total = page.at("total").get<std::size_t>();
  if (total > page.at("instances").size())
    std::cout << "... and " << total - page.at("instances").size() << " more: --count N\n";
  return exit_ok;
}

void add_ps(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("ps", "Process instances, the stalest first");
  command->footer("Example: laban ps --state live --flag stuck");
  auto settings = std::make_shared<Settings>();
  add_monitor_option(*command, settings->monitor);
  command->add_option("--definition", settings->definition, "Only instances of this process");
  command->add_option("--state", settings->state,
                      "running, completed, failed, compensating, compensated, live or ended");
  command->add_option("--flag", settings->flag, "stuck or late");
  command->add_option("--verdict", settings->verdict, "conforming, deviating or incomplete");
  command->add_option("--step", settings->step, "Only those whose last step is this");
  command->add_option("--sort", settings->sort, "stalest (default), longest or newest");
  command->add_option("--count", settings->count, "As many at most")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  command->add_flag("--json", settings->json, "One JSON document");
  command->callback([settings, &action] { action = [settings] { return ps(*settings); }; });
}

const Command command{add_ps};

}  // namespace
}  // namespace laban::cli
