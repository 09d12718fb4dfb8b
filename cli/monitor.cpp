// cli/monitor.cpp - `laban monitor`: the process monitor, its dashboard, its API and its metrics on one address.
#include "monitor/monitor.hpp"

#include <iostream>
#include <memory>
#include <mutex>

#include "bus/codec/payload_json.hpp"
#include "cli/command.hpp"
#include "laban/error.hpp"
#include "laban/stop.hpp"
#include "monitor/core/duration.hpp"

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

monitor::Retention retention_of(const std::vector<std::string>& keep, std::uint64_t bytes) {
  monitor::Retention out;
  for (const auto& word : keep) {
    const auto sign = word.rfind('=');
    const auto span = monitor::parse_duration(word.substr(sign == std::string::npos ? 0 : sign + 1));
    if (!span || *span < std::chrono::seconds{1} || sign == 0)
      throw Error(Errc::usage, "--keep " + word + " is no span of time: use 30d, 12h or PROCESS=7d");
    if (sign == std::string::npos) {
      out.age = *span;
    } else {
      out.by_definition[word.substr(0, sign)] = *span;
    }
  }
  if (bytes > 0) out.bytes = bytes;
  return out;
}

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
  auto keep = std::make_shared<std::vector<std::string>>();
  command->add_option("--keep", *keep,
                      "How long ended instances are kept, as 30d, or PROCESS=7d for one process; by default for ever");
  auto size = std::make_shared<std::uint64_t>(0);
  command
      ->add_option("--keep-size", *size,
                   "About how large the store may grow before the oldest ended instances go, as 20GB")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--web", options->web, "Read the dashboard's files from this directory, for work on it");
  command->callback([options, keep, size, &action] {
    options->retention = retention_of(*keep, *size);
    action = [options] { return run_monitor(*options); };
  });
}

const Command command{add_monitor};

}  // namespace
}  // namespace laban::cli
