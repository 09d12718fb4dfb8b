// bus/hub/group.hpp - what is gathered for one sync: events and notes, and the confirms that wait for it.
//
// Nothing waits to fill a group: it takes what had queued up while the last one was on its way to the disk.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/log_record.hpp"
#include "bus/hub/core.hpp"

namespace laban::hub {

// An event on its way into the log. Its views point into a frame that the group keeps.
struct GatheredEvent {
  codec::Blob envelope;
  std::string_view exchange;
  std::string_view routingkey;
  std::string_view key;
  std::string_view principal;
  Timestamp deliver_at{};
  Timestamp expires_at{};
  std::uint64_t sequence = 0;
  std::uint32_t producer = 0;  // 0: the hub's own
  std::uint32_t first_queue = 0;
  std::uint16_t queue_count = 0;
  std::uint16_t flags = 0;
  std::uint8_t priority = 0;
};

// Threads:  belongs to the hub's thread.
// Errors:   commit() returns false where the log took nothing. Then the publishers' events are refused; the hub's own
//           records (queue changes, dead letters) stay for the next group, since what they tell has already happened.
class Group {
 public:
  explicit Group(Core& core) : core_(core) {}

  // --- frames
  // Where the next one is received.
  codec::Frame& slot() { return slot_; }
  // Holds what is in the slot until the group is done: events point into it.
  void keep();

  // --- gathering

  bool empty() const { return events_.empty() && notes_.empty(); }
  // Nothing to store and nobody to be told.
  bool idle() const { return empty() && confirming_.empty(); }
  bool has_events() const { return !events_.empty(); }
  std::size_t bytes() const { return bytes_; }
  // The offset that the next event will have.
  std::uint64_t next_offset() const { return core_.journal.next_offset() + events_.size(); }

  void add(GatheredEvent event, std::span<const routing::QueueId> queues);
  // An event of the hub itself; takes its envelope. Its other views must point into that envelope.
  void add_own(codec::Frame envelope, GatheredEvent event, std::span<const routing::QueueId> queues);
  // A note about what has already happened.
  void add_note(codec::RecordKind kind, std::vector<std::byte> bytes);
  void add_note(const codec::Note& note);
  // A note that is a wish: forgotten where it cannot be stored.
  void add_wish(const codec::Note& note);

  // Queues that the group fills count against their limits before they are filled.
  void reserve(QueueEntry& queue, std::size_t bytes);

  // Tells a publisher about one event when its level is reached. `text` is kept.
  struct Fate {
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;
    std::uint32_t queues = 0;
    bool unroutable = false;
    bool duplicate = false;
    bool refused = false;
    codec::Refusal code = codec::Refusal::unspecified;
    std::string_view text;
  };
  void confirm(Session& session, Level asked, const Fate& fate);
  std::string_view keep_text(std::string text);

  // --- done

  // Stores all, then tells the broker and the feeds, and confirms. `durably` false: notes alone may wait for a later sync.
  bool commit(bool durably = true);
  Timestamp committed_at() const { return recordedtime_; }

  // Where an event of the group just committed lies; null for others. Valid until begin().
  const GatheredEvent* committed(std::uint64_t offset) const;

  // Forgets the committed group, ready for the next one.
  void begin();

 private:
  struct Note {
    codec::RecordKind kind;
    std::vector<std::byte> bytes;
    bool wish = false;
  };
  void append_all();
  std::span<const routing::QueueId> queues_of(const GatheredEvent& event) const;
  codec::EventHeader header_of(const GatheredEvent& event) const;
  void keep_own_alone();
  void recycle_frames();
  journal::CommitResult write(bool durably);
  void succeed(const journal::CommitResult& result);
  void fail(const journal::CommitResult& result);
  void send_confirms(Level asked, Level reached);

  Core& core_;
  codec::Frame slot_;
  std::vector<codec::Frame> kept_;
  std::vector<codec::Frame> spare_;
  std::vector<GatheredEvent> events_;
  std::vector<routing::QueueId> queues_;
  std::vector<codec::Frame> own_;  // envelopes of the hub's own events
  std::vector<Note> notes_;
  std::size_t bytes_ = 0;
  std::vector<QueueEntry*> reserved_;
  std::vector<std::uint32_t> confirming_;  // sessions
  bool asked_written_ = false;
  std::deque<std::string> texts_;
  std::vector<std::byte> header_;
  // Of the last commit:
  bool done_ = false;
  std::uint64_t committed_first_ = 0;  // 0: nothing was committed
  Timestamp recordedtime_{};
};

}  // namespace laban::hub
