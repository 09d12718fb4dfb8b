// cli/model.cpp - `laban declare`, `bind`, `unbind`, `delete`, `redrive`: the AMQP model from the command line.
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/header_value.hpp"
#include "cli/hub_options.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"

namespace laban::cli {
namespace {

using Milliseconds = std::chrono::milliseconds;

struct Settings {
  HubOptions hub;
  ExchangeSpec exchange;
  QueueSpec queue;
  bool transient = false;
  bool passive = false;
  bool unkeyed = false;
  std::uint64_t message_ttl = 0, queue_ttl = 0, backoff = 0, backoff_max = 0, redelivery_timeout = 0;
  BindingSpec binding;
  std::vector<std::string> arguments;
  std::vector<std::string> bindings;
  std::string name;
  bool dry_run = false;
  std::uint32_t limit = 0;
  bool json = false;

  Model model() const { return Model{hub.address, hub.wait()}; }
};

using SharedSettings = std::shared_ptr<Settings>;

BindingSpec binding_of(const Settings& settings) {
  BindingSpec binding = settings.binding;
  for (const auto& argument : settings.arguments) {
    binding.arguments.push_back(parse_header(argument, "x-match=all"));
  }
  if (binding.queue.empty() == binding.to_exchange.empty()) {
    throw Error(Errc::usage, "a binding leads to one place: name a queue, or give --to-exchange");
  }
  return binding;
}

// Passive asks a question, whose answer may be no.
int declared(bool passive, const std::function<void()>& declare) {
  try {
    declare();
  } catch (const Error& error) {
    if (!passive || error.code() != Errc::refused) throw;
    std::cerr << "laban declare: " << error.what() << '\n';
    return exit_not_so;
  }
  return exit_ok;
}

int declare_exchange(Settings settings) {
  settings.exchange.durable = !settings.transient;
  settings.exchange.passive = settings.passive;
  return declared(settings.passive, [&] { settings.model().declare(settings.exchange); });
}

int declare_queue(Settings settings) {
  std::vector<BindingSpec> bindings;
  for (const auto& text : settings.bindings) {
    const auto binding = parse_binding(text);
    bindings.push_back({binding.exchange, settings.queue.name, {}, binding.pattern, {}});
  }
  settings.queue.durable = !settings.transient;
  settings.queue.keyed = !settings.unkeyed;
  settings.queue.message_ttl = Milliseconds{settings.message_ttl};
  settings.queue.queue_ttl = Milliseconds{settings.queue_ttl};
  settings.queue.backoff = Milliseconds{settings.backoff};
  settings.queue.backoff_max = Milliseconds{settings.backoff_max};
  settings.queue.redelivery_timeout = Milliseconds{settings.redelivery_timeout};
  settings.queue.passive = settings.passive;
  Model model{settings.hub.address, settings.hub.wait()};
  return declared(settings.passive, [&] {
    model.declare(settings.queue);
    for (const auto& binding : bindings) model.bind(binding);
  });
}

int redrive(const Settings& settings) {
  const auto report = settings.model().redrive(settings.name, settings.dry_run, settings.limit);
  if (settings.json) {
    std::cout << (report.empty() ? "{}" : report) << '\n';
    return exit_ok;
  }
  const auto json = nlohmann::json::parse(report, nullptr, false);
  if (json.is_object() && json.contains("messages") && json["messages"].is_number()) {
    std::cout << json["messages"]
              << (settings.dry_run ? " parked messages would go back\n" : " parked messages went back\n");
  } else {
    std::cout << report << '\n';
  }
  return exit_ok;
}

void add_declare(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("declare", "Declares an exchange or a queue; idempotent");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n"
      "  laban declare exchange shop --type topic --alternate laban.parking\n"
      "  laban declare queue audit --bind shop:order.# --delivery-limit 5\n\n"
      "Declared otherwise before, it is refused with the difference.");

  auto exchange = std::make_shared<Settings>();
  auto* one = command->add_subcommand("exchange", "Where publishers send to");
  one->footer("Example: laban declare exchange shop --type topic");
  one->add_option("NAME", exchange->exchange.name)->required();
  one->add_option("--type", exchange->exchange.type)
      ->check(CLI::IsMember({"direct", "fanout", "topic", "headers"}))
      ->capture_default_str();
  one->add_option("--alternate", exchange->exchange.alternate, "The exchange for what reaches nothing");
  one->add_flag("--transient", exchange->transient, "Gone after a restart of the hub");
  one->add_flag("--auto-delete", exchange->exchange.auto_delete, "Gone with its last binding");
  one->add_flag("--passive", exchange->passive, "Declares nothing: exit 1 where it is missing");
  add_hub_options(*one, exchange->hub);
  one->callback([exchange, &action] { action = [exchange] { return declare_exchange(*exchange); }; });

  auto queue = std::make_shared<Settings>();
  auto& spec = queue->queue;
  auto* other = command->add_subcommand("queue", "Where consumers take from");
  other->footer("Example: laban declare queue audit --bind amq.topic:order.#");
  other->add_option("NAME", spec.name)->required();
  other->add_option("--bind", queue->bindings, "Binds it; may be given several times")
      ->type_name("EXCHANGE:PATTERN")
      ->allow_extra_args(false);
  other->add_flag("--transient", queue->transient, "Gone after a restart of the hub");
  other->add_flag("--auto-delete", spec.auto_delete, "Gone with its last consumer");
  other->add_flag("--passive", queue->passive, "Declares nothing: exit 1 where it is missing");
  other->add_flag("--exclusive", spec.exclusive, "Of this connection alone");
  other->add_flag("--unkeyed", queue->unkeyed, "No order by key: several messages of a key at a time");
  other->add_flag("--single-active", spec.single_active, "One consumer at a time, the others stand by");
  other->add_option("--delivery-limit", spec.delivery_limit, "Failed attempts before parking; 0 is the hub's default");
  other->add_option("--messages-max", spec.messages_max, "0 is no limit");
  other->add_option("--bytes-max", spec.bytes_max, "0 is no limit");
  other->add_option("--overflow", spec.overflow, "What a full queue does")
      ->check(CLI::IsMember({"refuse", "park"}))
      ->capture_default_str();
  other->add_option("--message-ttl", queue->message_ttl, "0 is never")->type_name("MILLISECONDS");
  other->add_option("--queue-ttl", queue->queue_ttl, "Unused for so long, it goes; 0 is never")
      ->type_name("MILLISECONDS");
  other->add_option("--backoff", queue->backoff, "First delay of a retry, doubled each time")
      ->type_name("MILLISECONDS");
  other->add_option("--backoff-max", queue->backoff_max, "Up to this")->type_name("MILLISECONDS");
  other->add_option("--on-park", spec.on_park, "Whether the key of a parked message waits")
      ->check(CLI::IsMember({"hold", "release"}))
      ->capture_default_str();
  other->add_option("--dead-letter-exchange", spec.dead_letter_exchange,
                    "Where rejected messages go instead of parking");
  other->add_option("--dead-letter-key", spec.dead_letter_key, "Their routing key; their own if not said");
  other->add_option("--redelivery-timeout", queue->redelivery_timeout, "0 is never")->type_name("MILLISECONDS");
  add_hub_options(*other, queue->hub);
  other->callback([queue, &action] { action = [queue] { return declare_queue(*queue); }; });
}

void add_binding(CLI::App& program, std::function<int()>& action, const char* name, const char* text,
                 void (Model::*what)(const BindingSpec&)) {
  auto* command = program.add_subcommand(name, text);
  command->footer(std::string{"Examples:\n  laban "} + name + " amq.topic audit 'order.#'\n  laban " + name +
                  " amq.headers audit --argument x-match=all --argument region=\"eu\"");
  auto settings = std::make_shared<Settings>();
  command->add_option("EXCHANGE", settings->binding.exchange, "The source")->required();
  command->add_option("QUEUE", settings->binding.queue, "The queue that it leads to");
  command->add_option("PATTERN", settings->binding.pattern, "Routing key, topic pattern, or nothing");
  command->add_option("--to-exchange", settings->binding.to_exchange,
                      "Leads to an exchange instead; say PATTERN as --pattern");
  command->add_option("--pattern", settings->binding.pattern, "The same as PATTERN");
  command->add_option("--argument", settings->arguments, "For headers exchanges; may be given several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  add_hub_options(*command, settings->hub);
  command->callback([settings, what, &action] {
    action = [settings, what] {
      const auto binding = binding_of(*settings);
      Model model{settings->hub.address, settings->hub.wait()};
      (model.*what)(binding);
      return exit_ok;
    };
  });
}

void add_bind(CLI::App& program, std::function<int()>& action) {
  add_binding(program, action, "bind", "Leads an exchange's events to a queue; idempotent", &Model::bind);
  add_binding(program, action, "unbind", "Takes a binding away", &Model::unbind);
}

void add_delete(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("delete", "Deletes an exchange or a queue with what is in it; idempotent");
  command->require_subcommand(1);
  command->footer("Example: laban delete queue audit");
  for (const bool is_queue : {false, true}) {
    auto settings = std::make_shared<Settings>();
    auto* one = command->add_subcommand(is_queue ? "queue" : "exchange");
    one->footer(std::string{"Example: laban delete "} + (is_queue ? "queue audit" : "exchange shop"));
    one->add_option("NAME", settings->name)->required();
    add_hub_options(*one, settings->hub);
    one->callback([settings, is_queue, &action] {
      action = [settings, is_queue] {
        auto model = settings->model();
        is_queue ? model.delete_queue(settings->name) : model.delete_exchange(settings->name);
        return exit_ok;
      };
    });
  }
}

void add_redrive(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("redrive", "Puts a queue's parked messages back, in order");
  command->footer("Example: laban redrive payment --dry-run");
  auto settings = std::make_shared<Settings>();
  command->add_option("QUEUE", settings->name)->required();
  command->add_flag("--dry-run", settings->dry_run, "Only says what would go back");
  command->add_option("--limit", settings->limit, "At most so many; 0 is all");
  command->add_flag("--json", settings->json, "The hub's report as JSON");
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] { action = [settings] { return redrive(*settings); }; });
}

const Command declare_command{add_declare};
const Command bind_command{add_bind};
const Command delete_command{add_delete};
const Command redrive_command{add_redrive};

}  // namespace
}  // namespace laban::cli
