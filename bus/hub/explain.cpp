// bus/hub/explain.cpp - follows one event through the log; the model's own explanation and lints.
#include "bus/hub/explain.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "bus/codec/rfc3339.hpp"
#include "laban/error.hpp"

namespace laban::hub {
namespace {

using nlohmann::json;

constexpr std::size_t step_bytes = 4u << 20;       // of log a step
constexpr std::size_t carried_looked_at = 10'000;  // events that outlived their stretch of the log
constexpr std::size_t parked_looked_at = 200;      // the newest of laban.parking, for types that nobody consumes
constexpr std::size_t copies_max = 100;

Inspected answer(const json& value) {
  return {true, true, value.dump(-1, ' ', false, json::error_handler_t::replace), {}};
}

Inspected not_there(const std::string& why) {
  return answer({{"found", false}, {"why", why}, {"queues", json::array()}});
}

// --- where an event would go

json steps_of(const routing::Explanation& explanation) {
  json steps = json::array();
  for (const auto& step : explanation.steps) {
    json tried = json::array();
    for (const auto& one : step.tried) {
      tried.push_back({{"pattern", one.pattern},
                       {"arguments", one.arguments},
                       {"destination", one.destination},
                       {"toExchange", one.to_exchange},
                       {"matched", one.matched},
                       {"why", one.why}});
    }
    steps.push_back({{"exchange", step.exchange},
                     {"type", step.type},
                     {"reachedBy", step.reached_by},
                     {"cut", step.cut},
                     {"bindings", std::move(tried)},
                     {"leftOut", step.left_out}});
  }
  return steps;
}

// Of the lints those about what the event meets on its way.
json lints_on_the_way(Core& core, const routing::Explanation& explanation, const std::string& key) {
  std::set<std::string> met{explanation.queues.begin(), explanation.queues.end()};
  for (const auto& step : explanation.steps) met.insert(step.exchange);
  json lints = json::array();
  for (auto& lint : lints_of(core)) {
    if (met.contains(lint["subject"]) || lint["subject"] == key) lints.push_back(std::move(lint));
  }
  return lints;
}

Headers headers_of(const json& object) {
  Headers headers;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) headers.emplace_back(name, value.get<std::string>());
    if (value.is_boolean()) headers.emplace_back(name, value.get<bool>());
    if (value.is_number_integer()) headers.emplace_back(name, value.get<std::int64_t>());
    if (value.is_number_float()) headers.emplace_back(name, value.get<double>());
    if (value.is_null()) headers.emplace_back(name, HeaderValue{});
  }
  return headers;
}

Inspected explain_key(Core& core, const json& argument) {
  const auto exchange = argument.value("exchange", std::string{"amq.topic"});
  const auto key = argument.value("key", std::string{});
  const auto given = headers_of(argument.value("headers", json::object()));
  const auto explanation = core.broker.topology().explain(exchange, key, given);
  return answer({{"exchange", exchange},
                 {"key", key},
                 {"headers", argument.value("headers", json::object())},
                 {"steps", steps_of(explanation)},
                 {"queues", explanation.queues},
                 {"exchangeFound", explanation.exchange_found},
                 {"unroutable", explanation.unroutable},
                 {"lints", lints_on_the_way(core, explanation, key)}});
}

// --- the event behind an id

// A ULID says when it was made; nothing for another id.
std::optional<Timestamp> time_of_id(std::string_view id) {
  static constexpr std::string_view letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  if (id.size() != 26) return {};
  std::int64_t milliseconds = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto value = letters.find(id[i]);
    if (value == letters.npos) return {};
    if (i < 10) milliseconds = milliseconds * 32 + static_cast<std::int64_t>(value);
  }
  constexpr std::int64_t end = std::int64_t{1} << 43;  // beyond what a Timestamp holds
  if (milliseconds >= end) return {};
  return Timestamp{std::chrono::milliseconds{milliseconds}};
}

bool is_it(const journal::Record& record, const std::string& id) {
  EventFields fields;
  const auto event = codec::decode_event(record.body);
  if ((event.header.flags & codec::EventHeader::dead_letter) != 0) return false;  // a copy: told with the first
  return codec::read_envelope(event.envelope, fields) && fields.id == id;
}

// Among events that are older than the dense log and live because a queue has them still.
std::uint64_t find_carried(Core& core, const std::string& id) {
  std::set<std::uint64_t> old;
  core.broker.each_queue([&](QueueEntry& entry) {
    entry.queue.each_offset([&](std::uint64_t offset) {
      if (offset < core.journal.first_offset() && old.size() < carried_looked_at) old.insert(offset);
    });
  });
  for (const auto offset : old) {
    const auto read = core.journal.get(offset);
    if (!read.events.empty() && is_it(read.events.front(), id)) return offset;
  }
  return 0;
}

struct Search {
  std::uint64_t offset = 0;  // found
  json more;                 // else where to look on; null: nowhere
};

// From where its id says that it was made to the end, then what is before.
Search find_event(Core& core, const std::string& id, const json& argument) {
  const auto first = core.journal.first_offset();
  std::uint64_t from = argument.value("from", std::uint64_t{0});
  std::uint64_t to = argument.value("to", core.head);
  std::uint64_t before = argument.value("before", std::uint64_t{0});
  if (from == 0) {
    if (const auto offset = find_carried(core, id)) return {offset, {}};
    const auto made = time_of_id(id);
    from = made ? core.journal.offset_at(*made - std::chrono::minutes{1}) : first;
    before = from;
  }
  from = std::max(from, first);
  if (from <= to) {
    const auto read = core.journal.read(from, step_bytes);
    for (const auto& record : read.events) {
      if (record.offset <= to && is_it(record, id)) return {record.offset, {}};
    }
    if (read.damage) throw Error{Errc::storage, read.damage->text() + ": check the log with laban hub --verify"};
    if (read.next > from && read.next <= to) {
      return {0, {{"id", id}, {"from", read.next}, {"to", to}, {"before", before}}};
    }
  }
  if (before <= first) return {};
  return {0, {{"id", id}, {"from", first}, {"to", before - 1}, {"before", 0}}};
}

// --- what became of it

std::string queue_name(Core& core, routing::QueueId id) {
  if (const QueueEntry* entry = core.broker.queue(id)) return entry->name;
  const auto name = core.broker.name_of_deleted(id);
  return name.empty() ? "queue number " + std::to_string(id) + ", deleted" : std::string{name};
}

json attempt_json(Timestamp at, const char* what, const std::string& reason, const std::string& consumer) {
  return {{"time", codec::rfc3339(at)}, {"what", what}, {"reason", reason}, {"consumer", consumer}};
}

// Where it stands in a queue that still has it.
json standing(const queue::Queue::Where& where) {
  json history = json::array();
  for (const auto& attempt : where.history) {
    history.push_back(attempt_json(attempt.at, "failed", attempt.reason, attempt.consumer));
  }
  json fate{{"state", where.state}, {"attempts", where.attempts}, {"history", std::move(history)}};
  if (!where.consumer.empty()) fate["consumer"] = where.consumer;
  if (where.until != Timestamp{}) fate["until"] = codec::rfc3339(where.until);
  return fate;
}

// One change that the log has about it.
void follow(const queue::QueueChange& change, Timestamp recordedtime, json& fate) {
  const auto end = [&](const char* state, std::string_view reason) {
    fate["state"] = state;
    fate["time"] = codec::rfc3339(recordedtime);
    if (!reason.empty()) fate["reason"] = reason;
    if (!change.consumer.empty()) fate["consumer"] = change.consumer;
  };
  auto& history = fate["history"];
  switch (change.kind) {
    case queue::ChangeKind::acknowledged:
      return end("acknowledged", {});
    case queue::ChangeKind::moved:
      return end("dead-lettered", queue::name_of(static_cast<queue::DeadLetterReason>(change.code)));
    case queue::ChangeKind::ledgered:
      return end("dropped", queue::name_of(static_cast<queue::LossReason>(change.code)));
    case queue::ChangeKind::failed:
      history.push_back(attempt_json(change.at, "failed", change.reason, change.consumer));
      break;
    case queue::ChangeKind::parked:
      history.push_back(attempt_json(change.at, "parked", change.reason, change.consumer));
      break;
    case queue::ChangeKind::redriven:
      history.push_back(attempt_json(change.at, "redriven", {}, {}));
      break;
    case queue::ChangeKind::horizon:
      break;
  }
}

// The hub's copies of it behind dead-letter exchanges.
void note_copy(Core& core, const journal::Record& record, const std::string& id, json& copies) {
  const auto event = codec::decode_event(record.body);
  EventFields fields;
  if ((event.header.flags & codec::EventHeader::dead_letter) == 0 || copies.size() >= copies_max) return;
  if (!codec::read_envelope(event.envelope, fields) || fields.id != id) return;
  json queues = json::array();
  for (const auto queue : event.header.queues) queues.push_back(queue_name(core, queue));
  copies.push_back({{"offset", record.offset},
                    {"exchange", fields.exchange},
                    {"key", fields.routingkey},
                    {"queues", std::move(queues)}});
}

// Reads on through the log for the ends that are not known yet. Returns the place to go on from; 0: all is known.
std::uint64_t follow_log(Core& core, const journal::Record& event, const std::string& id, std::uint64_t from,
                         std::map<routing::QueueId, json>& open, json& copies) {
  const auto visit = [&](const journal::Record& record) {
    if (record.carried) return;
    if (static_cast<codec::RecordKind>(record.kind) == codec::RecordKind::event) {
      if (record.offset > event.offset) note_copy(core, record, id, copies);
      return;
    }
    if (static_cast<codec::RecordKind>(record.kind) != codec::RecordKind::queue_changes || record.body.size() < 8) {
      return;
    }
    routing::QueueId queue = 0;
    std::memcpy(&queue, record.body.data(), sizeof queue);
    const auto found = open.find(queue);
    if (found == open.end()) return;
    for (const auto& change : queue::decode_changes(record.body.subspan(8))) {
      if (std::find(change.offsets.begin(), change.offsets.end(), event.offset) != change.offsets.end()) {
        follow(change, record.recordedtime, found->second);
      }
    }
  };
  const auto at = core.journal.scan(std::clamp(from, event.position, core.journal.position()), visit, step_bytes);
  const bool known =
      std::all_of(open.begin(), open.end(), [](const auto& one) { return one.second.contains("state"); });
  return known || at >= core.journal.position() ? 0 : at;
}

Inspected explain_event(Core& core, const std::string& id, std::uint64_t offset, const json& argument) {
  const auto read = core.journal.get(offset);
  if (read.events.empty()) return not_there("the log no longer has event '" + id + "'");
  const auto& record = read.events.front();
  const auto event = codec::decode_event(record.body);
  EventFields fields;
  if (!codec::read_envelope(event.envelope, fields)) return not_there("event '" + id + "' does not decode");

  std::map<routing::QueueId, json> fates;
  std::map<routing::QueueId, json> open;
  const auto known = argument.value("known", json::object());
  for (const auto queue : event.header.queues) {
    const QueueEntry* entry = core.broker.queue(queue);
    const auto where = entry == nullptr ? std::nullopt : entry->queue.find(offset);
    if (where) {
      fates[queue] = standing(*where);
    } else {
      open[queue] = known.value(std::to_string(queue), json{{"history", json::array()}});
    }
  }
  json copies = argument.value("copies", json::array());
  if (!open.empty()) {
    const auto from = argument.value("position", record.position);
    if (const auto at = follow_log(core, record, id, from, open, copies); at != 0) {
      json so_far = json::object();
      for (const auto& [queue, fate] : open) so_far[std::to_string(queue)] = fate;
      return answer({{"more",
                      {{"id", id},
                       {"offset", offset},
                       {"position", at},
                       {"known", std::move(so_far)},
                       {"copies", std::move(copies)}}}});
    }
  }
  json queues = json::array();
  json told = json::array();
  for (const auto queue : event.header.queues) {
    const auto name = queue_name(core, queue);
    json fate = fates.contains(queue) ? fates[queue] : open[queue];
    // Retention may have taken the stretch of log, or it is being written.
    if (!fate.contains("state") && core.broker.queue(queue) == nullptr) {
      fate["state"] = "dropped";
      fate["reason"] = queue::name_of(queue::LossReason::queue_deleted);
    } else if (!fate.contains("state")) {
      fate["state"] = "settled";
    }
    fate["queue"] = name;
    told.push_back(std::move(fate));
    queues.push_back(name);
  }
  const auto explanation = core.broker.topology().explain(fields.exchange, fields.routingkey, fields.headers);
  return answer({{"found", true},
                 {"id", id},
                 {"offset", offset},
                 {"recordedtime", codec::rfc3339(record.recordedtime)},
                 {"source", fields.source},
                 {"type", fields.type},
                 {"exchange", fields.exchange},
                 {"key", fields.routingkey},
                 {"unroutable", (event.header.flags & codec::EventHeader::unroutable) != 0},
                 {"queues", std::move(queues)},
                 {"fates", std::move(told)},
                 {"copies", std::move(copies)},
                 {"steps", steps_of(explanation)},
                 {"queuesNow", explanation.queues},
                 {"lints", lints_on_the_way(core, explanation, std::string{fields.routingkey})}});
}

// --- lints

json lint(const char* code, const std::string& subject, const std::string& message) {
  return {{"code", code}, {"subject", subject}, {"message", message}};
}

// What was published lately and nobody takes to this day.
void lint_unconsumed(Core& core, json& lints) {
  QueueEntry* parking = core.broker.queue(parking_queue);
  if (parking == nullptr) return;
  std::vector<std::uint64_t> newest;
  parking->queue.each_offset([&](std::uint64_t offset) { newest.push_back(offset); });
  const auto kept = std::min(newest.size(), parked_looked_at);
  std::partial_sort(newest.begin(), newest.begin() + static_cast<std::ptrdiff_t>(kept), newest.end(), std::greater<>{});
  newest.resize(kept);
  std::map<std::pair<std::string, std::string>, std::size_t> missed;
  for (const auto offset : newest) {
    const auto read = core.journal.get(offset);
    EventFields fields;
    if (read.events.empty()) continue;
    if (!codec::read_envelope(codec::decode_event(read.events.front().body).envelope, fields)) continue;
    if (!core.broker.topology().route(fields.exchange, fields.routingkey, fields.headers).unroutable()) continue;
    ++missed[{std::string{fields.exchange}, std::string{fields.routingkey}}];
  }
  for (const auto& [address, count] : missed) {
    lints.push_back(lint("type-unconsumed", address.second,
                         "nobody consumes '" + address.second + "' of exchange '" + address.first + "', and " +
                             std::to_string(count) + " of the newest " + std::to_string(kept) +
                             " parked events are it: bind a queue"));
  }
}

void lint_unread(Core& core, json& lints) {
  core.broker.each_queue([&](QueueEntry& entry) {
    const auto counts = entry.queue.counts();
    if (entry.queue.consumer_count() != 0 || entry.name == parking_queue) return;
    lints.push_back(lint("queue-unread", entry.name,
                         "nobody reads queue '" + entry.name + "', which holds " + std::to_string(counts.live()) +
                             " messages: start its service, or delete it"));
  });
}

}  // namespace

json lints_of(Core& core) {
  json lints = json::array();
  for (const auto& one : core.broker.topology().lints()) {
    lints.push_back(lint(one.code.c_str(), one.subject, one.message));
  }
  lint_unread(core, lints);
  lint_unconsumed(core, lints);
  return lints;
}

Inspected explain(Core& core, const json& argument) {
  const auto id = argument.value("id", std::string{});
  if (id.empty()) return explain_key(core, argument);
  try {
    auto offset = argument.value("offset", std::uint64_t{0});
    if (offset == 0) {
      const auto search = find_event(core, id, argument);
      if (!search.more.is_null()) return answer({{"more", search.more}});
      offset = search.offset;
    }
    if (offset == 0) {
      return not_there("the log has no event '" + id + "': it was never stored, or is older than what the log keeps");
    }
    return explain_event(core, id, offset, argument);
  } catch (const Error& error) {
    return {true, false, {}, error.what()};
  }
}

}  // namespace laban::hub
