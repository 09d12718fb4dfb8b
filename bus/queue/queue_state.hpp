// bus/queue/queue_state.hpp - what a queue holds; shared by its sources, not for other rooms.
//
// A keyed message sits in its key's list, in the order of joining; only the first of a list can be delivered, and only
// while it is `ready`. So "delivered", "waits for its retry", "parked and holding" are states of the first message, and
// nothing else has to be remembered of a key.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/queue/chunks.hpp"
#include "bus/queue/queue.hpp"
#include "bus/queue/ready_set.hpp"

namespace laban::queue {

using Handle = std::uint32_t;  // a message's number in this process

enum class MessageState : std::uint8_t { dead, ready, unacknowledged, moving, scheduled, retrying, parked };

struct Message {
  std::uint64_t offset = 0;
  std::uint32_t key = none;
  std::uint32_t bytes = 0;
  Handle previous = none;  // in the key's list
  Handle next = none;
  std::uint32_t extra = none;
  std::uint8_t priority = 0;
  std::uint8_t state : 3 = 0;
  std::uint8_t in_ready : 1 = 0;           // the ready set has an entry of it, so its number cannot be used again yet
  std::uint8_t redelivered : 1 = 0;        // not durable: a restart decides by the horizon
  std::uint8_t given_redelivered : 1 = 0;  // durable
  std::uint8_t redriven : 1 = 0;
  std::uint8_t linked : 1 = 0;
};
static_assert(sizeof(Message) == 32, "ten million queued messages have to fit");

struct Trouble {
  std::uint32_t attempts = 0;
  bool soft_wait = false;  // waits because it was given back: not durable
  Time not_before{};       // durable
  ParkReason park_reason{};
  Time parked_at{};
  DeadLetterReason dead_letter_reason{};
  std::vector<Attempt> history;
};

// What few messages have.
struct Extra {
  Time wait_until{};               // of scheduled and retrying
  Time deliver_at{};               // of what was scheduled
  std::uint64_t joined_after = 0;  // the newest offset when a scheduled message joined its key; 0: not joined
  Time expires_at{};
  std::unique_ptr<Trouble> trouble;
};

struct Key {
  std::uint64_t hash = 0;
  Handle first = none;
  Handle last = none;
  std::uint32_t messages = 0;  // also those that are not in the list: scheduled, or parked and released
};

struct InFlight {
  Fence fence = 0;
  Handle message = none;
  ConsumerId consumer = 0;
  Time deadline{};
  std::uint32_t previous = none, next = none;  // of the same consumer, oldest first
  std::uint32_t earlier = none, later = none;  // of the queue, by deadline
};

struct Consumer {
  ConsumerId id = 0;
  std::string name;
  std::uint32_t prefetch = 1;
  std::uint32_t unacknowledged = 0;
  bool paused = false;
  bool stalled = false;
  bool in_ring = false;
  std::uint32_t first = none, last = none;  // in flight
};

struct Timer {
  Time at;
  std::uint64_t offset;
  Handle message;
  auto operator<=>(const Timer&) const = default;
};

// Timers that may be stale: whoever takes one asks whether its message still waits for that instant.
class Timers {
 public:
  void add(Time at, std::uint64_t offset, Handle message) {
    heap_.push_back({at, offset, message});
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
  }
  bool empty() const { return heap_.empty(); }
  const Timer& first() const { return heap_.front(); }
  void drop_first() {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    heap_.pop_back();
  }
  // Drops what is stale, once the heap has doubled since the last time.
  template <class Valid>
  void trim(Valid&& valid) {
    if (heap_.size() < trim_at_) return;
    std::erase_if(heap_, [&](const Timer& timer) { return !valid(timer); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>{});
    trim_at_ = 2 * heap_.size() + 1024;
  }
  std::size_t size() const { return heap_.size(); }
  std::size_t memory_bytes() const { return heap_.capacity() * sizeof(Timer); }
  void clear() {
    heap_ = {};
    trim_at_ = 1024;
  }

 private:
  std::vector<Timer> heap_;
  std::size_t trim_at_ = 1024;
};

struct KeyHash {
  using is_transparent = void;
  const Chunks<Key>* keys;
  std::size_t operator()(std::uint64_t hash) const { return hash; }
  std::size_t operator()(std::uint32_t number) const { return (*keys)[number].hash; }
};
struct KeyEqual {
  using is_transparent = void;
  const Chunks<Key>* keys;
  bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
  bool operator()(std::uint32_t a, std::uint64_t hash) const { return (*keys)[a].hash == hash; }
  bool operator()(std::uint64_t hash, std::uint32_t a) const { return (*keys)[a].hash == hash; }
};
struct OffsetHash {
  using is_transparent = void;
  const Chunks<Message>* messages;
  std::size_t operator()(std::uint64_t offset) const { return offset * 0x9E37'79B9'7F4A'7C15U; }
  std::size_t operator()(std::uint32_t number) const { return (*this)((*messages)[number].offset); }
};
struct OffsetEqual {
  using is_transparent = void;
  const Chunks<Message>* messages;
  bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
  bool operator()(std::uint32_t a, std::uint64_t offset) const { return (*messages)[a].offset == offset; }
  bool operator()(std::uint64_t offset, std::uint32_t a) const { return (*messages)[a].offset == offset; }
};

std::uint64_t hash_key(std::string_view key, std::uint64_t seed);  // stable across processes; never 0

struct Queue::State {
  State(Settings s, Fence first_fence);

  // --- messages and keys (queue_messages.cpp)
  MessageState state_of(Handle h) const { return static_cast<MessageState>(messages[h].state); }
  void set_state(Handle h, MessageState to);  // keeps the counts
  std::uint64_t* counter_of(MessageState state);
  Extra& extra_of(Handle h);
  const Extra* find_extra(Handle h) const;
  Trouble& trouble_of(Handle h);
  const Trouble* find_trouble(Handle h) const;
  std::uint32_t attempts_of(Handle h) const;
  Time expires_at(Handle h) const;
  std::uint64_t position_of(Handle h) const;  // orders a key's list
  bool joins_before(Handle a, Handle b) const;
  std::uint32_t key_numbered(std::uint64_t hash);  // made where it is missing
  void link_last(Handle h);
  void link_sorted(Handle h);
  void link_newest(Handle h, Time at);  // an event recorded at that instant
  void take_own_place(Handle h);
  void unlink(Handle h);
  void insert_after(Handle h, Handle before);
  bool is_first(Handle h) const { return messages[h].key == none || keys[messages[h].key].first == h; }
  bool can_go(Handle h) const { return state_of(h) == MessageState::ready && is_first(h); }
  void wake_key(std::uint32_t key);  // its first message may have changed
  void make_ready(Handle h);         // in its own place in line
  void make_ready_behind(Handle h);  // behind what is ready now
  Handle peek_ready();
  void remove(Handle h);  // for good; the caller counts where it went
  void reuse(Handle h);
  void set_expiry(Handle h, Time at);
  void clear_expiry(Handle h);
  Handle add_message(std::uint64_t offset, std::uint32_t key, std::uint32_t bytes, std::uint8_t priority);
  void wait(Handle h, MessageState state, Time until);
  void join(Handle h);  // its schedule is over
  void give_back_memory();
  template <class Visit>
  void each_live(Visit&& visit) const {
    for (Handle h = 0; h < messages.end(); ++h) {
      if (state_of(h) != MessageState::dead) visit(h);
    }
  }

  // --- consumers and deliveries (queue_deliver.cpp)
  bool eligible(const Consumer& consumer) const;
  void enlist(Consumer& consumer);
  Consumer* next_consumer();
  Consumer* find_consumer(ConsumerId id);
  void hand_out(Handle h, Consumer& consumer, std::vector<Delivery>& out);
  void unlink_deadline(InFlight& flight);
  void link_deadline(std::uint32_t number);
  Handle land(std::uint32_t flight);             // out of flight: the credit is free, the state is the caller's
  void returned(Handle h, bool behind = false);  // ready again, in its own place or behind what is ready now
  void retry_at(Handle h, Time until);
  void expire_if_due(Handle h);
  void update_horizon();
  void request_horizon(std::uint64_t horizon);
  std::uint64_t effective_horizon() const { return std::min(horizon_requested, horizon_durable); }

  // --- fates (queue_fates.cpp): each writes its change, then does it
  void acknowledge(Handle h, const std::string& consumer);
  void attempt_failed(Handle h, std::string_view reason, std::string_view consumer, bool back_off);
  void rejected(Handle h, std::string_view reason, std::string_view consumer);
  void park(Handle h, ParkReason reason, std::string_view text, std::string_view consumer, bool blames);
  void start_moving(Handle h, DeadLetterReason reason);
  void expire(Handle h);
  void ledger(Handle h, LossReason reason);
  QueueChange& change(ChangeKind kind, std::uint8_t code, std::uint64_t offset);
  // What a change does; used by the above and by apply().
  void do_failed(Handle h, Time at, Time not_before, const std::string& reason, const std::string& consumer);
  void do_parked(Handle h, ParkReason reason, Time at, const std::string& text, const std::string& consumer,
                 bool blames);
  void do_redriven(Handle h, Time at);
  void remember(Handle h, Time at, const std::string& reason, const std::string& consumer);

  // --- time (queue_fates.cpp)
  void advance(Time now);
  void fire_waits();
  void fire_expiries();
  void fire_timeouts();
  bool waits_for(const Timer& timer) const;
  bool expires_by(const Timer& timer) const;

  // --- restart (queue_log.cpp)
  Handle find_by_offset(std::uint64_t offset);
  bool writes_joined(Handle h) const;

  Settings settings;
  Time now{};
  Counts counts;
  Stats stats;
  std::uint64_t queued_bytes = 0;  // of everything but what is parked
  std::uint64_t parked_bytes = 0;
  std::uint64_t last_offset = 0;

  Chunks<Message> messages;
  Chunks<Extra> extras;
  Chunks<Key> keys;
  absl::flat_hash_set<std::uint32_t, KeyHash, KeyEqual> key_index;
  ReadySet ready;
  std::size_t dead_in_ready = 0;
  Timers waits;
  Timers expiries;
  std::vector<Handle> joined_since;        // schedules that ended since the newest enqueue
  std::size_t expiring = 0;                // live messages with an expiry
  std::map<std::uint64_t, Handle> parked;  // by offset
  absl::flat_hash_map<std::uint64_t, Handle> moving;

  Chunks<InFlight> flights;
  absl::flat_hash_map<Fence, std::uint32_t> by_fence;
  std::uint32_t first_deadline = none, last_deadline = none;
  Fence next_fence;
  absl::flat_hash_map<ConsumerId, std::unique_ptr<Consumer>> consumers;
  std::vector<ConsumerId> joined;  // the oldest first
  std::deque<ConsumerId> ring;     // consumers that may take one, in turn
  bool had_consumer = false;
  Time unused_since{};

  Effects effects;
  std::uint64_t max_delivered = 0;
  std::uint64_t horizon_requested = 0;
  std::uint64_t horizon_durable = 0;

  bool recovering = false;
  std::unique_ptr<absl::flat_hash_set<std::uint32_t, OffsetHash, OffsetEqual>> by_offset;  // during recovery
};

// Deliveries up to the horizon may have happened before a crash. While a queue keeps up, the horizon is open (everything
// may have); behind a backlog it runs ahead by so many offsets, so that it is written rarely and marks few.
inline constexpr std::uint64_t horizon_open = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::uint64_t horizon_ahead = 65'536;
inline constexpr std::uint64_t backlog_small = 1'024;
inline constexpr std::uint64_t backlog_large = 65'536;

}  // namespace laban::queue
