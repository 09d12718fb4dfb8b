// bus/hub/dispatch.cpp - consumers come and go, deliveries go out, settlements come in.
#include "bus/hub/dispatch.hpp"

#include <algorithm>

#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "bus/hub/access.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t deliveries_max = 4'096;  // of one queue a cycle
constexpr std::size_t frame_deliveries_max = 1'024;
constexpr std::size_t window_bytes = 256u << 10;  // read ahead for a queue that is behind

queue::Settlement settlement_of(codec::Outcome outcome) {
  switch (outcome) {
    case codec::Outcome::acknowledge:
      return queue::Settlement::acknowledge;
    case codec::Outcome::give_back:
      return queue::Settlement::give_back;
    case codec::Outcome::fail:
      return queue::Settlement::fail;
    case codec::Outcome::reject:
      return queue::Settlement::reject;
    case codec::Outcome::renew:
      break;
  }
  return queue::Settlement::renew;
}

}  // namespace

// --- consumers

void Dispatch::consume(Session& session, const codec::Consume& frame) {
  const auto refuse = [&](codec::Refusal code, std::string_view text) {
    core_.sessions.send(session, codec::HubMessage{codec::Refused{code, text, frame.consumer}});
  };
  if (session.grants != nullptr && !session.grants->may_consume(frame.queue)) {
    return refuse(codec::Refusal::denied, session.grants->denial("consume", frame.queue));
  }
  QueueEntry* entry = core_.broker.queue(frame.queue);
  if (entry == nullptr) {
    return refuse(codec::Refusal::not_found, "queue '" + std::string{frame.queue} + "' is not declared: declare it");
  }
  if (entry->owner != 0 && entry->owner != session.number) {
    return refuse(codec::Refusal::denied, "queue '" + entry->name + "' is exclusive to another session");
  }
  const auto prefetch =
      std::clamp<std::uint32_t>(frame.prefetch, 1, static_cast<std::uint32_t>(core_.options.limits.prefetch_max));
  if (const auto known = session.consumers.find(frame.consumer); known != session.consumers.end()) {
    if (consumers_.at(known->second).queue != entry->id) {
      return refuse(codec::Refusal::different, "this consumer takes from another queue: cancel it first");
    }
    entry->queue.set_prefetch(known->second, prefetch, core_.now());
    return core_.mark_dirty(*entry);
  }
  if (session.consumers.size() >= core_.options.limits.consumers_max) {
    return refuse(codec::Refusal::limit, "this session has too many consumers: cancel some");
  }
  const auto id = next_consumer_++;
  session.consumers[frame.consumer] = id;
  consumers_[id] = {session.number, frame.consumer, entry->id};
  const auto name = session.source.empty() ? "session " + std::to_string(session.number) : session.source;
  entry->queue.add_consumer(id, name, prefetch, core_.now());
  core_.mark_dirty(*entry);
}

void Dispatch::cancel(Session& session, std::uint64_t consumer) {
  remove(session, consumer, queue::Leave::clean);
}

void Dispatch::remove(Session& session, std::uint64_t number, queue::Leave how) {
  const auto found = session.consumers.find(number);
  if (found == session.consumers.end()) return;
  // Already gone where the queue was deleted after the session had ended, and before that was seen to.
  if (const auto consumer = consumers_.find(found->second); consumer != consumers_.end()) {
    if (QueueEntry* entry = core_.broker.queue(consumer->second.queue)) {
      entry->queue.remove_consumer(consumer->first, how, core_.now());
      core_.mark_dirty(*entry);
    }
    consumers_.erase(consumer);
  }
  session.consumers.erase(found);
}

void Dispatch::leave(Session& session, bool clean) {
  while (!session.consumers.empty()) {
    remove(session, session.consumers.begin()->first, clean ? queue::Leave::clean : queue::Leave::lost);
  }
}

void Dispatch::close(QueueEntry& entry, std::string_view reason) {
  for (const auto& info : entry.queue.consumers()) {
    const auto found = consumers_.find(info.id);
    if (found == consumers_.end()) continue;
    if (Session* session = core_.sessions.find(found->second.session)) {
      session->consumers.erase(found->second.number);
      core_.sessions.send(*session, codec::HubMessage{codec::Cancelled{found->second.number, reason}});
    }
    consumers_.erase(found);
    entry.queue.remove_consumer(info.id, queue::Leave::clean, core_.now());
  }
  entry.queue.close(core_.now());
  core_.mark_dirty(entry);
  gather(entry);
}

void Dispatch::settle(Session& session, const codec::Settle& frame) {
  const auto found = session.consumers.find(frame.consumer);
  if (found == session.consumers.end()) {
    core_.probe.settled_too_late(std::max<std::size_t>(frame.numbers.size(), 1));
    return;
  }
  QueueEntry* entry = core_.broker.queue(consumers_.at(found->second).queue);
  if (entry == nullptr) return;
  queue::Settle settle;
  settle.consumer = found->second;
  settle.outcome = settlement_of(frame.outcome);
  settle.fences = frame.numbers;
  settle.up_to = frame.up_to;
  settle.delay = std::chrono::milliseconds{frame.delay_millis};
  settle.reason = frame.reason;
  const auto result = entry->queue.settle(settle, core_.now());
  core_.probe.settled_too_late(result.stale);
  core_.mark_dirty(*entry);
}

std::vector<std::uint64_t> Dispatch::redrive(QueueEntry& entry, std::size_t limit) {
  auto offsets = entry.queue.redrive(core_.now(), limit);
  core_.mark_dirty(entry);
  return offsets;
}

// --- time

void Dispatch::plan(QueueEntry& entry) {
  const auto next = entry.queue.next_wakeup();
  if (!next || (entry.planned != Timestamp{} && entry.planned <= *next)) return;
  entry.planned = *next;
  wakeups_.emplace(*next, entry.id);
}

void Dispatch::advance(Timestamp now) {
  while (!wakeups_.empty() && wakeups_.top().first <= now) {
    const auto [at, id] = wakeups_.top();
    wakeups_.pop();
    QueueEntry* entry = core_.broker.queue(id);
    if (entry == nullptr || entry->planned != at) continue;
    entry->planned = {};
    entry->queue.advance(now);
    core_.mark_dirty(*entry);
  }
}

Timestamp Dispatch::next_wakeup() const {
  return wakeups_.empty() ? Timestamp{} : wakeups_.top().first;
}

std::vector<QueueEntry*> Dispatch::unwanted(Timestamp now) {
  std::vector<QueueEntry*> result;
  core_.broker.each_queue([&](QueueEntry& entry) {
    if (entry.queue.wants_deletion(now)) result.push_back(&entry);
  });
  return result;
}

// --- out

void Dispatch::stored(bool durably) {
  if (!durably) return;
  const auto later = std::find_if(to_confirm_.begin(), to_confirm_.end(), [&](const Gathered& gathered) {
    return gathered.group > group_.committed_number();
  });
  for (auto gathered = to_confirm_.begin(); gathered != later; ++gathered) {
    QueueEntry* entry = core_.broker.queue(gathered->queue);
    if (entry == nullptr) continue;
    entry->queue.changes_durable(gathered->horizon);
    core_.mark_dirty(*entry);
  }
  to_confirm_.erase(to_confirm_.begin(), later);
}

bool Dispatch::deliver() {
  resume_slow();
  auto queues = std::move(core_.dirty);
  core_.dirty.clear();
  bool more = false;
  for (const auto id : queues) {
    QueueEntry* entry = core_.broker.queue(id);
    if (entry == nullptr) continue;
    entry->dirty = false;
    const auto count = deliver(*entry);
    plan(*entry);
    const bool unsaid = entry->queue.has_effects();
    if (unsaid || (count != 0 && entry->queue.deliverable())) {
      core_.mark_dirty(*entry);
      more = true;
    }
  }
  return more;
}

std::size_t Dispatch::deliver(QueueEntry& entry) {
  deliveries_.clear();
  entry.queue.deliver(core_.now(), deliveries_max, deliveries_);
  if (deliveries_.empty()) return 0;
  // Each consumer's own stay in order.
  std::stable_sort(deliveries_.begin(), deliveries_.end(),
                   [](const auto& a, const auto& b) { return a.consumer < b.consumer; });
  for (std::size_t from = 0; from < deliveries_.size();) {
    std::size_t to = from;
    std::size_t bytes = 0;
    while (to < deliveries_.size() && deliveries_[to].consumer == deliveries_[from].consumer &&
           to - from < frame_deliveries_max && (to == from || bytes < core_.options.limits.deliveries_bytes)) {
      bytes += deliveries_[to].bytes;
      ++to;
    }
    send(entry, std::span{deliveries_}.subspan(from, to - from));
    from = to;
  }
  return deliveries_.size();
}

void Dispatch::send(QueueEntry& entry, std::span<const queue::Delivery> deliveries) {
  const auto id = deliveries.front().consumer;
  const auto found = consumers_.find(id);
  Session* session = found == consumers_.end() ? nullptr : core_.sessions.find(found->second.session);
  // An ended session's deliveries go back when it is reaped.
  if (session == nullptr) return;
  codec::Deliveries frame;
  frame.consumer = found->second.number;
  frame.messages.reserve(deliveries.size());
  for (const auto& delivery : deliveries) {
    codec::Deliveries::Delivery to;
    if (!recorded(delivery.offset, to.recorded)) {
      entry.queue.undeliverable(delivery.fence, "the log no longer has this event", core_.now());
      continue;
    }
    if (codec::is_erased(to.recorded.envelope)) {
      entry.queue.undeliverable(delivery.fence, "its payload was erased", core_.now());
      continue;
    }
    to.number = delivery.fence;
    to.attempts = delivery.attempts;
    to.redelivered = delivery.redelivered;
    if (delivery.redelivered) core_.probe.redelivered(entry.totals);
    frame.messages.push_back(to);
  }
  if (!frame.messages.empty()) {
    core_.probe.delivered(frame.messages.size());
    core_.sessions.send(*session, codec::HubMessage{std::move(frame)});
  }
  held_.clear();
  if (!session->backlog.empty() && !found->second.paused) {
    found->second.paused = true;
    entry.queue.pause(id, true);
    slow_.push_back(id);
  }
}

void Dispatch::resume_slow() {
  std::erase_if(slow_, [&](std::uint64_t id) {
    const auto found = consumers_.find(id);
    if (found == consumers_.end()) return true;
    Session* session = core_.sessions.find(found->second.session);
    if (session != nullptr && !session->backlog.empty()) return false;
    found->second.paused = false;
    if (QueueEntry* entry = core_.broker.queue(found->second.queue)) {
      entry->queue.pause(id, false);
      core_.mark_dirty(*entry);
    }
    return true;
  });
}

void Dispatch::forget_read() {
  window_ = {};
  held_.clear();
}

// The views end with the next call that reads the log, unless `held_` keeps the earlier stretch.
bool Dispatch::recorded(std::uint64_t offset, codec::Recorded& into) {
  into.offset = offset;
  if (const auto* event = group_.committed(offset)) {
    into.recordedtime = group_.committed_at();
    into.principal = event->principal;
    into.envelope = event->envelope;
    return true;
  }
  const auto find = [&]() -> const journal::Record* {
    if (window_.events.empty()) return nullptr;
    const auto first = window_.events.front().offset;
    if (offset < first || offset - first >= window_.events.size()) return nullptr;
    const auto& record = window_.events[offset - first];
    return record.offset == offset ? &record : nullptr;
  };
  const auto* record = find();
  if (record == nullptr && offset >= core_.journal.first_offset()) {
    held_.insert(held_.end(), window_.blocks.begin(), window_.blocks.end());
    window_ = core_.journal.read(offset, window_bytes);
    record = find();
  }
  if (record == nullptr) {
    held_.insert(held_.end(), window_.blocks.begin(), window_.blocks.end());
    window_ = core_.journal.get(offset);
    record = find();
  }
  if (record == nullptr) return false;
  const auto event = codec::decode_event(record->body);
  into.recordedtime = record->recordedtime;
  into.principal = event.header.principal;
  into.envelope = event.envelope;
  return true;
}

}  // namespace laban::hub
