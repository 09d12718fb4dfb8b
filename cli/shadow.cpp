// cli/shadow.cpp - `laban shadow FILE`: what a changed definition would say of the instances that a monitor knows, before it
// is adopted. The monitor gives their events away as a log; they are followed here, so that it has no part in it.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "cli/monitor_client.hpp"
#include "cli/table.hpp"
#include "laban/error.hpp"
#include "monitor/core/replay.hpp"
#include "monitor/definitions.hpp"
#include "monitor/edge/xes/log_file.hpp"

namespace laban::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  std::string monitor;
  std::string file;
  std::string definition;
  std::string state;
  std::size_t count = 20;
  bool json = false;
};

// The monitor's answer on disk, removed with it: a log may be larger than memory.
class LogOnDisk {
 public:
  LogOnDisk() {
    std::string name = (std::filesystem::temp_directory_path() / "laban-shadow-XXXXXX.xes").string();
    const int file = ::mkstemps(name.data(), 4);
    if (file < 0) throw Error(Errc::storage, "no file can be made in " + name + ": check TMPDIR");
    ::close(file);
    path_ = name;
  }
  ~LogOnDisk() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  LogOnDisk(const LogOnDisk&) = delete;
  LogOnDisk& operator=(const LogOnDisk&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Difference {
  std::string instance, state, now, then, why;
};

// Follows each instance under the new definition and compares. What the monitor itself did not see whole stays incomplete.
class Shadow : public monitor::LogSink {
 public:
  Shadow(monitor::Definition& definition, std::size_t kept)
      : kept_(kept), replay_(definition, [this](monitor::CheckedTrace&& trace) { compare(std::move(trace)); }) {}

  void trace_attribute(std::string_view key, std::string_view value) override {
    if (key == "laban:verdict") now_ = value;
    if (key == "laban:state") state_ = value;
  }
  void begin_trace(std::string_view id) override { replay_.begin_trace(id); }
  void event(const monitor::LogEvent& event) override { replay_.event(event); }
  void end_trace() override { replay_.end_trace(); }
  void warning(const monitor::Finding&) override {}
  bool wants_times() const override { return false; }

  std::uint64_t instances = 0, changed = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> moves;  // from a verdict to a verdict
  std::vector<Difference> differences;

 private:
  void compare(monitor::CheckedTrace&& trace) {
    ++instances;
    std::string then(monitor::word(trace.verdict));
    if (now_ == "incomplete" && then == "deviating") then = now_;
    ++moves[{now_, then}];
    if (now_ == then) return;
    ++changed;
    if (differences.size() == kept_) return;
    std::string why;
    if (!trace.deviations.empty()) {
      const auto& first = trace.deviations.front();
      why = std::string(monitor::word(first.kind)) + " at " + first.event;
      for (const auto& missing : first.missing) why += (&missing == &first.missing.front() ? ": " : ", ") + missing;
    }
    differences.push_back({trace.id, state_, now_, then, why});
  }

  std::size_t kept_;
  std::string now_, state_;
  monitor::Replay replay_;
};

int shadow(const Settings& settings) {
  auto loaded = monitor::load_definitions(settings.file);
  for (const auto& finding : loaded.findings) {
    if (finding.severity == monitor::Severity::error)
      throw Error(Errc::malformed, finding.at.file + ":" + std::to_string(finding.at.line) + ":" +
                                       std::to_string(finding.at.column) + ": " + finding.message);
  }
  monitor::Definition* definition = nullptr;
  for (const auto& one : loaded.definitions)
    if (settings.definition.empty() ? loaded.definitions.size() == 1 : one->id() == settings.definition)
      definition = one.get();
  if (definition == nullptr)
    throw Error(Errc::usage,
                settings.file + (settings.definition.empty()
                                     ? " has several processes: name one with --definition"
                                     : " has no process " + settings.definition + ": name one that it has"));
  const LogOnDisk log;
  {
    std::ofstream out(log.path(), std::ios::binary);
    read_monitor(settings.monitor, "/api/v1/instances",
                 {{"definition", definition->id()}, {"state", settings.state}, {"sort", "newest"}, {"format", "xes"}},
                 [&](std::string_view piece) { out << piece; });
    if (!out.flush())
      throw Error(Errc::storage,
                  "the instances cannot be written to " + log.path().string() + ": check the disk, or TMPDIR");
  }
  Shadow found(*definition, settings.count);
  monitor::read_log(log.path(), {}, found);
  if (settings.json) {
    Json moves = Json::array(), rows = Json::array();
    for (const auto& [move, count] : found.moves)
      moves.push_back({{"now", move.first}, {"then", move.second}, {"count", count}});
    for (const auto& one : found.differences)
      rows.push_back(
          {{"id", one.instance}, {"state", one.state}, {"now", one.now}, {"then", one.then}, {"why", one.why}});
    std::cout << Json{{"definition", definition->id()},
                      {"instances", found.instances},
                      {"changed", found.changed},
                      {"verdicts", moves},
                      {"differences", rows}}
                     .dump()
              << '\n';
  } else {
    std::cout << found.instances << " instances of " << definition->id() << ", " << found.changed
              << " would be judged otherwise\n";
    for (const auto& [move, count] : found.moves)
      if (move.first != move.second)
        std::cout << "  " << count << ' ' << move.first << " now, " << move.second << " then\n";
    std::vector<std::vector<std::string>> rows{{"INSTANCE", "STATE", "NOW", "THEN", "FIRST DEVIATION"}};
    for (const auto& one : found.differences)
      rows.push_back({one.instance, one.state, one.now, one.then, one.why.empty() ? "-" : one.why});
    if (rows.size() > 1) std::cout << '\n' << table(rows);
    if (found.changed > found.differences.size())
      std::cout << "... and " << found.changed - found.differences.size() << " more: --count N\n";
  }
  return found.changed == 0 ? exit_ok : exit_not_so;
}

void add_shadow(CLI::App& program, std::function<int()>& action) {
  auto* command =
      program.add_subcommand("shadow", "What a changed definition would say of the instances that the monitor knows");
  command->footer("Example: laban shadow order-next.bpmn\nExits 1 where a verdict would change.");
  auto settings = std::make_shared<Settings>();
  add_monitor_option(*command, settings->monitor);
  command->add_option("FILE", settings->file, "The changed definition: .bpmn, .yaml or .pnml")->required();
  command->add_option("--definition", settings->definition, "The process, where the file has several");
  command->add_option("--state", settings->state, "Only instances in this state, as live or ended");
  command->add_option("--count", settings->count, "Instances to list")->capture_default_str();
  command->add_flag("--json", settings->json, "One JSON document");
  command->callback([settings, &action] { action = [settings] { return shadow(*settings); }; });
}

const Command command{add_shadow};

}  // namespace
}  // namespace laban::cli
