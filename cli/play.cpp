// cli/play.cpp - `laban play`: publishes a recorded event log on the bus, one process instance a trace.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.hpp"
#include "laban/activity.capnp.h"
#include "laban/bus.hpp"
#include "laban/stop.hpp"
#include "monitor/core/event_log.hpp"
#include "monitor/definitions.hpp"
#include "monitor/edge/xes/log_file.hpp"

namespace laban::cli {

using namespace std::chrono_literals;
using monitor::LogTime;

namespace {

constexpr const char* own_name = "laban-play";
constexpr std::size_t warnings_max = 20;

struct Settings {
  std::string log;
  std::string definition;
  double speed = 0;
  std::string exchange;
  monitor::LogColumns columns;
  HubAddress hub;
  bool json = false;
};

struct Recorded {
  std::size_t trace;
  std::string activity;
  std::string lifecycle;
  std::optional<LogTime> time;
};

std::string located(const monitor::Finding& finding) {
  std::string place = finding.at.file;
  if (finding.at.line > 0) place += ':' + std::to_string(finding.at.line) + ':' + std::to_string(finding.at.column);
  return place + ": " + finding.message;
}

// The whole log in memory, because traces of a file follow each other and instances of a bus overlap.
class Recording : public monitor::LogSink {
 public:
  void begin_trace(std::string_view id) override { traces_.emplace_back(id); }
  void event(const monitor::LogEvent& event) override {
    events_.push_back({traces_.size() - 1, std::string{event.activity}, std::string{event.lifecycle}, event.time});
  }
  void end_trace() override {}
  void warning(const monitor::Finding& finding) override {
    if (++warnings_ > warnings_max) return;
    std::cerr << "laban play: warning: " << located(finding) << '\n';
  }

  // As it happened: by time over all traces, in file order within a trace. File order where a time is missing.
  void put_in_order() {
    if (std::any_of(events_.begin(), events_.end(), [](const Recorded& event) { return !event.time; })) return;
    std::vector<LogTime> newest(traces_.size(), LogTime::min());
    for (auto& event : events_) {
      newest[event.trace] = std::max(newest[event.trace], *event.time);
      event.time = newest[event.trace];
    }
    std::stable_sort(events_.begin(), events_.end(),
                     [](const Recorded& a, const Recorded& b) { return *a.time < *b.time; });
    has_times_ = true;
  }

  const std::vector<Recorded>& events() const { return events_; }
  const std::string& trace(const Recorded& event) const { return traces_[event.trace]; }
  std::size_t traces() const { return traces_.size(); }
  std::size_t warnings() const { return warnings_; }
  bool has_times() const { return has_times_; }

 private:
  std::vector<std::string> traces_;
  std::vector<Recorded> events_;
  std::size_t warnings_ = 0;
  bool has_times_ = false;
};

// Which event types a definition names, and who may say them.
struct Named {
  std::string id;  // empty where the file has several processes
  std::map<std::string, std::string> publishers;
};

Named named_in(const std::string& file) {
  const auto definition = monitor::read_definition(std::filesystem::path{file});
  for (const auto& finding : definition.findings)
    if (finding.severity == monitor::Severity::error) throw Error(Errc::malformed, located(finding));
  Named named;
  if (definition.models.size() == 1) named.id = definition.models.front().id;
  for (const auto& model : definition.models)
    for (const auto& node : model.nodes)
      for (const auto& type : node.types)
        named.publishers.emplace(type, node.publishers.empty() ? std::string{} : node.publishers.front());
  return named;
}

NewEvent event_of(const Recording& recording, const Recorded& recorded, const Named& named,
                  const std::string& exchange) {
  const std::string& trace = recording.trace(recorded);
  Fact<schema::Activity> fact{std::string_view{trace}};
  fact->setName(recorded.activity);
  fact->setLifecycle(recorded.lifecycle);
  fact->setTrace(trace);
  const Timestamp time = recorded.time.value_or(Timestamp{});
  fact->setTime(time.time_since_epoch().count());
  auto event = fact.event();
  event.type = event.routingkey = recorded.activity;
  event.subject = trace;
  const auto publisher = named.publishers.find(recorded.activity);
  if (publisher != named.publishers.end()) event.source = publisher->second;
  // So that a monitor judges what it would pass over on a bus: an activity that the definition lacks.
  if (!named.id.empty()) event.headers.emplace_back("laban-definition", named.id);
  event.time = time;
  event.exchange = exchange;
  return event;
}

// Waits until it is time for the next one; false when told to stop.
bool wait_until(std::chrono::steady_clock::time_point due, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= due) return true;
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(due - now, 100ms));
  }
  return false;
}

int play(const Settings& settings) {
  const auto named = named_in(settings.definition);
  Recording recording;
  monitor::read_log(settings.log, settings.columns, recording);
  recording.put_in_order();
  if (settings.speed > 0 && !recording.has_times())
    throw Error(Errc::malformed, settings.log + " has events without a time: leave --speed out");

  BusOptions options;
  options.service = own_name;
  options.hub = settings.hub;
  Bus bus{options};
  std::uint64_t refused = 0;
  std::string reason;
  bus.on_confirm([&](const Confirm& confirm) {
    if (!confirm.refused) return;
    ++refused;
    reason = confirm.reason;
  });
  if (!bus.wait_until_connected(10s))
    throw Error(Errc::unreachable, "no hub answers: start one with laban hub, or say where it is with --hub");

  const auto stop = stop_on_signal();
  const bool show = ::isatty(STDERR_FILENO) != 0;
  const auto start = std::chrono::steady_clock::now();
  std::size_t played = 0;
  for (const auto& event : recording.events()) {
    if (stop.stop_requested()) break;
    if (settings.speed > 0) {
      const std::chrono::duration<double> later = *event.time - *recording.events().front().time;
      const auto due = start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(later / settings.speed);
      if (!wait_until(due, stop)) break;
    }
    bus.publish(event_of(recording, event, named, settings.exchange));
    if (++played % 1000 == 0 && show)
      std::cerr << '\r' << played << " of " << recording.events().size() << " events" << std::flush;
  }
  if (show && played >= 1000) std::cerr << '\n';
  if (!bus.flush(60s))
    throw Error(Errc::unreachable, "the hub has not confirmed everything after a minute: look whether it runs");
  if (refused > 0) std::cerr << "laban play: the hub refused " << refused << " events: " << reason << '\n';
  if (settings.json)
    std::cout << nlohmann::ordered_json{{"traces", recording.traces()},
                                        {"events", played - refused},
                                        {"refused", refused},
                                        {"warnings", recording.warnings()}}
                     .dump()
              << '\n';
  else
    std::cout << "played " << played - refused << " events of " << recording.traces() << " traces\n";
  return refused == 0 && played == recording.events().size() ? exit_ok : exit_not_so;
}

void add_play(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("play", "Publishes a recorded event log on the bus, one instance a trace");
  auto settings = std::make_shared<Settings>();
  command->add_option("LOG", settings->log, "an event log: XES or CSV, plain or gzip")->required();
  command->add_option("--definition", settings->definition, "the definition that will follow it: .bpmn, .yaml")
      ->required();
  command->add_option("--speed", settings->speed, "how many times faster than recorded; 0 is as fast as it goes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--exchange", settings->exchange, "where to publish; amq.topic");
  command->add_option("--case", settings->columns.case_id, "a CSV's column that names the trace")
      ->capture_default_str();
  command->add_option("--activity", settings->columns.activity, "a CSV's column that names the activity")
      ->capture_default_str();
  command->add_option("--time", settings->columns.time, "a CSV's column of the time")->capture_default_str();
  command->add_option("--separator", settings->columns.separator, "between a CSV's columns; found in the header");
  command->add_option("--hub", settings->hub.endpoint, "the hub's address")->envname("LABAN_HUB");
  command->add_option("--key", settings->hub.key_file, "this client's key pair")->envname("LABAN_KEY");
  command->add_option("--server-key", settings->hub.server_key, "the hub's public key")->envname("LABAN_SERVER_KEY");
  command->add_flag("--json", settings->json, "print one JSON document");
  command->footer("Example: laban play orders.xes --definition orders.bpmn --speed 100");
  command->callback([settings, &action] { action = [settings] { return play(*settings); }; });
}

const Command command{add_play};

}  // namespace

}  // namespace laban::cli
