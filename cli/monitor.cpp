// cli/monitor.cpp - `laban monitor`: the process monitor, its dashboard, its API and its metrics on one address.
#include "monitor/monitor.hpp"

#include <iostream>
#include <memory>
#include <mutex>

#include "bus/codec/payload_json.hpp"
#include "cli/command.hpp"
#include "laban/stop.hpp"

namespace laban::cli {
namespace {

// Payloads of the types that this program was built with.
class Decoder {
 public:
  Decoder() { codec::add_known_types(types_); }
  std::optional<std::string> operator()(std::string_view dataschema, std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    return types_.to_json(dataschema, {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  }

 private:
  std::mutex mutex_;
  codec::PayloadTypes types_;
};

int run_monitor(monitor::MonitorOptions options) {
  const auto stop = stop_on_signal();
  options.say = [](const std::string& line) { std::cerr << "laban monitor: " << line << '\n'; };
  options.version = LABAN_VERSION;
  options.decoder = [decoder = std::make_shared<Decoder>()](std::string_view dataschema, std::string_view bytes) {
    return (*decoder)(dataschema, bytes);
  };
  monitor::Monitor monitor(std::move(options));
  std::cout << "monitor: " << monitor.address() << std::endl;
  monitor.wait(stop);
  return exit_ok;
}

void add_monitor(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("monitor", "The process monitor: dashboard, API and /metrics on one address");
  command->footer("Example: laban monitor --definitions services/processes --data monitor-data");
  auto options = std::make_shared<monitor::MonitorOptions>();
  command
      ->add_option("--definitions", options->definitions,
                   "Directory of .bpmn and .yaml files; changed files are noticed")
      ->capture_default_str();
  command->add_option("--data", options->data, "Directory of what the monitor keeps")->capture_default_str();
  command->add_option("--http", options->http, "Address of dashboard, API and /metrics")->capture_default_str();
  command->add_option("--hub", options->hub.endpoint, "The hub")->envname("LABAN_HUB");
  command->add_option("--key", options->hub.key_file, "File with this program's CURVE key pair")->envname("LABAN_KEY");
  command->add_option("--server-key", options->hub.server_key, "The hub's public CURVE key")
      ->envname("LABAN_SERVER_KEY");
  command->add_flag("--insecure", options->insecure,
                    "May listen where others can reach it; there is no authentication");
  command->add_flag("!--no-step-durations", options->step_durations,
                    "Leave the histogram of each step out of /metrics");
  command->add_option("--web", options->web, "Read the dashboard's files from this directory, for work on it");
  command->callback([options, &action] { action = [options] { return run_monitor(*options); }; });
}

const Command command{add_monitor};

}  // namespace
}  // namespace laban::cli
