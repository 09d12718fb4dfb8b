// bus/hub/group.cpp - writes a group, then makes it known: broker, feeds, confirms.
#include "bus/hub/group.hpp"

#include <algorithm>
#include <utility>

namespace laban::hub {
namespace {

constexpr std::size_t spare_frames_max = 256;
constexpr std::size_t spare_bytes_max = 1u << 20;  // a larger frame's memory is given back
constexpr std::size_t record_overhead = 48;

}  // namespace

void Group::keep() {
  kept_.push_back(std::move(slot_));
  slot_ = {};
  if (!spare_.empty()) {
    slot_ = std::move(spare_.back());
    spare_.pop_back();
  }
}

void Group::add(GatheredEvent event, std::span<const routing::QueueId> queues) {
  event.first_queue = static_cast<std::uint32_t>(queues_.size());
  event.queue_count = static_cast<std::uint16_t>(queues.size());
  queues_.insert(queues_.end(), queues.begin(), queues.end());
  bytes_ += event.envelope.size() + record_overhead;
  events_.push_back(event);
}

void Group::add_own(codec::Frame envelope, GatheredEvent event, std::span<const routing::QueueId> queues) {
  own_.push_back(std::move(envelope));  // moving keeps the bytes where they are
  event.producer = 0;
  add(event, queues);
}

void Group::add_note(codec::RecordKind kind, std::vector<std::byte> bytes) {
  bytes_ += bytes.size() + record_overhead;
  notes_.push_back({kind, std::move(bytes), false});
}

void Group::add_note(const codec::Note& note) {
  const auto frame = codec::encode(note);
  add_note(codec::RecordKind::note, {frame.bytes().begin(), frame.bytes().end()});
}

void Group::add_wish(const codec::Note& note) {
  add_note(note);
  notes_.back().wish = true;
}

void Group::reserve(QueueEntry& queue, std::size_t bytes) {
  if (queue.pending_messages == 0) reserved_.push_back(&queue);
  ++queue.pending_messages;
  queue.pending_bytes += bytes;
}

std::string_view Group::keep_text(std::string text) {
  return texts_.emplace_back(std::move(text));
}

void Group::confirm(Session& session, Level asked, const Fate& fate) {
  if (!session.confirming) {
    session.confirming = true;
    confirming_.push_back(session.number);
  }
  asked_written_ = asked_written_ || asked == Level::written;
  auto& runs = session.confirms[static_cast<std::size_t>(asked)].runs;
  if (!runs.empty()) {
    auto& last = runs.back();
    const bool follows = last.first_sequence + last.count == fate.sequence &&
                         (fate.offset == 0 ? last.first_offset == 0 : last.first_offset + last.count == fate.offset);
    const bool alike = last.queues == fate.queues && last.unroutable == fate.unroutable &&
                       last.duplicate == fate.duplicate && last.refused == fate.refused && last.code == fate.code &&
                       last.message == fate.text;
    if (follows && alike) {
      ++last.count;
      return;
    }
  }
  runs.push_back({fate.sequence, 1, fate.offset, Level::accepted, fate.queues, fate.unroutable, fate.duplicate,
                  fate.refused, fate.code, fate.text});
}

// --- done

std::span<const routing::QueueId> Group::queues_of(const GatheredEvent& event) const {
  return std::span{queues_}.subspan(event.first_queue, event.queue_count);
}

codec::EventHeader Group::header_of(const GatheredEvent& event) const {
  codec::EventHeader header;
  header.producer = event.producer;
  header.flags = event.flags;
  header.sequence = event.sequence;
  header.principal = event.principal;
  header.queues = queues_of(event);
  return header;
}

// Notes go first: what they tell happened before the group's events joined their queues.
void Group::append_all() {
  for (const auto& note : notes_) core_.journal.append_note(static_cast<std::uint8_t>(note.kind), {note.bytes});
  for (const auto& event : events_) {
    codec::encode_event_header(header_of(event), header_);
    (void)core_.journal.append_event(static_cast<std::uint8_t>(codec::RecordKind::event), {header_, event.envelope});
  }
}

journal::CommitResult Group::write(bool durably) {
  const auto at = core_.now();
  const bool sync = core_.options.sync == SyncMode::group && durably;
  if (!sync) return core_.journal.commit(journal::Durability::written, at);
  journal::CommitResult result;
  if (asked_written_) {
    result = core_.journal.commit(journal::Durability::written, at);
    if (!result) return result;
    send_confirms(Level::written, Level::written);
  }
  const auto before = Clock::now();
  const auto synced = core_.journal.commit(journal::Durability::synced, at);
  core_.counters.sync_times.observe(std::chrono::duration<double>(Clock::now() - before).count());
  if (!synced || !asked_written_) return synced;
  return result;  // the second, empty group only synced the first
}

bool Group::commit(bool durably) {
  send_confirms(Level::accepted, Level::accepted);
  journal::CommitResult result;
  if (!empty()) {
    append_all();
    ++core_.counters.groups;
    result = write(durably || !events_.empty());
  }
  if (result) {
    succeed(result);
  } else {
    fail(result);
  }
  for (QueueEntry* queue : reserved_) queue->pending_messages = queue->pending_bytes = 0;
  reserved_.clear();
  for (const auto number : confirming_) {
    if (Session* session = core_.sessions.find(number)) session->confirming = false;
  }
  confirming_.clear();
  asked_written_ = false;
  texts_.clear();
  return static_cast<bool>(result);
}

void Group::succeed(const journal::CommitResult& result) {
  done_ = true;
  core_.storage_trouble.clear();
  notes_.clear();
  if (!events_.empty()) {
    committed_first_ = result.first_offset;
    recordedtime_ = result.recordedtime;
    core_.not_before(recordedtime_);
    std::uint64_t offset = committed_first_;
    for (const auto& event : events_) {
      StoredEvent stored;
      stored.offset = offset;
      stored.recordedtime = recordedtime_;
      stored.header = header_of(event);
      stored.exchange = event.exchange;
      stored.key = event.key;
      stored.bytes = event.envelope.size();
      stored.priority = event.priority;
      stored.deliver_at = event.deliver_at;
      stored.expires_at = event.expires_at;
      core_.broker.store(stored);
      for (const auto id : stored.header.queues) {
        if (QueueEntry* entry = core_.broker.queue(id)) core_.mark_dirty(*entry);
      }
      core_.feeds.add({offset, recordedtime_, event.principal, event.envelope}, event.exchange, event.routingkey);
      ++offset;
    }
    core_.head = result.last_offset;
    core_.feeds.flush(core_.head, recordedtime_);
  }
  const auto reached = core_.options.sync == SyncMode::group ? Level::synced : Level::written;
  send_confirms(Level::written, reached);
  send_confirms(Level::synced, reached);
}

// Nothing of the group was stored. Its publishers are told; what the hub itself had to say is said again later.
void Group::fail(const journal::CommitResult& result) {
  ++core_.counters.groups_failed;
  core_.storage_trouble = result.reason;
  const auto why = keep_text(result.reason);
  core_.unstored_why = result.reason;
  for (const auto& event : events_) {
    if (event.producer != 0) core_.note_unstored(event.producer, event.sequence, event.key);
  }
  for (const auto number : confirming_) {
    Session* session = core_.sessions.find(number);
    if (session == nullptr) continue;
    for (auto& confirms : session->confirms) {
      for (auto& run : confirms.runs) {
        if (run.refused || run.duplicate) continue;  // a duplicate was stored before this group
        core_.counters.events_refused += run.count;
        run.refused = true;
        run.first_offset = 0;
        run.queues = 0;
        run.code = codec::Refusal::storage;
        run.message = why;
      }
    }
    if (Producer* producer = core_.broker.producer(session->producer)) producer->pending = producer->stored;
  }
  send_confirms(Level::written, Level::accepted);
  send_confirms(Level::synced, Level::accepted);
  keep_own_alone();
}

void Group::keep_own_alone() {
  std::erase_if(notes_, [](const Note& note) { return note.wish; });
  std::vector<GatheredEvent> own;
  std::vector<routing::QueueId> queues;
  for (auto event : events_) {
    if (event.producer != 0) continue;
    const auto reached = queues_of(event);
    event.first_queue = static_cast<std::uint32_t>(queues.size());
    queues.insert(queues.end(), reached.begin(), reached.end());
    own.push_back(event);
  }
  events_ = std::move(own);
  queues_ = std::move(queues);
  bytes_ = 0;
  for (const auto& event : events_) bytes_ += event.envelope.size() + record_overhead;
  for (const auto& note : notes_) bytes_ += note.bytes.size() + record_overhead;
  recycle_frames();
}

void Group::send_confirms(Level asked, Level reached) {
  for (const auto number : confirming_) {
    Session* session = core_.sessions.find(number);
    if (session == nullptr) continue;
    auto& confirms = session->confirms[static_cast<std::size_t>(asked)];
    if (confirms.runs.empty()) continue;
    for (auto& run : confirms.runs) {
      if (run.refused) continue;
      run.level = reached;
      core_.broker.totals().confirmed += run.count;
    }
    core_.sessions.send(*session, codec::HubMessage{std::move(confirms)});
    confirms.runs.clear();
  }
}

const GatheredEvent* Group::committed(std::uint64_t offset) const {
  if (committed_first_ == 0 || offset < committed_first_ || offset - committed_first_ >= events_.size()) return nullptr;
  return &events_[offset - committed_first_];
}

void Group::begin() {
  if (!done_) return;  // what is gathered still waits for its commit
  done_ = false;
  committed_first_ = 0;
  events_.clear();
  queues_.clear();
  own_.clear();
  bytes_ = 0;
  for (const auto& note : notes_) bytes_ += note.bytes.size() + record_overhead;
  recycle_frames();
}

void Group::recycle_frames() {
  for (auto& frame : kept_) {
    if (spare_.size() < spare_frames_max && frame.size() <= spare_bytes_max) spare_.push_back(std::move(frame));
  }
  kept_.clear();
}

}  // namespace laban::hub
