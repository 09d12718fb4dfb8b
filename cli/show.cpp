// cli/show.cpp - `laban show INSTANCE`: its verdict explained, its events, what is expected next, what is owed.
#include <iostream>
#include <memory>

#include "cli/command.hpp"
#include "cli/monitor_client.hpp"
#include "cli/table.hpp"

namespace laban::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string monitor;
  std::string instance;
  bool json = false;
};

std::string text_of(const Json& row, const char* name) {
  const auto found = row.find(name);
  return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void list(const char* title, const Json& names) {
  if (names.empty()) return;
  std::cout << title;
  const char* sign = ": ";
  for (const auto& name : names) {
    std::cout << sign << name.get<std::string>();
    sign = ", ";
  }
  std::cout << '\n';
}

void print(const Json& shown) {
  std::cout << text_of(shown, "id") << " of " << text_of(shown, "definition") << " version "
            << text_of(shown, "version") << '\n'
            << text_of(shown, "explanation") << "\n\n";
  std::vector<std::vector<std::string>> rows{{"TIME", "AFTER", "EVENT", "STEP", "SOURCE", "OFFSET"}};
  std::string before;
  for (const auto& event : shown.at("events")) {
    const std::string time = text_of(event, "recordedtime");
    const std::string step = text_of(event, "step");
    rows.push_back({time, before.empty() ? "" : "+" + time_between(before, time), text_of(event, "type"),
                    step.empty() ? "-" : step, text_of(event, "source"), event.at("offset").dump()});
    before = time;
  }
  std::cout << table(rows) << '\n';
  for (const auto& deviation : shown.at("deviations"))
    std::cout << text_of(deviation, "kind") << ": " << text_of(deviation, "explanation") << '\n';
  list("expected next", shown.at("expected"));
  const Json& compensation = shown.at("compensation");
  list("undone", compensation.at("undone"));
  list("still to be undone", compensation.at("owed"));
}

int show(const Settings& settings) {
  const auto answer = ask_monitor(settings.monitor, "/api/v1/instances/" + escaped(settings.instance));
  if (!answer) {
    std::cerr << "laban show: no instance is called " << settings.instance << ": see laban ps\n";
    return exit_not_so;
  }
  if (settings.json) {
    std::cout << answer->dump() << '\n';
  } else {
    print(*answer);
  }
  return exit_ok;
}

void add_show(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("show", "One process instance: verdict, events, what is expected next");
  command->footer("Example: laban show order-17");
  auto settings = std::make_shared<Settings>();
  add_monitor_option(*command, settings->monitor);
  command->add_option("INSTANCE", settings->instance, "Its id: KEY, DEFINITION:KEY or DEFINITION:KEY~RUN")->required();
  command->add_flag("--json", settings->json, "One JSON document");
  command->callback([settings, &action] { action = [settings] { return show(*settings); }; });
}

const Command command{add_show};

}  // namespace
}  // namespace laban::cli
