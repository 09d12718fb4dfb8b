// bus/hub/group.cpp - writes a group, then makes it known: broker, feeds, confirms.
#include "bus/hub/group.hpp"

#include <cassert>
#include <utility>

namespace laban::hub {
namespace {

constexpr std::size_t spare_frames_max = 256;
constexpr std::size_t spare_bytes_max = 1u << 20;  // a larger frame's memory is given back
constexpr std::size_t record_overhead = 48;

}  // namespace

void Group::keep() {
  now_.kept.push_back(std::move(slot_));
  slot_ = {};
  if (!spare_.empty()) {
    slot_ = std::move(spare_.back());
    spare_.pop_back();
  }
}

// Once the group is stored its frames have left the caches; where events go is looked at again then. Neighbours often go the
// same way, so the address of a run of them is kept beside.
void Group::keep_address(GatheredEvent& event) {
  if (last_exchange_.data() == nullptr || event.exchange != last_exchange_ || event.routingkey != last_routingkey_) {
    const auto text = keep_text(std::string{event.exchange}.append(event.routingkey));
    last_exchange_ = text.substr(0, event.exchange.size());
    last_routingkey_ = text.substr(event.exchange.size());
  }
  event.exchange = last_exchange_;
  event.routingkey = last_routingkey_;
}

void Group::add(GatheredEvent event, std::span<const routing::QueueId> queues) {
  keep_address(event);
  event.first_queue = static_cast<std::uint32_t>(now_.queues.size());
  event.queue_count = static_cast<std::uint16_t>(queues.size());
  now_.queues.insert(now_.queues.end(), queues.begin(), queues.end());
  now_.bytes += event.envelope.size() + record_overhead;
  now_.events.push_back(event);
  // Queues that the group fills count against their limits before they are filled.
  for (const auto id : queues) {
    QueueEntry* entry = core_.broker.queue(id);
    if (entry == nullptr) continue;
    ++entry->pending_messages;
    entry->pending_bytes += event.envelope.size();
  }
}

void Group::add_own(codec::Frame envelope, GatheredEvent event, std::span<const routing::QueueId> queues) {
  now_.own.push_back(std::move(envelope));  // moving keeps the bytes where they are
  event.producer = 0;
  add(event, queues);
}

void Group::add_note(codec::RecordKind kind, std::vector<std::byte> bytes) {
  now_.bytes += bytes.size() + record_overhead;
  now_.notes.push_back({kind, std::move(bytes), false});
}

void Group::add_note(const codec::Note& note) {
  const auto frame = codec::encode(note);
  add_note(codec::RecordKind::note, {frame.bytes().begin(), frame.bytes().end()});
}

void Group::add_wish(const codec::Note& note) {
  add_note(note);
  now_.notes.back().wish = true;
}

std::string_view Group::keep_text(std::string text) {
  return now_.texts.emplace_back(std::move(text));
}

void Group::confirm(Session& session, Level asked, const Fate& fate) {
  if (!session.confirming) {
    session.confirming = true;
    confirming_.push_back(session.number);
  }
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

std::span<const routing::QueueId> Group::Batch::queues_of(const GatheredEvent& event) const {
  return std::span{queues}.subspan(event.first_queue, event.queue_count);
}

codec::EventHeader Group::Batch::header_of(const GatheredEvent& event) const {
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
  for (const auto& note : now_.notes) core_.journal.append_note(static_cast<std::uint8_t>(note.kind), {note.bytes});
  for (const auto& event : now_.events) {
    codec::encode_event_header(now_.header_of(event), header_);
    (void)core_.journal.append_event(static_cast<std::uint8_t>(codec::RecordKind::event), {header_, event.envelope});
  }
}

// From here on the sessions gather for the next group.
void Group::collect_answers() {
  for (const auto number : confirming_) {
    Session* session = core_.sessions.find(number);
    if (session == nullptr) continue;
    session->confirming = false;
    for (const auto asked : {Level::accepted, Level::written, Level::synced}) {
      auto& confirms = session->confirms[static_cast<std::size_t>(asked)];
      if (!confirms.runs.empty()) now_.answers.push_back({number, asked, std::exchange(confirms, {})});
    }
  }
  confirming_.clear();
}

bool Group::commit(bool durably) {
  return store(durably, Sync::here);
}

// A small group is synced by the loop itself: handing it over costs its publishers more time than it saves others.
bool Group::start(bool durably) {
  return store(durably, large() ? Sync::beside : Sync::here);
}

bool Group::store(bool durably, Sync sync) {
  assert(!syncing_ && "await() and tell() before the next group is stored");
  begin();
  const auto written = write();
  if (!written) {
    fail(now_, written.reason);
    keep_own_alone();
    return false;
  }
  const bool stores = !written_.events.empty() || !written_.notes.empty();
  const bool syncs = stores && core_.options.sync == SyncMode::group && (durably || !written_.events.empty());
  if (syncs) {
    send_confirms(written_, Level::written, Level::written);
    if (sync == Sync::beside) {
      sync_beside();
      return true;
    }
  }
  result_ = syncs ? core_.journal.commit(journal::Durability::synced, written_.recordedtime) : written;
  std::swap(written_, synced_);
  return tell();
}

// What was gathered is handed to the operating system; the next group begins. On failure all stays gathered.
journal::CommitResult Group::write() {
  collect_answers();
  send_confirms(now_, Level::accepted, Level::accepted);
  journal::CommitResult written;
  if (!empty()) {
    append_all();
    core_.probe.wrote_group();
    written = core_.journal.commit(journal::Durability::written, core_.now());
    if (!written) return written;
  }
  std::swap(now_, written_);
  now_.number = written_.number + 1;
  last_exchange_ = last_routingkey_ = {};
  written_.first_offset = written.first_offset;
  written_.last_offset = written.last_offset;
  written_.recordedtime = written.recordedtime;
  return written;
}

void Group::sync_beside() {
  syncing_ = core_.journal.start_sync(wake_);
  assert(syncing_ && "what was written a moment ago is not synced yet");
}

void Group::await() {
  assert(syncing_ && "await() follows start()");
  syncing_ = false;
  result_ = core_.journal.finish_sync();
  begin();
  std::swap(written_, synced_);
}

bool Group::start_next() {
  if (!result_ || !large() || !has_events() || !write()) return false;
  send_confirms(written_, Level::written, Level::written);
  sync_beside();
  return true;
}

bool Group::tell() {
  if (result_.sync_time.count() != 0) {
    core_.probe.synced(std::chrono::duration<double>(result_.sync_time).count());
  }
  if (!result_) {
    fail(synced_, result_.reason);
    return false;
  }
  succeed();
  return true;
}

void Group::succeed() {
  if (!synced_.events.empty() || !synced_.notes.empty()) core_.storage_trouble.clear();
  if (!synced_.events.empty()) {
    release(synced_);
    core_.not_before(synced_.recordedtime);
    std::uint64_t offset = synced_.first_offset;
    for (const auto& event : synced_.events) {
      StoredEvent to;
      to.offset = offset;
      to.recordedtime = synced_.recordedtime;
      to.header = synced_.header_of(event);
      to.exchange = event.exchange;
      to.key = event.key;
      to.bytes = event.envelope.size();
      to.priority = event.priority;
      to.deliver_at = event.deliver_at;
      to.expires_at = event.expires_at;
      core_.broker.store(to);
      for (const auto id : to.header.queues) {
        if (QueueEntry* entry = core_.broker.queue(id)) core_.mark_dirty(*entry);
      }
      if (event.unparked) core_.unparked.add(offset, event.key);
      core_.feeds.add({offset, synced_.recordedtime, event.principal, event.envelope}, event.exchange,
                      event.routingkey);
      ++offset;
    }
    core_.head = synced_.last_offset;
    core_.feeds.flush(core_.head, synced_.recordedtime);
  }
  const auto reached = core_.options.sync == SyncMode::group ? Level::synced : Level::written;
  send_confirms(synced_, Level::written, reached);
  send_confirms(synced_, Level::synced, reached);
}

// Nothing of the group is stored. Its publishers are told; what the hub itself had to say is said again later.
void Group::fail(Batch& batch, const std::string& reason) {
  core_.probe.could_not_write_group();
  core_.storage_trouble = reason;
  core_.unstored_why = reason;
  for (const auto& event : batch.events) {
    if (event.producer != 0) core_.unstored[event.producer].add(event.sequence, event.key);
  }
  for (auto& answer : batch.answers) {
    for (auto& run : answer.confirms.runs) {
      if (run.refused || run.duplicate) continue;  // a duplicate was stored before this group
      core_.probe.refused(run.count);
      run.refused = true;
      run.first_offset = 0;
      run.queues = 0;
      run.code = codec::Refusal::storage;
      run.message = core_.storage_trouble;
    }
    const Session* session = core_.sessions.find(answer.session);
    if (session == nullptr) continue;
    if (Producer* producer = core_.broker.producer(session->producer)) producer->pending = producer->stored;
  }
  send_confirms(batch, Level::written, Level::accepted);
  send_confirms(batch, Level::synced, Level::accepted);
  release(batch);
}

// After a failed write: the rest of the group waits for the next one.
void Group::keep_own_alone() {
  std::erase_if(now_.notes, [](const Note& note) { return note.wish; });
  const auto all = std::exchange(now_.events, {});
  const auto queues = std::exchange(now_.queues, {});
  const auto texts = std::exchange(now_.texts, {});  // the addresses of what is kept lie in it
  last_exchange_ = last_routingkey_ = {};
  now_.bytes = 0;
  for (const auto& note : now_.notes) now_.bytes += note.bytes.size() + record_overhead;
  for (const auto& event : all) {
    if (event.producer == 0) add(event, std::span{queues}.subspan(event.first_queue, event.queue_count));
  }
  now_.answers.clear();
  recycle_frames(now_);
}

// What the group would have filled, or has filled, no longer counts beside what the queues hold.
void Group::release(const Batch& batch) {
  for (const auto& event : batch.events) {
    for (const auto id : batch.queues_of(event)) {
      QueueEntry* entry = core_.broker.queue(id);
      if (entry == nullptr) continue;
      --entry->pending_messages;
      entry->pending_bytes -= event.envelope.size();
    }
  }
}

void Group::send_confirms(Batch& batch, Level asked, Level reached) {
  for (auto& answer : batch.answers) {
    if (answer.asked != asked || answer.confirms.runs.empty()) continue;
    auto confirms = std::exchange(answer.confirms, {});
    Session* session = core_.sessions.find(answer.session);
    if (session == nullptr) continue;
    for (auto& run : confirms.runs) {
      if (run.refused) continue;
      run.level = reached;
      core_.probe.confirmed(run.count);
    }
    core_.sessions.send(*session, codec::HubMessage{std::move(confirms)});
  }
}

const GatheredEvent* Group::committed(std::uint64_t offset) const {
  if (synced_.first_offset == 0 || offset < synced_.first_offset ||
      offset - synced_.first_offset >= synced_.events.size()) {
    return nullptr;
  }
  return &synced_.events[offset - synced_.first_offset];
}

void Group::begin() {
  recycle_frames(synced_);
  synced_.events.clear();
  synced_.queues.clear();
  synced_.own.clear();
  synced_.notes.clear();
  synced_.texts.clear();
  synced_.answers.clear();
  synced_.bytes = 0;
  synced_.first_offset = 0;
}

void Group::recycle_frames(Batch& batch) {
  for (auto& frame : batch.kept) {
    if (spare_.size() >= spare_frames_max || frame.size() > spare_bytes_max) continue;
    frame.assign({});  // lets go of what it adopted, and keeps its own memory
    spare_.push_back(std::move(frame));
  }
  batch.kept.clear();
}

}  // namespace laban::hub
