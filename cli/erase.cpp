// cli/erase.cpp - `laban erase`: what a process instance's events say becomes unreadable.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.hpp"
#include "cli/hub_options.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"

namespace laban::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds look_every{100};

struct Settings {
  HubOptions hub;
  std::string instance;
  bool json = false;
};

// How many events, once it is done; nothing where a hub that was started again meanwhile no longer knows.
std::optional<std::uint64_t> wait_until_done(Model& model, const std::string& instance, bool show) {
  for (;;) {
    const auto said = json::parse(model.inspect("erasures"));
    const auto is_it = [&](const json& one) { return one["instance"] == instance; };
    if (std::none_of(said["underway"].begin(), said["underway"].end(), is_it)) {
      if (show) std::cerr << "\r\033[K";
      const auto& done = said["done"];
      const auto found = std::find_if(done.rbegin(), done.rend(), is_it);
      return found == done.rend() ? std::nullopt : std::optional{(*found)["events"].get<std::uint64_t>()};
    }
    if (show) {
      std::cerr << "\rlooked at " << (said["position"].get<std::uint64_t>() >> 20) << " of "
                << (said["end"].get<std::uint64_t>() >> 20) << " MiB" << std::flush;
    }
    std::this_thread::sleep_for(look_every);
  }
}

int erase(const Settings& settings) {
  Model model{settings.hub.address, settings.hub.wait()};
  model.erase(settings.instance);
  const auto events = wait_until_done(model, settings.instance, !settings.json && isatty(STDERR_FILENO) != 0);
  if (settings.json) {
    const nlohmann::ordered_json said{{"instance", settings.instance}, {"events", events ? json(*events) : json()}};
    std::cout << said.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  } else if (events && *events > 0) {
    std::cout << "erased what " << *events << (*events == 1 ? " event" : " events") << " of " << settings.instance
              << " said\n";
  } else if (!events) {
    std::cout << "erased; how many events it were stands on laban.lost\n";
  }
  if (events && *events == 0) {
    std::cerr << "laban erase: the log has no event of " << settings.instance
              << ": give a process instance (correlationid); what monitors kept of its text is erased all the same\n";
    return exit_not_so;
  }
  return exit_ok;
}

void add_erase(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("erase", "Makes what a process instance's events say unreadable, for good");
  command->footer(
      "Example: laban erase order-1017\n\n"
      "Payload and subject of every event whose process instance (correlationid) it is are overwritten in the hub's "
      "log:\n"
      "queues, replays, late readers and monitors get the events without them, marked as erased. That the events "
      "were,\n"
      "their offsets, types, times, ids, keys and headers stay, and so do the monitor's verdicts. It can't be undone; "
      "a\n"
      "crash of the hub only delays it. What is published of the instance afterwards is not erased: do it again.\n\n"
      "Not erased, because nobody but you can reach it: backups that were taken before (erase again where one is\n"
      "restored), what consumers have received and keep in their own databases, a key that a definition takes from a\n"
      "payload's field (it is the instance's name in the monitor), and what file systems and disks keep of freed "
      "blocks.");
  auto settings = std::make_shared<Settings>();
  command->add_option("INSTANCE", settings->instance, "The process instance, as in correlationid")->required();
  command->add_flag("--json", settings->json, "One JSON document");
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] { action = [settings] { return erase(*settings); }; });
}

const Command command{add_erase};

}  // namespace
}  // namespace laban::cli
