// cli/consume.cpp - `laban consume`: takes messages from a queue, prints and acknowledges them.
#include <algorithm>
#include <iostream>
#include <optional>

#include "cli/command.hpp"
#include "cli/event_json.hpp"
#include "cli/hub_options.hpp"
#include "laban/bus.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"
#include "laban/stop.hpp"

namespace laban::cli {
namespace {

using namespace std::chrono_literals;

struct Settings {
  HubOptions hub;
  std::string queue;
  std::vector<std::string> bindings;
  std::optional<std::uint64_t> count;
  bool json = false;
};

// Whoever declared the queue otherwise has a reason: it is declared only where it is missing.
void declare(const Settings& settings) {
  Model model{settings.hub.address, settings.hub.wait()};
  QueueSpec queue;
  queue.name = settings.queue;
  queue.passive = true;
  try {
    model.declare(queue);
  } catch (const Error& error) {
    if (error.code() != Errc::refused) throw;
    queue.passive = false;
    model.declare(queue);
  }
  for (const auto& text : settings.bindings) {
    const auto binding = parse_binding(text);
    model.bind({binding.exchange, settings.queue, {}, binding.pattern, {}});
  }
}

int consume(const Settings& settings) {
  for (const auto& binding : settings.bindings) parse_binding(binding);
  const auto signalled = stop_on_signal();
  declare(settings);
  if (settings.count == 0) return exit_ok;

  std::stop_source enough;
  const std::stop_callback on_signal{signalled, [&] { enough.request_stop(); }};
  EventPrinter printer{settings.hub.address, settings.hub.wait()};
  BusOptions options;
  options.service = "laban-consume";
  options.hub = settings.hub.address;
  Bus bus{options};
  ConsumeOptions queue;
  queue.queue = settings.queue;
  queue.declare = false;
  queue.prefetch = static_cast<std::uint32_t>(std::min<std::uint64_t>(settings.count.value_or(256), 256));
  std::uint64_t seen = 0;
  bus.consume(queue, [&](const Event& event, const Delivery& delivery) {
    if (settings.json) {
      auto json = printer.json(event);
      json["queue"] = settings.queue;
      json["attempts"] = delivery.attempts;
      json["redelivered"] = delivery.redelivered;
      std::cout << dump(json) << '\n';
    } else {
      std::cout << printer.line(event) << (delivery.redelivered ? "  (again)" : "") << '\n';
    }
    std::cout.flush();
    if (!std::cout) throw Error(Errc::storage, "standard output is closed");
    if (++seen == settings.count) enough.request_stop();
    return Verdict::acknowledge;
  });
  bus.run(enough.get_token());
  return exit_ok;
}

void add_consume(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("consume", "Takes messages from a queue and acknowledges them");
  command->footer(
      "Examples:\n"
      "  laban consume audit --bind amq.topic:order.# --count 10 --json\n"
      "  laban consume audit --bind amq.topic:# --count 0\n\n"
      "Declares the queue where it is missing. --count 0 only declares and binds.");
  auto settings = std::make_shared<Settings>();
  command->add_option("QUEUE", settings->queue, "The queue's name")->required();
  command->add_option("--bind", settings->bindings, "Binds the queue first; may be given several times")
      ->type_name("EXCHANGE:PATTERN")
      ->allow_extra_args(false);
  command->add_option("--count", settings->count, "Ends after so many messages; 0 only declares");
  command->add_flag("--json", settings->json, "A JSON object a line");
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] { action = [settings] { return consume(*settings); }; });
}

const Command command{add_consume};

}  // namespace
}  // namespace laban::cli
