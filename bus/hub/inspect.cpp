// bus/hub/inspect.cpp - renders queues, exchanges, schemas, status and explanations.
#include "bus/hub/inspect.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "bus/codec/rfc3339.hpp"
#include "bus/hub/explain.hpp"

namespace laban::hub {
namespace {

using nlohmann::json;

constexpr std::size_t parked_listed_max = 1'000;

std::string text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

QueueFigures figures_of(const QueueEntry& entry) {
  const auto counts = entry.queue.counts();
  QueueFigures to;
  to.name = entry.name;
  to.enqueued = counts.enqueued;
  to.acknowledged = counts.acknowledged;
  to.ready = counts.ready;
  to.unacknowledged = counts.unacknowledged;
  to.delayed = counts.delayed;
  to.parked = counts.parked;
  to.moved = counts.moved;
  to.ledgered = counts.ledgered;
  to.redelivered = entry.totals.redelivered;
  to.consumers = entry.queue.consumer_count();
  to.parked_total = entry.totals.parked;
  for (const auto reason : queue::all_park_reasons) to.parked_total.try_emplace(std::string{queue::name_of(reason)});
  return to;
}

json header_json(const HeaderValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* bytes = std::get_if<std::vector<std::byte>>(&value)) return std::to_string(bytes->size()) + " bytes";
  return nullptr;
}

json bindings_of(const std::vector<BindingSpec>& bindings) {
  json list = json::array();
  for (const auto& binding : bindings) {
    json one{{"exchange", binding.exchange}, {"pattern", binding.pattern}};
    if (!binding.queue.empty()) one["queue"] = binding.queue;
    if (!binding.to_exchange.empty()) one["toExchange"] = binding.to_exchange;
    if (!binding.arguments.empty()) {
      json arguments = json::object();
      for (const auto& [name, value] : binding.arguments) arguments[name] = header_json(value);
      one["arguments"] = std::move(arguments);
    }
    list.push_back(std::move(one));
  }
  return list;
}

json queue_json(Core& core, QueueEntry& entry) {
  const auto counts = entry.queue.counts();
  const auto* spec = core.broker.topology().queue(entry.id);
  json consumers = json::array();
  for (const auto& consumer : entry.queue.consumers()) {
    consumers.push_back({{"name", consumer.name},
                         {"prefetch", consumer.prefetch},
                         {"unacknowledged", consumer.unacknowledged},
                         {"active", consumer.active}});
  }
  json one{{"name", entry.name},
           {"durable", spec == nullptr || spec->durable},
           {"exclusive", spec != nullptr && spec->exclusive},
           {"autoDelete", spec != nullptr && spec->auto_delete},
           {"keyed", entry.queue.settings().keyed},
           {"singleActive", entry.queue.settings().single_active},
           {"deliveryLimit", entry.queue.settings().delivery_limit},
           {"messagesMax", entry.queue.settings().messages_max},
           {"bytesMax", entry.queue.settings().bytes_max},
           {"overflow", entry.queue.settings().overflow_parks ? "park" : "refuse"},
           {"onPark", entry.queue.settings().park_holds ? "hold" : "release"},
           {"deadLetterExchange", entry.queue.settings().dead_letter_exchange},
           {"ready", counts.ready},
           {"unacknowledged", counts.unacknowledged},
           {"delayed", counts.delayed},
           {"parked", counts.parked},
           {"enqueued", counts.enqueued},
           {"acknowledged", counts.acknowledged},
           {"moved", counts.moved},
           {"ledgered", counts.ledgered},
           {"lawHolds", counts.law_holds()},
           {"redelivered", entry.totals.redelivered},
           {"bytes", entry.queue.bytes()},
           {"keys", entry.queue.key_count()},
           {"heldKeys", entry.queue.held_key_count()},
           {"consumers", entry.queue.consumer_count()},
           {"consumerList", std::move(consumers)},
           {"bindings", bindings_of(core.broker.topology().bindings_of_queue(entry.name))}};
  return one;
}

json parked_json(QueueEntry& entry) {
  json list = json::array();
  for (const auto& message : entry.queue.parked(parked_listed_max)) {
    json history = json::array();
    for (const auto& attempt : message.history) {
      history.push_back(
          {{"time", codec::rfc3339(attempt.at)}, {"reason", attempt.reason}, {"consumer", attempt.consumer}});
    }
    list.push_back({{"offset", message.offset},
                    {"reason", std::string{queue::name_of(message.reason)}},
                    {"attempts", message.attempts},
                    {"holdsKey", message.holds_key},
                    {"time", codec::rfc3339(message.at)},
                    {"history", std::move(history)}});
  }
  return list;
}

Inspected queues(Core& core, const json& argument) {
  const auto wanted = argument.value("queue", std::string{});
  json list = json::array();
  for (const auto& name : core.broker.topology().queue_names()) {
    if (!wanted.empty() && name != wanted) continue;
    QueueEntry* entry = core.broker.queue(name);
    if (entry == nullptr) continue;
    json one = queue_json(core, *entry);
    if (!wanted.empty()) one["parkedMessages"] = parked_json(*entry);
    if (argument.value("check", false)) {
      const auto problem = entry->queue.audit();
      one["audit"] = problem ? json(*problem) : json(nullptr);
    }
    list.push_back(std::move(one));
  }
  if (!wanted.empty() && list.empty()) return {true, false, {}, "queue '" + wanted + "' is not declared"};
  return {true, true, text({{"queues", std::move(list)}}), {}};
}

Inspected exchanges(Core& core, const json&) {
  auto& broker = core.broker;
  json list = json::array();
  for (const auto& name : broker.topology().exchange_names()) {
    const auto* spec = broker.topology().exchange(name);
    if (spec == nullptr) continue;
    const auto published = broker.totals().published.find(name);
    const auto unroutable = broker.totals().unroutable.find(name);
    list.push_back({{"name", name},
                    {"type", spec->type},
                    {"durable", spec->durable},
                    {"autoDelete", spec->auto_delete},
                    {"alternate", spec->alternate},
                    {"published", published == broker.totals().published.end() ? 0 : published->second},
                    {"unroutable", unroutable == broker.totals().unroutable.end() ? 0 : unroutable->second},
                    {"bindings", bindings_of(broker.topology().bindings_of_exchange(name))}});
  }
  return {true, true, text({{"exchanges", std::move(list)}, {"lints", lints_of(core)}}), {}};
}

std::string base64(std::span<const std::byte> bytes) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return i + k < bytes.size() ? std::to_integer<unsigned>(bytes[i + k]) : 0u; };
    const unsigned three = at(0) << 16 | at(1) << 8 | at(2);
    out += letters[three >> 18 & 63];
    out += letters[three >> 12 & 63];
    out += i + 1 < bytes.size() ? letters[three >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? letters[three & 63] : '=';
  }
  return out;
}

Inspected schemas(Core& core, const json&) {
  json list = json::array();
  for (const auto& node : core.broker.schemas()) list.push_back({{"node", base64(node)}});
  return {true, true, text({{"schemas", std::move(list)}}), {}};
}

Inspected cursors(Core& core, const json&) {
  json list = json::array();
  for (const auto& [name, cursor] : core.broker.cursors()) {
    json one{{"name", name},
             {"offset", cursor.offset},
             {"observer", cursor.observer},
             {"behind", core.head - std::min(cursor.offset, core.head)}};
    one["savedtime"] = cursor.saved == Timestamp{} ? json(nullptr) : json(codec::rfc3339(cursor.saved));
    list.push_back(std::move(one));
  }
  std::sort(list.begin(), list.end(), [](const json& a, const json& b) { return a["name"] < b["name"]; });
  return {true, true, text({{"cursors", std::move(list)}, {"head", core.head}}), {}};
}

Inspected status(Core& core, const json&) {
  return {true,
          true,
          text({{"logId", core.journal.log_id()},
                {"generation", core.journal.generation()},
                {"firstOffset", core.journal.first_offset()},
                {"head", core.head},
                {"sessions", core.sessions.size()},
                {"producers", core.broker.producer_count()},
                {"feeds", core.feeds.size()},
                {"starts", core.broker.starts()},
                {"logBytes", core.journal.stats().log_bytes},
                {"logHeldBy", core.log_held.empty() ? json(nullptr) : json(core.log_held)},
                {"diskLow", core.disk_low},
                {"storage", core.storage_trouble.empty() ? json("ok") : json(core.storage_trouble)}}),
          {}};
}

}  // namespace

static Inspected erasures(Core& core) {
  json underway = json::array();
  for (const auto& one : core.broker.erasures()) underway.push_back({{"instance", one.instance}, {"upTo", one.up_to}});
  json done = json::array();
  for (const auto& one : core.erased) done.push_back({{"instance", one.instance}, {"events", one.events}});
  const json said{{"underway", std::move(underway)},
                  {"done", std::move(done)},
                  {"position", core.erased_until},
                  {"end", core.journal.position()}};
  return {true, true, said.dump(-1, ' ', false, json::error_handler_t::replace), {}};
}

Inspected inspect(Core& core, const std::string& what, const std::string& argument) {
  json asked = json::object();
  if (!argument.empty()) {
    asked = json::parse(argument, nullptr, false);
    if (!asked.is_object())
      return {true, false, {}, "the argument is not a JSON object: give {\"key\": …}, or nothing"};
  }
  try {
    if (what == "queues") return queues(core, asked);
    if (what == "exchanges") return exchanges(core, asked);
    if (what == "schemas") return schemas(core, asked);
    if (what == "cursors") return cursors(core, asked);
    if (what == "status") return status(core, asked);
    if (what == "explain") return explain(core, asked);
    if (what == "erasures") return erasures(core);
  } catch (const json::exception& error) {
    return {
        true, false, {}, std::string{"the argument has a field of another type ("} + error.what() + "): see --help"};
  }
  return {
      false,
      false,
      {},
      "the hub does not know '" + what + "': ask for queues, exchanges, schemas, cursors, explain, erasures or status"};
}

Snapshot take_snapshot(Core& core) {
  Snapshot snapshot;
  snapshot.counters = core.probe.counters();
  core.broker.each_queue([&](QueueEntry& entry) { snapshot.queues.push_back(figures_of(entry)); });
  const auto& totals = core.probe.totals();
  snapshot.published = {totals.published.begin(), totals.published.end()};
  snapshot.unroutable = {totals.unroutable.begin(), totals.unroutable.end()};
  snapshot.lost = totals.lost;
  // What has not happened yet is 0 and not absent, so that its first time is an increase.
  for (const auto& exchange : core.broker.topology().exchange_names()) {
    snapshot.published.try_emplace(exchange);
    snapshot.unroutable.try_emplace(exchange);
  }
  for (const auto reason : queue::all_loss_reasons) snapshot.lost.try_emplace(std::string{queue::name_of(reason)});
  for (const auto* reason : {"retention", "overflow", "refused", "erased"}) snapshot.lost.try_emplace(reason);
  snapshot.confirmed = totals.confirmed;
  const auto stats = core.journal.stats();
  snapshot.log_bytes = stats.log_bytes;
  snapshot.log_segments = stats.segments;
  if (const auto space = core.journal.space(); space.known) snapshot.disk_free_bytes = space.free_bytes;
  snapshot.first_offset = core.journal.first_offset();
  snapshot.head = core.head;
  snapshot.sessions = core.sessions.size();
  snapshot.feeds = core.feeds.size();
  snapshot.producers = core.broker.producer_count();
  snapshot.storage_ok = core.storage_trouble.empty() && !core.disk_low;
  snapshot.log_dropped = totals.log_dropped;
  snapshot.log_carried = totals.log_carried;
  snapshot.log_held = core.log_held;
  snapshot.cursors = core.broker.cursors().size();
  return snapshot;
}

}  // namespace laban::hub
