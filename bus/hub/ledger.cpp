// bus/hub/ledger.cpp - what the queues decided, on its way into the log: changes, dead letters, and lines on laban.lost.
#include <algorithm>

#include "bus/codec/envelope.hpp"
#include "bus/hub/dispatch.hpp"

namespace laban::hub {
namespace {

constexpr std::int64_t deaths_max =
    1'000;  // how often one message may go from dead-letter exchange to dead-letter exchange
constexpr std::size_t keys_looked_up_max = 64;  // events of a line that are read back for their keys

const HeaderValue* find(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

void set(Headers& headers, std::string_view name, HeaderValue value) {
  for (auto& [key, old] : headers) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  headers.emplace_back(name, std::move(value));
}

std::int64_t deaths_of(const Headers& headers) {
  const auto* count = find(headers, "x-death-count");
  const auto* number = count == nullptr ? nullptr : std::get_if<std::int64_t>(count);
  return number == nullptr ? 0 : *number;
}

// RabbitMQ's names, as far as flat headers carry them.
void write_death(Headers& headers, const QueueEntry& entry, const queue::DeadLetter& letter,
                 std::string_view exchange) {
  const std::string reason{queue::name_of(letter.reason)};
  if (find(headers, "x-first-death-queue") == nullptr) {
    set(headers, "x-first-death-queue", entry.name);
    set(headers, "x-first-death-reason", reason);
    set(headers, "x-first-death-exchange", std::string{exchange});
  }
  set(headers, "x-last-death-queue", entry.name);
  set(headers, "x-last-death-reason", reason);
  set(headers, "x-last-death-exchange", std::string{exchange});
  set(headers, "x-death-count", deaths_of(headers) + 1);
  set(headers, "x-death-attempts", std::int64_t{letter.attempts});
  if (!letter.history.empty()) set(headers, "x-death-error", letter.history.back().reason);
}

// A message that only time drives round must not go round for ever.
bool goes_in_circles(const Headers& headers, const QueueEntry& entry, const queue::DeadLetter& letter) {
  if (deaths_of(headers) >= deaths_max) return true;
  if (letter.reason != queue::DeadLetterReason::expired) return false;
  const auto* first = find(headers, "x-first-death-queue");
  const auto* name = first == nullptr ? nullptr : std::get_if<std::string>(first);
  return name != nullptr && *name == entry.name;
}

}  // namespace

void Dispatch::gather() {
  for (std::size_t i = 0; i < core_.dirty.size(); ++i) {
    if (QueueEntry* entry = core_.broker.queue(core_.dirty[i])) gather(*entry);
  }
}

void Dispatch::gather(QueueEntry& entry) {
  while (entry.queue.has_effects()) {
    auto effects = entry.queue.take_effects();
    if (!effects.changes.empty()) {
      std::vector<std::byte> bytes;
      begin_queue_changes(entry.id, bytes);
      queue::encode(effects.changes, bytes);
      group_.add_note(codec::RecordKind::queue_changes, std::move(bytes));
      for (const auto& change : effects.changes) {
        if (change.kind != queue::ChangeKind::acknowledged) needs_sync_ = group_.number();
      }
      to_confirm_.push_back({group_.number(), entry.id, effects.horizon});
    }
    count_parked(entry, effects.parked);
    if (!effects.ledgered.empty()) ledger(entry, effects.ledgered);
    for (const auto& letter : effects.dead_letters) move(entry, letter);
  }
}

void Dispatch::count_parked(QueueEntry& entry, const std::vector<queue::ParkNotice>& parked) {
  for (const auto& notice : parked) core_.probe.parked(entry.totals, queue::name_of(notice.reason));
}

void Dispatch::move(QueueEntry& entry, const queue::DeadLetter& letter) {
  const auto fail = [&](std::string_view why) { entry.queue.dead_letter_failed(letter.offset, why, core_.now()); };
  codec::Recorded stored;
  EventFields fields;
  if (!recorded(letter.offset, stored) || !codec::read_envelope(stored.envelope, fields)) {
    return fail("the log no longer has this event");
  }
  if (goes_in_circles(fields.headers, entry, letter)) return fail("dead letters go round in a circle");
  const std::string came_from{fields.exchange};
  NewEvent copy = copy_of(Event{fields});
  const auto& settings = entry.queue.settings();
  copy.exchange = settings.dead_letter_exchange;
  if (!settings.dead_letter_key.empty()) copy.routingkey = settings.dead_letter_key;
  copy.expirytime = {};  // it would expire again at once
  write_death(copy.headers, entry, letter, came_from);
  EventFields address;
  address.exchange = copy.exchange;
  address.routingkey = copy.routingkey;
  address.headers = copy.headers;
  const Route& route = publishing_.route(address);
  if (!route.found) return fail("dead-letter exchange '" + copy.exchange + "' is not declared");
  if (route.queues.empty()) return fail("dead-letter exchange '" + copy.exchange + "' reached no queue");
  publishing_.say(copy, codec::EventHeader::dead_letter);
  entry.queue.moved(letter.offset, core_.now());
  held_.clear();
}

void Dispatch::ledger(const QueueEntry& entry, const std::vector<queue::Ledgered>& lost) {
  // Neighbours of one reason share a line.
  for (std::size_t from = 0; from < lost.size();) {
    std::size_t to = from + 1;
    while (to < lost.size() && lost[to].reason == lost[from].reason) ++to;
    ledger_range(entry, std::span{lost}.subspan(from, to - from));
    from = to;
  }
}

// Nobody reads a million events back to name their keys: some of the first are enough to find the rest.
void Dispatch::ledger_range(const QueueEntry& entry, std::span<const queue::Ledgered> lost) {
  Loss loss;
  loss.why = queue::name_of(lost.front().reason);
  loss.whose = "queue";
  loss.who = entry.name;
  loss.from = lost.front().offset;
  loss.to = lost.back().offset;
  loss.count = lost.size();
  EventFields fields;
  codec::Recorded stored;
  for (const auto& one : lost.first(std::min(lost.size(), keys_looked_up_max))) {
    if (recorded(one.offset, stored) && codec::read_envelope(stored.envelope, fields)) add_key(loss.keys, fields.key());
  }
  held_.clear();
  publishing_.lose(loss);
}

}  // namespace laban::hub
