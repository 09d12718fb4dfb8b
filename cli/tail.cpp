// cli/tail.cpp - `laban tail`: events as they pass, or since any point.
#include <unistd.h>

#include <iostream>
#include <limits>

#include "cli/command.hpp"
#include "cli/event_json.hpp"
#include "cli/hub_options.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"
#include "laban/stop.hpp"
#include "laban/subscriber.hpp"
#include "monitor/core/event_log.hpp"

namespace laban::cli {
namespace {

struct Settings {
  HubOptions hub;
  std::vector<std::string> patterns;
  std::string exchange;
  std::string from;
  std::uint64_t count = 0;
  bool json = false;
};

void set_start(SubscriptionOptions& options, const std::string& from) {
  using From = SubscriptionOptions::From;
  if (from.empty()) return;
  if (from == "first") {
    options.from = From::first;
  } else if (from.find_first_not_of("0123456789") == std::string::npos && from.size() < 20) {
    options.from = From::offset;
    options.offset = std::stoull(from);
  } else if (const auto time = monitor::parse_time(from)) {
    options.from = From::time;
    options.time = std::chrono::time_point_cast<std::chrono::nanoseconds>(*time);
  } else {
    throw Error(Errc::usage,
                "--from \"" + from + "\" is no start: give an offset, a time such as 2026-11-21T18:00:00Z, or first");
  }
}

int tail(const Settings& settings) {
  SubscriptionOptions options;
  if (!settings.patterns.empty()) options.patterns = settings.patterns;
  options.exchange = settings.exchange;
  set_start(options, settings.from);

  const auto signalled = stop_on_signal();
  EventPrinter printer{settings.hub.address, settings.hub.wait()};
  std::stop_source enough;
  const std::stop_callback on_signal{signalled, [&] { enough.request_stop(); }};

  Subscriber subscriber{{"laban-tail", settings.hub.address}};
  std::uint64_t seen = 0;
  subscriber.on_miss([](const Miss& miss) {
    std::cerr << "laban tail: offsets " << miss.from << " to " << miss.to << " are lost (" << miss.reason << ")\n";
  });
  subscriber.subscribe(options, [&](const Event& event) {
    if (enough.stop_requested()) return;
    std::cout << (settings.json ? dump(printer.json(event)) : printer.line(event)) << '\n';
    if (++seen == settings.count) enough.request_stop();
  });
  if (!subscriber.wait_until_ready(settings.hub.wait())) {
    throw Error(Errc::unreachable, "the hub did not accept the subscription in time: look at its log, or give --wait");
  }
  if (isatty(STDERR_FILENO) != 0 && !settings.json) std::cerr << "listening; end with Ctrl-C\n";
  while (!enough.stop_requested() && std::cout) {
    // Prints at once what came alone, and in one go what came together.
    if (subscriber.poll(std::chrono::milliseconds{0}) != 0) continue;
    std::cout.flush();
    if (enough.stop_requested()) break;
    subscriber.poll(std::chrono::milliseconds{200});
  }
  std::cout.flush();
  return exit_ok;
}

void add_tail(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("tail", "Prints events as they pass");
  command->footer(
      "Examples:\n"
      "  laban tail 'order.#' --from first --json\n"
      "  laban tail --count 1\n\n"
      "Without --exchange the patterns match routing keys on all exchanges; without a pattern everything comes.");
  auto settings = std::make_shared<Settings>();
  command->add_option("PATTERN", settings->patterns, "Topic patterns over routing keys: * is one word, # any number");
  command->add_option("--exchange", settings->exchange, "Only what was published there");
  command->add_option("--from", settings->from, "An offset, a time (2026-11-21T18:00:00Z) or first; now if not said")
      ->type_name("START");
  command->add_option("--count", settings->count, "Ends after so many events; 0 is never")->capture_default_str();
  command->add_flag("--json", settings->json, "A JSON object a line");
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] { action = [settings] { return tail(*settings); }; });
}

const Command command{add_tail};

}  // namespace
}  // namespace laban::cli
