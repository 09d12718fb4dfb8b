// cli/hub.cpp - `laban hub`: the event bus, or the check of a log offline.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bus/hub/hub.hpp"
#include "bus/journal/verify.hpp"
#include "cli/command.hpp"
#include "laban/error.hpp"
#include "laban/stop.hpp"

namespace laban::cli {
namespace {

using namespace std::chrono_literals;

struct Settings {
  HubOptions hub;
  std::string sync = "group";
  double keep_for = 0;  // seconds
  std::string verify;
  std::string config;
  bool json = false;
};

// CLI11 reads such files for a program, not for a subcommand.
void read_config(CLI::App& command, const std::string& path) {
  const auto refuse = [&](const std::string& what) {
    throw Error{Errc::usage, path + ": " + what + ": see laban hub --help"};
  };
  try {
    for (const auto& item : CLI::ConfigINI{}.from_file(path)) {
      if (item.name == "++" || item.name == "--") continue;  // sections
      auto* option = item.parents.empty() ? command.get_option_no_throw("--" + item.name) : nullptr;
      if (option == nullptr || item.name == "config" || item.name == "help") {
        return refuse("there is no option '" + item.fullname() + "'");
      }
      if (!option->empty()) continue;
      if (option->get_expected_min() == 0) {
        option->add_result(option->get_flag_value(item.name, CLI::ConfigINI{}.to_flag(item)));
      } else {
        option->add_result(item.inputs);
      }
      option->run_callback();
    }
  } catch (const CLI::Error& error) {
    refuse(error.what());
  }
}

// Each client is three open files, and each shell gives a program few: as many as the system allows.
void raise_open_files() {
  constexpr rlim_t few = 4'096;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < few) {
    spdlog::warn("laban hub: no more than {} files may be open, which is about {} clients: raise the limit (ulimit -n)",
                 limit.rlim_cur, limit.rlim_cur / 3);
  }
}

int run_hub(Settings settings) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("hub"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  settings.hub.keep.age = std::chrono::seconds{static_cast<std::int64_t>(settings.keep_for)};
  settings.hub.sync = settings.sync == "off" ? SyncMode::off : SyncMode::group;
  raise_open_files();
  const auto stop = stop_on_signal();
  Hub hub{settings.hub};
  hub.start();
  spdlog::info("laban hub listens on {}{}, log in {}", hub.endpoint(),
               hub.http_address().empty() ? std::string{} : ", http://" + hub.http_address(), settings.hub.data);
  while (!stop.stop_requested() && !hub.wait_until_stopped(100ms)) continue;
  const auto failure = hub.failure();
  hub.stop();
  if (!failure.empty()) throw Error{Errc::storage, failure};
  return exit_ok;
}

int verify(const Settings& settings) {
  const bool show = !settings.json && isatty(STDERR_FILENO) != 0;
  const auto progress = [&](std::uint64_t bytes) {
    if (show) std::cerr << "\rchecked " << bytes / (1u << 20) << " MiB" << std::flush;
  };
  const auto report = journal::verify(journal::posix_file_system(), settings.verify, progress);
  if (show) std::cerr << '\r';
  if (settings.json) {
    const nlohmann::json damage = report.damage ? nlohmann::json{{"file", report.damage->file},
                                                                 {"byte", report.damage->byte},
                                                                 {"offset", report.damage->offset},
                                                                 {"what", report.damage->what}}
                                                : nlohmann::json(nullptr);
    const nlohmann::json document{{"logId", report.log_id},
                                  {"generation", report.generation},
                                  {"segments", report.segments},
                                  {"records", report.records},
                                  {"events", report.events},
                                  {"bytes", report.bytes},
                                  {"first", report.first_offset},
                                  {"head", report.head},
                                  {"tornBytes", report.torn_bytes},
                                  {"clean", report.clean},
                                  {"checkpoints", report.checkpoints},
                                  {"damage", damage}};
    std::cout << document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else if (report.damage) {
    std::cout << "damaged: " << report.damage->text() << '\n';
  } else {
    std::cout << "sound: " << report.events << " events, " << report.first_offset << " to " << report.head << ", "
              << report.records << " records in " << report.segments << " segments, " << report.bytes << " bytes";
    if (report.torn_bytes != 0) std::cout << "; an unfinished write of " << report.torn_bytes << " bytes at the end";
    std::cout << '\n';
  }
  return report.damage ? exit_not_so : exit_ok;
}

void add_hub(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("hub", "The event bus; or with --verify the check of a log");
  auto settings = std::make_shared<Settings>();
  auto& hub = settings->hub;
  hub.data = "laban-hub";
  command->add_option("--listen", hub.listen, "where clients connect, tcp://HOST:PORT or ipc://PATH; port 0 is any")
      ->capture_default_str();
  command->add_option("--feeds", hub.feeds, "where subscribers read; the next port, or any free one, if not given");
  command->add_option("--ingest", hub.ingest,
                      "where events come in that are neither stored nor confirmed; the port after that, if not given");
  command->add_flag("!--no-at-most-once", hub.at_most_once, "take no such events");
  command->add_option("--data", hub.data, "the log's directory")->capture_default_str();
  command->add_option("--http", hub.http, "metrics and read API, HOST:PORT; empty is none")->capture_default_str();
  command->add_option("--sync", settings->sync, "group: on the disk before a confirm; off: left to the system")
      ->check(CLI::IsMember({"group", "off"}))
      ->capture_default_str();
  const auto size = CLI::AsSizeValue{false};
  const auto duration = CLI::AsNumberWithUnit{
      std::map<std::string, double>{{"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}, {"w", 604'800}},
      CLI::AsNumberWithUnit::CASE_INSENSITIVE, "TIME"};
  auto& keep = hub.keep;
  command
      ->add_option(
          "--keep-bytes", keep.bytes,
          "drop the oldest log beyond about this size; 0 keeps everything. What queues hold and what a durable "
          "cursor has not read stays")
      ->transform(size)
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--keep-for", settings->keep_for, "drop what is older: 30d, 12h, 90s; 0 keeps everything")
      ->transform(duration)
      ->type_name("TIME")
      ->capture_default_str();
  command
      ->add_option("--keep-at-most", keep.bytes_at_most,
                   "beyond this size the log is dropped although a durable cursor wants it; 0 is never")
      ->transform(size)
      ->type_name("SIZE")
      ->capture_default_str();
  command
      ->add_option("--disk-free-min", hub.disk_free_min, "with less free disk publishing is refused, before it is full")
      ->transform(size)
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--segment-bytes", hub.segment_bytes, "of a file of the log; whole files are dropped")
      ->transform(size)
      ->type_name("SIZE")
      ->capture_default_str();
  command
      ->add_option("--key", hub.key_file, "the hub's CURVE key pair, made by laban keygen: connections are encrypted")
      ->type_name("FILE");
  command
      ->add_option("--access", hub.access_file,
                   "the clients' public keys and what each may publish, subscribe, consume and declare (JSON, see "
                   "docs/operating.md); nobody else may connect")
      ->type_name("FILE");
  command->add_flag("--insecure", hub.insecure, "listen beyond this machine without authentication");
  command
      ->add_option("--config", settings->config,
                   "read options from this file, one NAME=VALUE a line; what is said here counts more")
      ->type_name("FILE");
  command->add_option("--verify", settings->verify, "check every record of the log in this directory, and end");
  command->add_flag("--json", settings->json, "print the result of --verify as JSON");
  command->footer("Example: laban hub --data /var/lib/laban --listen tcp://127.0.0.1:5570");
  command->callback([settings, command, &action] {
    action = [settings, command] {
      if (!settings->config.empty()) read_config(*command, settings->config);
      return settings->verify.empty() ? run_hub(*settings) : verify(*settings);
    };
  });
}

const Command command{add_hub};

}  // namespace
}  // namespace laban::cli
