// bus/hub/group.hpp - what is gathered for one sync: events and notes, and the confirms that wait for it.
//
// Nothing waits to fill a group: it takes what queues up while the last one is on its way to the disk. So there are three:
// the one that is being gathered, the one that was written and waits for its sync, and the one that is synced, of which
// everybody is told while the next is already on its way.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
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
  bool unparked = false;  // no queue took it, and parking is full
};

// Threads:  belongs to the hub's thread; `wake` is called on the journal's helper thread.
// Errors:   commit(), start() and tell() return false where the log took nothing. Then the publishers' events are refused;
//           the hub's own records (queue changes, dead letters) stay for the next group, since what they tell has already
//           happened. A failed sync ends the log's writing until the next start, which folds anew.
class Group {
 public:
  // `wake` ends the loop's wait when await() would not wait.
  Group(Core& core, std::function<void()> wake) : core_(core), wake_(std::move(wake)) {}

  // --- frames
  // Where the next one is received.
  codec::Frame& slot() { return slot_; }
  // Holds what is in the slot until the group is done: events point into it.
  void keep();

  // --- gathering

  bool empty() const { return now_.events.empty() && now_.notes.empty(); }
  // Nothing to store and nobody to be told.
  bool idle() const { return empty() && confirming_.empty(); }
  bool has_events() const { return !now_.events.empty(); }
  std::size_t bytes() const { return now_.bytes; }
  // Of the group that is being gathered: each has a greater one than the last.
  std::uint64_t number() const { return now_.number; }
  // The offset that the next event will have.
  std::uint64_t next_offset() const { return core_.journal.next_offset() + now_.events.size(); }

  void add(GatheredEvent event, std::span<const routing::QueueId> queues);
  // An event of the hub itself; takes its envelope. Its other views must point into that envelope.
  void add_own(codec::Frame envelope, GatheredEvent event, std::span<const routing::QueueId> queues);
  // A note about what has already happened.
  void add_note(codec::RecordKind kind, std::vector<std::byte> bytes);
  void add_note(const codec::Note& note);
  // A note that is a wish: forgotten where it cannot be stored.
  void add_wish(const codec::Note& note);

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
  // Not while syncing().
  bool commit(bool durably = true);

  // The same, but where the group is large its sync goes on beside the loop, which gathers the next group: then syncing(),
  // until await() and tell().
  bool start(bool durably = true);
  bool syncing() const { return syncing_; }
  void await();
  // Between the two: writes what was gathered meanwhile and begins its sync, so the disk does not wait until all are told.
  // False where that is left to start(): the group is small, or the log does not take it.
  bool start_next();
  bool tell();

  // Where an event of the group just committed lies; null for others. Valid until begin().
  const GatheredEvent* committed(std::uint64_t offset) const;
  Timestamp committed_at() const { return synced_.recordedtime; }
  std::uint64_t committed_number() const { return synced_.number; }

  // Forgets the committed group.
  void begin();

 private:
  struct Note {
    codec::RecordKind kind;
    std::vector<std::byte> bytes;
    bool wish = false;
  };
  struct Answer {
    std::uint32_t session = 0;
    Level asked = Level::synced;
    codec::Confirms confirms;
  };
  // All that one sync covers.
  struct Batch {
    std::uint64_t number = 1;
    std::vector<codec::Frame> kept;
    std::vector<GatheredEvent> events;
    std::vector<routing::QueueId> queues;
    std::vector<codec::Frame> own;  // envelopes of the hub's own events
    std::vector<Note> notes;
    std::size_t bytes = 0;
    std::deque<std::string> texts;
    std::vector<Answer> answers;  // once gathered
    // Once written:
    std::uint64_t first_offset = 0;  // 0: no events
    std::uint64_t last_offset = 0;
    Timestamp recordedtime{};

    std::span<const routing::QueueId> queues_of(const GatheredEvent& event) const;
    codec::EventHeader header_of(const GatheredEvent& event) const;
  };
  enum class Sync { here, beside };

  bool store(bool durably, Sync sync);
  bool large() const { return now_.bytes >= core_.options.limits.sync_beside_bytes; }
  journal::CommitResult write();
  void sync_beside();
  void append_all();
  void collect_answers();
  void succeed();
  void fail(Batch& batch, const std::string& reason);
  void keep_own_alone();
  void release(const Batch& batch);
  void keep_address(GatheredEvent& event);
  void send_confirms(Batch& batch, Level asked, Level reached);
  void recycle_frames(Batch& batch);

  Core& core_;
  std::function<void()> wake_;
  codec::Frame slot_;
  std::vector<codec::Frame> spare_;
  Batch now_;      // is being gathered
  Batch written_;  // until it is synced
  Batch synced_;   // or never will be, as result_ tells; everybody is told
  journal::CommitResult result_;
  bool syncing_ = false;
  std::string_view last_exchange_;  // of the event that was added last, kept with the batch
  std::string_view last_routingkey_;
  std::vector<std::uint32_t> confirming_;  // sessions with confirms of the group that is being gathered
  std::vector<std::byte> header_;
};

}  // namespace laban::hub
