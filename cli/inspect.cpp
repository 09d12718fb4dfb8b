// cli/inspect.cpp - `laban queues`, `exchanges`, `cursors`, `schemas`, `explain`: what the hub holds, and why it does what it does.
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "bus/codec/payload_json.hpp"
#include "cli/command.hpp"
#include "cli/event_json.hpp"
#include "cli/header_value.hpp"
#include "cli/hub_options.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"

namespace laban::cli {
namespace {

using nlohmann::ordered_json;

struct Settings {
  HubOptions hub;
  bool json = false;
  bool check = false;
  std::string gone;
  std::optional<std::string> key;
  std::string exchange = "amq.topic";
  std::string id;
  std::vector<std::string> headers;
};

ordered_json ask(const Settings& settings, const char* what, const ordered_json& argument = {}) {
  Model model{settings.hub.address, settings.hub.wait()};
  auto answer = ordered_json::parse(model.inspect(what, argument.is_null() ? "" : argument.dump()), nullptr, false);
  if (!answer.is_object()) throw Error(Errc::malformed, "the hub's answer is not JSON: use the hub's release of laban");
  return answer;
}

// A table whose columns are as wide as what is in them.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::ostringstream line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool number = i > 0 && !row[i].empty() && row[i].find_first_not_of("0123456789") == std::string::npos;
      line << (i > 0 ? "  " : "") << (number ? std::right : std::left) << std::setw(static_cast<int>(widths[i]))
           << row[i];
    }
    std::string text = line.str();
    text.erase(text.find_last_not_of(' ') + 1);
    std::cout << text << '\n';
  }
}

std::string cell(const ordered_json& from, const char* name) {
  const auto place = from.find(name);
  if (place == from.end() || place->is_null()) return "";
  return place->is_string() ? place->get<std::string>() : place->dump();
}

int queues(const Settings& settings) {
  const auto answer = ask(settings, "queues", settings.check ? ordered_json{{"check", true}} : ordered_json{});
  const auto list = answer.value("queues", ordered_json::array());
  int result = exit_ok;
  std::vector<std::string> broken;
  for (const auto& queue : list) {
    if (!settings.check) break;
    const bool law = queue.value("lawHolds", true);
    const auto audit = cell(queue, "audit");
    if (law && audit.empty()) continue;
    broken.push_back(cell(queue, "name") + ": " +
                     (audit.empty() ? "enqueued is not the sum of what became of the messages" : audit));
    result = exit_not_so;
  }
  if (settings.json) {
    std::cout << dump(answer) << '\n';
  } else {
    std::vector<std::vector<std::string>> rows{
        {"QUEUE", "READY", "UNACKED", "DELAYED", "PARKED", "ENQUEUED", "ACKED", "MOVED", "LEDGERED", "CONSUMERS"}};
    for (const auto& queue : list) {
      rows.push_back({cell(queue, "name"), cell(queue, "ready"), cell(queue, "unacknowledged"), cell(queue, "delayed"),
                      cell(queue, "parked"), cell(queue, "enqueued"), cell(queue, "acknowledged"), cell(queue, "moved"),
                      cell(queue, "ledgered"), cell(queue, "consumers")});
    }
    print_table(rows);
    if (settings.check && broken.empty()) std::cout << "the law holds for " << list.size() << " queues\n";
  }
  for (const auto& line : broken) std::cerr << "laban queues: " << line << ": report it with the hub's log\n";
  return result;
}

int cursors(const Settings& settings) {
  if (!settings.gone.empty()) {
    Model{settings.hub.address, settings.hub.wait()}.delete_cursor(settings.gone);
    return exit_ok;
  }
  const auto answer = ask(settings, "cursors");
  if (settings.json) {
    std::cout << dump(answer) << '\n';
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows{{"CURSOR", "OFFSET", "BEHIND", "HOLDS THE LOG", "SAVED"}};
  for (const auto& cursor : answer.value("cursors", ordered_json::array())) {
    rows.push_back({cell(cursor, "name"), cell(cursor, "offset"), cell(cursor, "behind"),
                    cursor.value("observer", false) ? "no" : "yes", cell(cursor, "savedtime")});
  }
  print_table(rows);
  return exit_ok;
}

int schemas(const Settings& settings) {
  codec::PayloadTypes known;
  codec::add_known_types(known);
  codec::PayloadTypes announced;
  learn_types(announced, settings.hub.address, settings.hub.wait());
  ordered_json list = ordered_json::array();
  std::vector<std::vector<std::string>> rows{{"TOPIC", "TYPE", "ID", "KNOWN TO"}};
  const auto add = [&](const codec::PayloadTypes& types, const char* whom) {
    for (const auto& type : types.types()) {
      std::ostringstream id;
      id << std::hex << std::setw(16) << std::setfill('0') << type.id;
      list.push_back({{"topic", type.topic}, {"name", type.name}, {"id", id.str()}, {"knownTo", whom}});
      rows.push_back({type.topic, type.name, id.str(), whom});
    }
  };
  add(announced, "hub");
  add(known, "this program");
  if (settings.json) {
    std::cout << dump({{"schemas", list}}) << '\n';
  } else {
    print_table(rows);
  }
  return exit_ok;
}

void print_lints(const ordered_json& answer) {
  for (const auto& lint : answer.value("lints", ordered_json::array())) {
    std::cout << "warning: " << cell(lint, "message") << " [" << cell(lint, "code") << "]\n";
  }
}

// What became of a published event, queue by queue, as the log has it.
void print_fates(const ordered_json& answer) {
  std::cout << "event " << cell(answer, "id") << " (" << cell(answer, "type") << " of " << cell(answer, "source")
            << "), offset " << cell(answer, "offset") << ", recorded " << cell(answer, "recordedtime") << '\n'
            << "published to exchange " << cell(answer, "exchange") << " with key " << cell(answer, "key") << '\n';
  if (answer.value("unroutable", false)) std::cout << "no binding took it\n";
  for (const auto& fate : answer.value("fates", ordered_json::array())) {
    std::cout << "  " << cell(fate, "queue") << ": " << cell(fate, "state");
    if (fate.contains("reason")) std::cout << ", " << cell(fate, "reason");
    if (fate.contains("consumer")) std::cout << " by " << cell(fate, "consumer");
    if (fate.contains("time")) std::cout << " at " << cell(fate, "time");
    if (fate.contains("until")) std::cout << " until " << cell(fate, "until");
    std::cout << '\n';
    for (const auto& attempt : fate.value("history", ordered_json::array())) {
      std::cout << "    " << cell(attempt, "time") << "  " << cell(attempt, "what");
      if (!cell(attempt, "consumer").empty()) std::cout << " by " << cell(attempt, "consumer");
      if (!cell(attempt, "reason").empty()) std::cout << ": " << cell(attempt, "reason");
      std::cout << '\n';
    }
  }
  for (const auto& copy : answer.value("copies", ordered_json::array())) {
    std::cout << "copied as a dead letter to exchange " << cell(copy, "exchange") << ", offset "
              << cell(copy, "offset");
    for (const auto& queue : copy.value("queues", ordered_json::array())) {
      std::cout << ' ' << (queue.is_string() ? queue.get<std::string>() : queue.dump());
    }
    std::cout << '\n';
  }
  std::cout << "published now it would go this way:\n";
}

void print_explanation(const ordered_json& answer) {
  for (const auto& step : answer.value("steps", ordered_json::array())) {
    std::cout << "exchange " << cell(step, "exchange") << " (" << cell(step, "type") << ")";
    if (!cell(step, "reachedBy").empty()) std::cout << ", reached by " << cell(step, "reachedBy");
    std::cout << '\n';
    for (const auto& tried : step.value("bindings", ordered_json::array())) {
      const auto arguments = cell(tried, "arguments");
      std::cout << "  " << (tried.value("matched", false) ? "yes" : "no ") << "  " << cell(tried, "pattern")
                << (arguments.empty() ? "" : "[" + arguments + "]") << " -> " << cell(tried, "destination") << "  "
                << cell(tried, "why") << '\n';
    }
  }
  const auto queues = answer.value(answer.contains("queuesNow") ? "queuesNow" : "queues", ordered_json::array());
  if (!answer.value("exchangeFound", true))
    std::cout << "exchange " << cell(answer, "exchange") << " is not declared\n";
  std::cout << (queues.empty() ? "reaches no queue: it would be kept in laban.parking" : "reaches");
  for (const auto& queue : queues) std::cout << ' ' << (queue.is_string() ? queue.get<std::string>() : queue.dump());
  std::cout << '\n';
}

int exchanges(const Settings& settings) {
  const auto answer = ask(settings, "exchanges");
  if (settings.json) {
    std::cout << dump(answer) << '\n';
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows{{"EXCHANGE", "TYPE", "PUBLISHED", "UNROUTABLE", "BINDINGS", "ALTERNATE"}};
  for (const auto& exchange : answer.value("exchanges", ordered_json::array())) {
    rows.push_back(
        {cell(exchange, "name"), cell(exchange, "type"), cell(exchange, "published"), cell(exchange, "unroutable"),
         std::to_string(exchange.value("bindings", ordered_json::array()).size()), cell(exchange, "alternate")});
  }
  print_table(rows);
  print_lints(answer);
  return exit_ok;
}

int explain(const Settings& settings) {
  if (settings.key.has_value() != settings.id.empty()) {
    throw Error(Errc::usage, "say one of them: a routing key, or --id with an event's id");
  }
  ordered_json argument{{"id", settings.id}};
  if (settings.key) {
    Headers headers;
    for (const auto& header : settings.headers) headers.push_back(parse_header(header, "region=eu"));
    argument = {{"key", *settings.key}, {"exchange", settings.exchange}, {"headers", json_of(headers)}};
  }
  auto answer = ask(settings, "explain", argument);
  // A long log is searched step by step, so that the hub's other work goes on meanwhile.
  while (answer.contains("more")) answer = ask(settings, "explain", ordered_json(answer["more"]));
  const bool found = answer.value("found", true);
  if (settings.json) {
    std::cout << dump(answer) << '\n';
  } else if (found) {
    if (!settings.id.empty()) print_fates(answer);
    print_explanation(answer);
    print_lints(answer);
  }
  if (found) return exit_ok;
  std::cerr << "laban explain: " << cell(answer, "why") << ": check the id\n";
  return exit_not_so;
}

CLI::App* add(CLI::App& program, std::function<int()>& action, const char* name, const char* text, const char* example,
              const std::shared_ptr<Settings>& settings, int (*run)(const Settings&)) {
  auto* command = program.add_subcommand(name, text);
  command->footer(std::string{"Example: "} + example);
  command->add_flag("--json", settings->json, "The hub's answer as JSON");
  add_hub_options(*command, settings->hub);
  command->callback([settings, run, &action] { action = [settings, run] { return run(*settings); }; });
  return command;
}

void add_inspections(CLI::App& program, std::function<int()>& action) {
  auto of_queues = std::make_shared<Settings>();
  add(program, action, "queues", "Queues with depths, consumers and parked messages", "laban queues --check", of_queues,
      queues)
      ->add_flag("--check", of_queues->check, "Proves that each message of each queue is accounted for; exit 1 if not");
  add(program, action, "exchanges", "Exchanges, their bindings and what went through", "laban exchanges --json",
      std::make_shared<Settings>(), exchanges);
  auto of_cursors = std::make_shared<Settings>();
  add(program, action, "cursors", "Named readers' places in the log: what the log is kept for",
      "laban cursors --delete bookkeeper", of_cursors, cursors)
      ->add_option("--delete", of_cursors->gone, "Forgets this one; the log is no longer kept for it")
      ->type_name("NAME");
  add(program, action, "schemas", "Types that services have announced, and those of this program", "laban schemas",
      std::make_shared<Settings>(), schemas);
  auto of_explain = std::make_shared<Settings>();
  auto* command = add(program, action, "explain", "Where an event went or would go, and why",
                      "laban explain order.placed --exchange amq.topic", of_explain, explain);
  command->add_option("KEY", of_explain->key, "A routing key");
  command->add_option("--exchange", of_explain->exchange, "Where it is published")->capture_default_str();
  command->add_option("--header", of_explain->headers, "For headers exchanges; may be given several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_option("--id", of_explain->id, "An event that was published");
}

const Command command{add_inspections};

}  // namespace
}  // namespace laban::cli
