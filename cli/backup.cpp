// cli/backup.cpp - `laban backup`: a consistent copy of a running hub's log, on this machine.
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "bus/journal/verify.hpp"
#include "cli/command.hpp"
#include "cli/hub_options.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"

namespace laban::cli {
namespace {

struct Settings {
  HubOptions hub;
  std::string directory;
  bool json = false;
};

int backup(const Settings& settings) {
  const bool show = !settings.json && isatty(STDERR_FILENO) != 0;
  Model model{settings.hub.address, settings.hub.wait()};
  const auto report = model.backup(settings.directory, [&](std::uint64_t done, std::uint64_t all) {
    if (show) std::cerr << "\rcopied " << (done >> 20) << " of " << (all >> 20) << " MiB" << std::flush;
  });
  if (show) std::cerr << '\r';
  const auto verified = journal::verify(journal::posix_file_system(), settings.directory);
  if (verified.damage) {
    throw Error(Errc::storage, "the copy is not whole: " + verified.damage->text() +
                                   ": the log itself may be damaged, check it with `laban hub --verify`");
  }
  if (settings.json) {
    const nlohmann::ordered_json json{
        {"directory", settings.directory}, {"files", report.files}, {"bytes", report.bytes},
        {"first", verified.first_offset},  {"head", report.head},   {"logId", report.log_id},
        {"generation", report.generation}};
    std::cout << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    std::cout << "copied events " << verified.first_offset << " to " << report.head << " in " << report.files
              << " files, " << report.bytes << " bytes, checked; generation " << report.generation << '\n';
  }
  return exit_ok;
}

void add_backup(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("backup", "Copies a running hub's log, consistently, and checks the copy");
  command->footer(
      "Example: laban backup /backup/laban-2026-11-21\n\n"
      "The hub goes on meanwhile. `laban hub --data DIR` starts from the copy; it is a generation of its own, so that "
      "readers\n"
      "who had read further than it goes are told so.");
  auto settings = std::make_shared<Settings>();
  command->add_option("DIR", settings->directory, "An empty or missing directory on this machine")->required();
  command->add_flag("--json", settings->json, "One JSON document");
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] { action = [settings] { return backup(*settings); }; });
}

const Command command{add_backup};

}  // namespace
}  // namespace laban::cli
