// bus/hub/broker.cpp - folds records into the hub's state.
#include "bus/hub/broker.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bus/codec/envelope.hpp"
#include "laban/error.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t refusals_kept_max = 4'096;  // of one producer
constexpr std::size_t deleted_kept_max = 1'000;   // names of deleted queues
constexpr int fence_bits = 40;                    // deliveries of one start of the hub

routing::Limits topology_limits(const HubLimits& limits) {
  routing::Limits to;
  to.exchanges = limits.exchanges_max;
  to.queues = limits.queues_max;
  return to;
}

Error foreign(const std::string& what) {
  return {Errc::malformed, "the log speaks of " + what + " that it never declared: check it with laban hub --verify"};
}

}  // namespace

void Producer::remember(std::uint64_t sequence, std::uint64_t offset) {
  auto& run = runs[newest_run];
  if (run.count != 0 && run.first + run.count == sequence && run.offset + run.count == offset) {
    ++run.count;
    return;
  }
  newest_run = (newest_run + 1) % runs.size();
  runs[newest_run] = {sequence, 1, offset};
}

std::uint64_t Producer::offset_of(std::uint64_t sequence) const {
  for (const auto& run : runs) {
    if (sequence >= run.first && sequence < run.first + run.count) return run.offset + (sequence - run.first);
  }
  return 0;
}

const codec::SequencesRefused* Producer::refusal_of(std::uint64_t sequence) const {
  for (auto refusal = refused.rbegin(); refusal != refused.rend(); ++refusal) {
    if (sequence >= refusal->first && sequence < refusal->first + refusal->count) return &*refusal;
  }
  return nullptr;
}

void begin_queue_changes(routing::QueueId id, std::vector<std::byte>& into) {
  into.assign(8, std::byte{0});
  std::memcpy(into.data(), &id, sizeof id);
}

Broker::Broker(const HubLimits& limits, std::uint64_t log_id)
    : limits_(limits), log_id_(log_id), topology_(topology_limits(limits)) {}

// --- the fold

void Broker::apply(const journal::Record& record) {
  if (record.carried) return;  // folded when it was new
  switch (static_cast<codec::RecordKind>(record.kind)) {
    case codec::RecordKind::event:
      return apply(codec::decode_event(record.body), record);
    case codec::RecordKind::note:
      (void)apply(codec::decode_note(record.body), record.recordedtime);
      return;
    case codec::RecordKind::queue_changes:
      return apply_queue_changes(record);
  }
  throw Error{Errc::malformed, "the log has a record of kind " + std::to_string(record.kind) +
                                   ": start the hub with the version that wrote it"};
}

void Broker::apply(const codec::LoggedEvent& event, const journal::Record& record) {
  StoredEvent stored;
  stored.offset = record.offset;
  stored.recordedtime = record.recordedtime;
  stored.header = event.header;
  // The hub read this envelope before it stored it; the log's checksum says that it is the same.
  if (codec::read_envelope(event.envelope, fields_)) {
    stored.exchange = fields_.exchange;
    stored.key = fields_.key();
    stored.bytes = event.envelope.size();
    stored.priority = fields_.priority;
    stored.deliver_at = fields_.deliverytime;
    stored.expires_at = fields_.expirytime;
    if (event.header.producer == 0 && fields_.exchange == routing::lost_exchange) count_ledger_line();
  }
  store(stored);
}

// What queues lose is counted with their changes; of everything else the line on laban.lost is the only record.
void Broker::count_ledger_line() {
  const auto key = fields_.routingkey;
  const auto dot = key.find('.');
  if (dot == std::string_view::npos || key.substr(dot + 1) == "queue") return;
  for (const auto& [name, value] : fields_.headers) {
    const auto* count = std::get_if<std::int64_t>(&value);
    if (name == "count" && count != nullptr && *count > 0) {
      totals_.lost[std::string{key.substr(0, dot)}] += static_cast<std::uint64_t>(*count);
    }
  }
}

void Broker::store(const StoredEvent& event) {
  ++totals_.published[event.exchange];
  if ((event.header.flags & codec::EventHeader::unroutable) != 0) ++totals_.unroutable[event.exchange];
  if (Producer* source = event.header.producer == 0 ? nullptr : producer(event.header.producer)) {
    source->stored = std::max(source->stored, event.header.sequence);
    source->pending = std::max(source->pending, source->stored);
    source->heard = event.recordedtime;
    source->remember(event.header.sequence, event.offset);
  }
  queue::Enqueue message;
  message.offset = event.offset;
  message.key = event.key;
  message.bytes = static_cast<std::uint32_t>(event.bytes);
  message.priority = event.priority;
  message.deliver_at = event.deliver_at;
  message.expires_at = event.expires_at;
  message.redelivered = (event.header.flags & codec::EventHeader::dead_letter) != 0;
  for (const auto id : event.header.queues) {
    // A queue that was deleted in the meantime has ledgered what it held.
    if (QueueEntry* entry = queue(id)) entry->queue.enqueue(message, event.recordedtime);
  }
}

void Broker::apply_queue_changes(const journal::Record& record) {
  routing::QueueId id = 0;
  if (record.body.size() < 8) throw foreign("a change");
  std::memcpy(&id, record.body.data(), sizeof id);
  QueueEntry* entry = queue(id);
  if (entry == nullptr) throw foreign("queue number " + std::to_string(id));
  for (const auto& change : queue::decode_changes(record.body.subspan(8))) {
    entry->queue.apply(change, record.recordedtime);
    if (change.kind == queue::ChangeKind::parked) {
      entry->totals.parked[std::string{queue::name_of(static_cast<queue::ParkReason>(change.code))}] +=
          change.offsets.size();
    }
    if (change.kind == queue::ChangeKind::ledgered) {
      totals_.lost[std::string{queue::name_of(static_cast<queue::LossReason>(change.code))}] += change.offsets.size();
    }
  }
}

routing::Outcome Broker::apply(const codec::Note& note, Timestamp at) {
  routing::Outcome outcome;
  if (const auto* started = std::get_if<codec::Started>(&note)) {
    starts_ = started->number;
    for (const auto id : topology_.drop_transient()) drop_queue(id);
  } else if (const auto* exchange = std::get_if<ExchangeSpec>(&note)) {
    outcome = topology_.declare(*exchange);
  } else if (const auto* no_exchange = std::get_if<codec::ExchangeDeleted>(&note)) {
    outcome = topology_.delete_exchange(no_exchange->name);
  } else if (const auto* spec = std::get_if<QueueSpec>(&note)) {
    outcome = topology_.declare(*spec);
    if (outcome && outcome.changed) {
      add_queue(outcome.queue, spec->name, new_queue(*spec));
    }
  } else if (const auto* no_queue = std::get_if<codec::QueueDeleted>(&note)) {
    outcome = topology_.delete_queue(no_queue->name);
    if (outcome && outcome.changed) drop_queue(outcome.queue);
  } else if (const auto* bound = std::get_if<codec::Bound>(&note)) {
    outcome = topology_.bind(bound->binding);
  } else if (const auto* unbound = std::get_if<codec::Unbound>(&note)) {
    outcome = topology_.unbind(unbound->binding);
  } else if (const auto* opened = std::get_if<codec::ProducerState>(&note)) {
    open(*opened, at);
  } else if (const auto* forgotten = std::get_if<codec::ProducerForgotten>(&note)) {
    forget(forgotten->number);
  } else if (const auto* refused = std::get_if<codec::SequencesRefused>(&note)) {
    if (Producer* source = producer(refused->producer)) {
      if (source->refused.size() >= refusals_kept_max) source->refused.erase(source->refused.begin());
      source->refused.push_back(*refused);
    }
  } else if (const auto* cursor = std::get_if<codec::CursorSaved>(&note)) {
    cursors_[cursor->name] = {cursor->offset, cursor->observer, at};
  } else if (const auto* no_cursor = std::get_if<codec::CursorDeleted>(&note)) {
    if (const auto found = cursors_.find(no_cursor->name); found != cursors_.end()) cursors_.erase(found);
  } else if (const auto* retained = std::get_if<codec::Retained>(&note)) {
    if (retained->last != 0) totals_.log_dropped += retained->last - retained->first + 1;
    totals_.log_carried += retained->carried;
  } else if (const auto* erasure = std::get_if<codec::ErasureBegun>(&note)) {
    erasures_.push_back(*erasure);
  } else if (const auto* erased = std::get_if<codec::ErasureEnded>(&note)) {
    const auto is_it = [&](const auto& one) { return one.instance == erased->instance; };
    const auto found = std::find_if(erasures_.begin(), erasures_.end(), is_it);
    if (found != erasures_.end()) erasures_.erase(found);
  } else if (const auto* kept = std::get_if<codec::SchemasKept>(&note)) {
    for (const auto& node : kept->nodes) {
      if (!has_schema(node)) schemas_.push_back(node);
    }
  }
  return outcome;
}

void Broker::finish_recovery(Timestamp now) {
  recovering_ = false;
  for (auto& [id, entry] : queues_) {
    if (entry->queue.recovering()) entry->queue.finish_recovery(now, (starts_ << fence_bits) + 1);
    entry->dirty = true;
  }
}

// --- queues and producers

queue::Queue Broker::new_queue(const QueueSpec& spec) const {
  const auto settings = queue::settings_from(spec, queue::Defaults{}, log_id_);
  queue::Queue fresh{settings, (starts_ << fence_bits) + 1};
  if (!recovering_) return fresh;
  // A queue that is read back takes changes from the log: it starts as a restored one does.
  return queue::Queue::restore(settings, fresh.snapshot());
}

void Broker::add_queue(routing::QueueId id, const std::string& name, queue::Queue queue) {
  auto entry = std::make_unique<QueueEntry>(id, name, std::move(queue));
  if (by_id_.size() <= id) by_id_.resize(id + 1, nullptr);
  by_id_[id] = entry.get();
  if (name == parking_queue) parking_ = id;
  queues_[id] = std::move(entry);
}

void Broker::drop_queue(routing::QueueId id) {
  if (const auto found = queues_.find(id); found != queues_.end()) {
    deleted_[id] = found->second->name;
    if (deleted_.size() > deleted_kept_max) deleted_.erase(deleted_.begin());
  }
  if (id < by_id_.size()) by_id_[id] = nullptr;
  queues_.erase(id);
}

std::string_view Broker::name_of_deleted(routing::QueueId id) const {
  const auto found = deleted_.find(id);
  return found == deleted_.end() ? std::string_view{} : found->second;
}

QueueEntry* Broker::queue(routing::QueueId id) {
  return id < by_id_.size() ? by_id_[id] : nullptr;
}

QueueEntry* Broker::queue(std::string_view name) {
  return queue(topology_.queue_id(name));
}

void Broker::open(const codec::ProducerState& state, Timestamp at) {
  auto& place = producers_[state.number];
  place = std::make_unique<Producer>();
  place->number = state.number;
  place->name = state.name;
  place->named = state.named;
  place->stored = state.stored;
  place->pending = state.stored;
  place->heard = state.heard == Timestamp{} ? at : state.heard;
  place->refused = state.refused;
  producer_by_name_[state.name] = place.get();
  if (producer_by_number_.size() <= state.number) producer_by_number_.resize(state.number + 1, nullptr);
  producer_by_number_[state.number] = place.get();
  next_producer_ = std::max(next_producer_, state.number + 1);
}

void Broker::forget(std::uint32_t number) {
  const auto found = producers_.find(number);
  if (found == producers_.end()) return;
  producer_by_number_[number] = nullptr;
  producer_by_name_.erase(found->second->name);
  producers_.erase(found);
}

Producer* Broker::producer(std::string_view name) {
  const auto found = producer_by_name_.find(name);
  return found == producer_by_name_.end() ? nullptr : found->second;
}

Producer* Broker::producer(std::uint32_t number) {
  return number < producer_by_number_.size() ? producer_by_number_[number] : nullptr;
}

const Cursor* Broker::cursor(std::string_view name) const {
  const auto found = cursors_.find(name);
  return found == cursors_.end() ? nullptr : &found->second;
}

bool Broker::has_schema(const std::vector<std::byte>& node) const {
  return std::find(schemas_.begin(), schemas_.end(), node) != schemas_.end();
}

}  // namespace laban::hub
