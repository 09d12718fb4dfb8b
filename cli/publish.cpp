// cli/publish.cpp - `laban publish`: one event from the command line, or a stream of them from standard input.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "bus/codec/payload_json.hpp"
#include "cli/command.hpp"
#include "cli/event_json.hpp"
#include "cli/header_value.hpp"
#include "cli/hub_options.hpp"
#include "laban/bus.hpp"
#include "laban/error.hpp"
#include "monitor/core/event_log.hpp"

namespace laban::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

// Once everything is published: how long nothing may be confirmed before we give up.
constexpr auto stall_max = 30s;

struct Settings {
  HubOptions hub;
  std::string key;
  std::string type;
  std::string data;
  std::string exchange = "amq.topic";
  std::string process;
  std::string confirm = "synced";
  std::string source = "laban-publish";
  std::string partition_key;
  std::vector<std::string> headers;
  std::uint8_t priority = 0;
  double delay = 0, ttl = 0;
  bool mandatory = false;
  bool json = false;
};

BusOptions bus_options(const Settings& settings) {
  BusOptions options;
  options.service = settings.source;
  options.hub = settings.hub.address;
  options.level = settings.confirm == "accepted"  ? Level::accepted
                  : settings.confirm == "written" ? Level::written
                                                  : Level::synced;
  options.linger = 0ms;
  return options;
}

const char* name_of(Level level) {
  return level == Level::accepted ? "accepted" : level == Level::written ? "written" : "synced";
}

ordered_json json_of(const Confirm& confirm) {
  ordered_json json{{"id", confirm.id},
                    {"offset", confirm.offset},
                    {"level", name_of(confirm.level)},
                    {"queues", confirm.queues},
                    {"unroutable", confirm.unroutable}};
  if (confirm.duplicate) json["duplicate"] = true;
  if (confirm.refused) {
    json["refused"] = true;
    json["reason"] = confirm.reason;
  }
  return json;
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// The types of this program; those that the hub knows are asked for when one is missing.
class Types {
 public:
  Types() { codec::add_known_types(types_); }

  std::optional<codec::PayloadTypes::Encoded> encode(const std::string& type, const std::string& json,
                                                     const HubOptions& hub) {
    if (auto encoded = types_.from_json(type, json)) return encoded;
    if (std::exchange(learned_, true)) return {};
    learn_types(types_, hub.address, hub.wait());
    return types_.from_json(type, json);
  }

 private:
  codec::PayloadTypes types_;
  bool learned_ = false;
};

// Type `json` needs no schema: the routing key says what happened. Any other type is looked up in the schemas.
void set_payload(NewEvent& event, const std::string& type, const std::string& json, const HubOptions& hub,
                 Types& types) {
  if (type == "json") {
    if (!ordered_json::accept(json)) throw Error(Errc::malformed, "the data is not JSON: check quotes and brackets");
    event.type = event.routingkey.empty() ? type : event.routingkey;
    event.datacontenttype = json_content_type;
    event.data = bytes_of(json);
    return;
  }
  auto encoded = types.encode(type, json, hub);
  if (!encoded) {
    throw Error(Errc::usage, "no schema is known for type " + type +
                                 ": use type json, which needs none, or one of `laban "
                                 "schemas`");
  }
  event.type = type;
  event.datacontenttype = capnp_content_type;
  event.dataschema = encoded->dataschema;
  event.data = std::move(encoded->data);
}

std::string text_of(const ordered_json& line, const char* name, const std::string& otherwise = {}) {
  const auto place = line.find(name);
  if (place == line.end() || place->is_null()) return otherwise;
  if (!place->is_string()) throw Error(Errc::malformed, std::string{"\""} + name + "\" is no text: put it in quotes");
  return place->get<std::string>();
}

constexpr double seconds_max = 366.0 * 24 * 3600 * 100;

double number_of(const ordered_json& line, const char* name, double most) {
  const auto place = line.find(name);
  if (place == line.end() || place->is_null()) return 0;
  const double number = place->is_number() ? place->get<double>() : -1;
  if (!(number >= 0 && number <= most)) {
    throw Error(Errc::malformed, std::string{"\""} + name + "\" is no number from 0 to " +
                                     std::to_string(std::llround(most)) + ": write one");
  }
  return number;
}

Timestamp in_seconds(double seconds) {
  const auto span = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{seconds});
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()) + span;
}

Timestamp time_of(const std::string& text) {
  const auto time = monitor::parse_time(text);
  if (!time) throw Error(Errc::malformed, "\"" + text + "\" is no time: write it as 2026-11-21T19:23:25Z");
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(*time);
}

// The default exchange has no name on the wire; here an empty one is said, not forgotten.
std::string exchange_of(const std::string& said) {
  return said.empty() ? "amq.default" : said;
}

NewEvent event_of(const std::string& text, const Settings& settings, Types& types) {
  const auto line = ordered_json::parse(text, nullptr, false);
  if (!line.is_object()) {
    throw Error(Errc::malformed, R"(not a JSON object: write {"key":…,"type":…,"data":…} in one line)");
  }
  for (const auto& item : line.items()) {
    const std::string& name = item.key();
    static const char* known[] = {"key",          "type",    "data",     "exchange", "process",   "id",
                                  "subject",      "headers", "priority", "delay",    "ttl",       "causationid",
                                  "partitionkey", "replyto", "source",   "time",     "mandatory", "traceparent"};
    if (std::none_of(std::begin(known), std::end(known), [&](const char* one) { return name == one; })) {
      throw Error(Errc::malformed, "\"" + name +
                                       "\" is not known: use key, type, data, exchange, process, id, source, subject, "
                                       "time, headers, priority, delay, ttl, partitionkey, causationid, traceparent, "
                                       "replyto or mandatory");
    }
  }
  if (!line.contains("key")) throw Error(Errc::malformed, "\"key\" is missing: say the routing key");
  NewEvent event;
  event.routingkey = text_of(line, "key");
  event.keyless = event.routingkey.empty();
  event.exchange = exchange_of(text_of(line, "exchange", settings.exchange));
  event.correlationid = text_of(line, "process", settings.process);
  event.id = text_of(line, "id");
  event.subject = text_of(line, "subject");
  event.causationid = text_of(line, "causationid");
  event.partitionkey = text_of(line, "partitionkey");
  event.source = text_of(line, "source");
  event.replyto = text_of(line, "replyto");
  event.traceparent = text_of(line, "traceparent");
  event.mandatory = line.value("mandatory", false);
  event.priority = static_cast<std::uint8_t>(number_of(line, "priority", 255));
  if (const auto time = text_of(line, "time"); !time.empty()) event.time = time_of(time);
  if (const auto delay = number_of(line, "delay", seconds_max); delay > 0) event.deliverytime = in_seconds(delay);
  if (const auto ttl = number_of(line, "ttl", seconds_max); ttl > 0) event.expirytime = in_seconds(ttl);
  if (line.contains("headers")) event.headers = headers_of(line["headers"]);
  const auto data = line.find("data");
  set_payload(event, text_of(line, "type", "json"), data == line.end() ? "null" : data->dump(), settings.hub, types);
  return event;
}

// Prints confirms in the order in which the events were published, as they come.
class ConfirmPrinter {
 public:
  void operator()(const Confirm& confirm) {
    waiting_.emplace(confirm.sequence, confirm);
    for (auto next = waiting_.begin(); next != waiting_.end() && next->first == printed_ + 1; next = waiting_.begin()) {
      std::cout << dump(json_of(next->second)) << '\n';
      if (next->second.refused) ++refused_;
      ++printed_;
      waiting_.erase(next);
    }
  }
  std::uint64_t printed() const { return printed_; }
  std::uint64_t refused() const { return refused_; }

 private:
  std::map<std::uint64_t, Confirm> waiting_;
  std::uint64_t printed_ = 0;
  std::uint64_t refused_ = 0;
};

int publish_one(const Settings& settings) {
  Types types;
  NewEvent event;
  event.routingkey = settings.key;
  event.keyless = event.routingkey.empty();
  event.exchange = exchange_of(settings.exchange);
  event.correlationid = settings.process;
  event.partitionkey = settings.partition_key;
  event.priority = settings.priority;
  event.mandatory = settings.mandatory;
  if (settings.delay > 0) event.deliverytime = in_seconds(settings.delay);
  if (settings.ttl > 0) event.expirytime = in_seconds(settings.ttl);
  for (const auto& header : settings.headers) event.headers.push_back(parse_header(header, "region=eu"));
  set_payload(event, settings.type, settings.data, settings.hub, types);
  Bus bus{bus_options(settings)};
  bus.require_hub(settings.hub.wait());
  const Confirm confirm = bus.publish_and_wait(std::move(event), settings.hub.wait());
  std::cout << dump(json_of(confirm)) << '\n';
  if (!confirm.refused) return exit_ok;
  std::cerr << "laban publish: " << confirm.reason << '\n';
  return exit_not_so;
}

// A stream of events underway. It outlives its function where a reader still waits for a line that never comes.
struct Stream {
  explicit Stream(const Settings& given) : settings(given), bus(bus_options(settings)) {}

  // A line that cannot be published is told with its number, and the others are published all the same.
  void read() {
    std::string text;
    for (std::uint64_t number = 1; std::getline(std::cin, text); ++number) {
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      try {
        bus.publish(event_of(text, settings, types));
        ++published;
      } catch (const Error& error) {
        if (error.code() != Errc::malformed && error.code() != Errc::usage) {
          broke = std::current_exception();
          break;
        }
        std::cerr << "laban publish: line " + std::to_string(number) + ": " + error.what() + "\n";
        ++bad;
      }
    }
    ended = true;
  }

  const Settings settings;
  Types types;
  Bus bus;
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> bad{0};
  std::atomic<bool> ended{false};
  std::exception_ptr broke;
};

int publish_lines(const Settings& settings) {
  auto stream = std::make_shared<Stream>(settings);
  auto printer = std::make_shared<ConfirmPrinter>();
  stream->bus.on_confirm([printer](const Confirm& confirm) { (*printer)(confirm); });
  stream->bus.require_hub(settings.hub.wait());
  std::thread{[stream] { stream->read(); }}.detach();
  auto moved = std::chrono::steady_clock::now();
  while (!stream->ended || printer->printed() < stream->published) {
    const auto count = stream->bus.poll(20ms);
    if (count == 0) std::cout.flush();
    if (count != 0 || !stream->ended) moved = std::chrono::steady_clock::now();
    if (std::chrono::steady_clock::now() - moved > stall_max) {
      throw Error(Errc::unreachable, std::to_string(stream->published - printer->printed()) +
                                         " events are published and not confirmed: look whether the hub is there; they "
                                         "may be stored or not");
    }
  }
  std::cout.flush();
  if (stream->broke) std::rethrow_exception(stream->broke);
  if (stream->bad != 0) return exit_unusable;
  return printer->refused() != 0 ? exit_not_so : exit_ok;
}

int publish(const Settings& settings) {
  if (settings.key == "-") {
    if (!settings.type.empty())
      throw Error(Errc::usage, "publish - reads everything from standard input: leave TYPE out");
    return publish_lines(settings);
  }
  if (settings.type.empty()) throw Error(Errc::usage, "TYPE is missing: write laban publish KEY TYPE JSON");
  return publish_one(settings);
}

void add_publish(CLI::App& program, std::function<int()>& action) {
  auto* command = program.add_subcommand("publish", "Publishes an event from JSON and prints its confirm");
  command->footer(
      "Examples:\n"
      "  laban publish order.placed order.placed '{\"orderId\":\"7\",\"totalCents\":1999}' --process order-7\n"
      "  laban publish ticket.opened json '{\"ticket\":12}' --process ticket-12\n"
      "  laban publish - < events.jsonl\n\n"
      "TYPE is the topic of a schema (laban schemas), whose fields JSON must fit; or json, which fits everything and "
      "makes\n"
      "KEY the event's type. With - each line is {\"key\",\"type\",\"data\",\"exchange\"?,\"process\"?,\"id\"?} and "
      "one confirm\n"
      "a line is printed, in order. More fields: subject, headers, partitionkey, priority, delay and ttl (seconds), "
      "mandatory,\n"
      "replyto, source, time, causationid, traceparent. A line that cannot be published is told with its number, the "
      "others are published, "
      "and\n"
      "the exit code is 2. An event that the hub refuses makes it 1.");
  auto settings = std::make_shared<Settings>();
  command->add_option("KEY", settings->key, "The routing key, or - for lines from standard input")->required();
  command->add_option("TYPE", settings->type, "A schema's topic, or json");
  command->add_option("JSON", settings->data, "The payload; {} if not said");
  command->add_option("--exchange", settings->exchange, "Where to publish")->capture_default_str();
  command->add_option("--process", settings->process, "The process instance");
  command->add_option("--confirm", settings->confirm, "How far it must have come")
      ->check(CLI::IsMember({"accepted", "written", "synced"}))
      ->capture_default_str();
  command->add_option("--header", settings->headers, "For headers exchanges; may be given several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_option("--partition-key", settings->partition_key, "Order is kept within it; the process if not said");
  command->add_option("--priority", settings->priority, "Between keys of one queue; higher goes first");
  command->add_option("--delay", settings->delay, "Not delivered from queues before so long")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, seconds_max));
  command->add_option("--ttl", settings->ttl, "Worth nothing after so long")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, seconds_max));
  command->add_flag("--mandatory", settings->mandatory, "Refused where no queue takes it");
  command->add_option("--source", settings->source, "The service that says it")->capture_default_str();
  command->add_flag("--json", settings->json, "Confirms are JSON anyway");
  add_hub_options(*command, settings->hub);
  command->callback([settings, &action] {
    if (settings->data.empty()) settings->data = "{}";
    action = [settings] { return publish(*settings); };
  });
}

const Command command{add_publish};

}  // namespace
}  // namespace laban::cli
