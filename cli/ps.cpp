// cli/ps.cpp - `laban ps`: process instances, the stalest first.
#include <iostream>
#include <memory>

#include "cli/command.hpp"
#include "cli/monitor_client.hpp"
#include "cli/table.hpp"
#include "laban/error.hpp"

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
  std::string text;
  std::string at;
  std::string started_from, started_to, ended_from, ended_to;
  std::string format;
  std::size_t count = 0;  // 0: 100 in a table, all in a file
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

constexpr std::size_t count_default = 100;

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters filters(const Settings& settings) {
  return {{"definition", settings.definition},
          {"state", settings.state},
          {"flag", settings.flag},
          {"verdict", settings.verdict},
          {"step", settings.step},
          {"q", settings.text},
          {"startedFrom", settings.started_from},
          {"startedTo", settings.started_to},
          {"endedFrom", settings.ended_from},
          {"endedTo", settings.ended_to},
          {"sort", settings.sort},
          {"at", settings.at}};
}

int save(const Settings& settings) {
  Parameters asked = filters(settings);
  asked.emplace_back("format", settings.format);
  if (settings.count > 0) asked.emplace_back("limit", std::to_string(settings.count));
  read_monitor(settings.monitor, "/api/v1/instances", asked, [](std::string_view piece) { std::cout << piece; });
  std::cout << std::flush;
  if (!std::cout) throw Error(Errc::storage, "the output cannot be written: check where it goes");
  return exit_ok;
}

int ps(const Settings& settings) {
  if (!settings.format.empty()) return save(settings);
  const std::size_t count = settings.count == 0 ? count_default : settings.count;
  Json all = Json::array();
  std::string cursor;
  Json page;
  do {
    Parameters asked = filters(settings);
    asked.emplace_back("limit", std::to_string(std::min(page_size, count - all.size())));
    asked.emplace_back("cursor", cursor);
    const auto answer = ask_monitor(settings.monitor, "/api/v1/instances", asked);
    if (!answer) {
      std::cerr << "laban ps: the monitor has no definition " << settings.definition << '\n';
      return exit_not_so;
    }
    page = *answer;
    for (auto& row : page.at("instances")) all.push_back(std::move(row));
    cursor = text_of(page, "next");
  } while (!cursor.empty() && all.size() < count);
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
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
      ->default_str("100; all with --format");
  command->add_option("--text", settings->text, "Only those whose key or subject has words that begin with these");
  command->add_option("--at", settings->at, "As it was at this offset or time");
  command->add_option("--started-from", settings->started_from, "A time, as 2026-11-21T19:23:25Z");
  command->add_option("--started-to", settings->started_to, "A time, itself excluded");
  command->add_option("--ended-from", settings->ended_from, "A time");
  command->add_option("--ended-to", settings->ended_to, "A time, itself excluded");
  command->add_option("--format", settings->format, "All of them as a file: csv, json, or xes with their events")
      ->check(CLI::IsMember({"csv", "json", "xes"}));
  command->add_flag("--json", settings->json, "One JSON document");
  command->callback([settings, &action] { action = [settings] { return ps(*settings); }; });
}

const Command command{add_ps};

}  // namespace
}  // namespace laban::cli
