// bus/queue/queue.hpp - the state machine of one queue: order by key, competing consumers, nothing poisoned is dropped.
//
// Pure: no I/O and no clock. Payloads stay in the log; the queue keeps about 40 bytes a message (offset, key, size,
// state) and 30 a key. Every command takes the time.
//
// What the hub does with it:
//   on commit     enqueue(message, recordedtime)
//   then          deliver(now, budget, out); send; take_effects() and write its changes into the log;
//                 once they are on the disk, changes_durable(horizon); deliver() hands out nothing whose delivery could not
//                 be told after a power cut, so a queue with consumers needs this call to go on
//   from clients  add_consumer, settle, set_prefetch, remove_consumer
//   on its timer  advance(now) at next_wakeup()
//   at restart    Queue::restore(snapshot), then enqueue() and apply() in log order, then finish_recovery(now)
//
// Time: of an event its recordedtime counts, which may lie before instants that other calls were given, because it went
// through the log meanwhile. So the same log gives the same state, whenever advance() was called.
//
// Promises: at most one unacknowledged message a key (keyed queues); the first deliveries of a key follow the order in
// which its messages joined the queue; keys of the same priority are served oldest first, a key given back goes behind
// what is ready, so none starves; Counts::law_holds() after every call; a stale fence changes nothing. Deliveries are
// not durable: after a restart what was not settled is ready again, and marked redelivered where it may have been seen.
//
// Threads: one thread at a time.
// Errors:  restore() and apply() throw Error(malformed) on bytes or changes that cannot be of this queue.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "bus/queue/queue_types.hpp"

namespace laban::queue {

class Queue {
 public:
  explicit Queue(Settings settings, Fence first_fence = 1);
  ~Queue();
  Queue(Queue&&) noexcept;
  Queue& operator=(Queue&&) noexcept;

  const Settings& settings() const;

  // --- messages in

  // Offsets grow from call to call; an offset that is not greater than the last one changes nothing and returns false.
  bool enqueue(const Enqueue& message, Time now);
  // Ask before the event is stored: what may still come in. With overflow = park everything may until parked_max.
  Room room() const;

  // --- consumers

  // Prefetch 0 is 1. A consumer that is there already gets the new prefetch.
  void add_consumer(ConsumerId id, std::string_view name, std::uint32_t prefetch, Time now);
  void set_prefetch(ConsumerId id, std::uint32_t prefetch, Time now);
  void remove_consumer(ConsumerId id, Leave how, Time now);
  // A consumer whose connection cannot take more gets nothing until resumed; what it has stays its own.
  void pause(ConsumerId id, bool paused);
  std::vector<ConsumerInfo> consumers() const;
  std::size_t consumer_count() const;

  // --- messages out

  // Appends at most `budget` deliveries, consumers with credit in turn. Returns how many.
  std::size_t deliver(Time now, std::size_t budget, std::vector<Delivery>& out);
  // True if deliver() would give something now (or after changes_durable()).
  bool deliverable() const;
  SettleResult settle(const Settle& settle, Time now);

  // The hub could not read the event back: parks what this fence delivered, with the text as its reason.
  bool undeliverable(Fence fence, std::string_view why, Time now);

  // --- time

  // Schedules, back-offs, expiry and redelivery time-outs that are due.
  void advance(Time now);
  // When to call advance() next; nothing waits for time: nullopt. May be early, is never late.
  std::optional<Time> next_wakeup() const;

  // --- dead letters

  void moved(std::uint64_t offset, Time now);
  void dead_letter_failed(std::uint64_t offset, std::string_view why, Time now);

  // --- operator

  // The parked messages in offset order, from `after` on; what redrive would put back in this order.
  std::vector<ParkedMessage> parked(std::size_t limit, std::uint64_t after = 0) const;
  // Puts parked messages back in order with their attempts at 0; returns their offsets. Repeating it is harmless.
  std::vector<std::uint64_t> redrive(Time now, std::size_t limit = 0);
  // Gives up one parked message (ledgered).
  bool discard(std::uint64_t offset, Time now);
  // Gives up everything that is not delivered or parked; returns how many.
  std::size_t purge(Time now);
  // Everything that is left is ledgered as queue_deleted: before the queue goes.
  std::size_t close(Time now);

  struct Where {
    std::string state;  // ready, waiting (behind its key), unacknowledged, scheduled, retrying, parked, dead-lettering
    std::uint32_t attempts = 0;
    Time until{};          // of scheduled and retrying
    std::string consumer;  // of unacknowledged
    std::vector<Attempt> history;
  };
  // Where a message stands; nullopt: not in this queue (any more). Looks through everything: for people and tools.
  std::optional<Where> find(std::uint64_t offset) const;

  // A redeclare or a reader without consuming: the queue is in use, queue_ttl starts anew.
  void touch(Time now);
  // Auto-delete and the last consumer left, or unused for queue_ttl. The hub deletes it then.
  bool wants_deletion(Time now) const;

  // --- effects, log, restart

  // What has piled up since the last call.
  Effects take_effects();
  bool has_effects() const;
  // The changes that were taken with this horizon are on the disk (or written, where the hub does not sync), and all that
  // were taken before them.
  void changes_durable(std::uint64_t horizon);

  // During recovery only: a change read back from the log. Its own instant counts, not the record's, since it may have
  // been written after events that came later.
  void apply(const QueueChange& change, Time recordedtime);
  // The end of recovery. What may have been delivered before the crash is marked redelivered. Fences start from
  // `first_fence`, which must be greater than any of before (the hub's start counter << 40 does).
  void finish_recovery(Time now, Fence first_fence);
  bool recovering() const;

  // The durable state: snapshot plus the changes and messages after it gives what a full replay gives, byte for byte.
  // The bytes come in pieces, so that ten million messages need no second copy in memory.
  void snapshot(const std::function<void(std::span<const std::byte>)>& write) const;
  std::vector<std::byte> snapshot() const;
  // In recovery until finish_recovery().
  static Queue restore(Settings settings, std::span<const std::byte> bytes);

  // --- what it holds

  Counts counts() const;
  const Stats& stats() const;
  std::uint64_t bytes() const;        // payload bytes of everything live
  std::uint64_t last_offset() const;  // the newest enqueued
  // The oldest offset that is still live: the log must keep it (or copy it forward). 0: nothing. Looks at everything.
  std::uint64_t oldest_offset() const;
  // Calls for each live offset, in no order: for retention and `--check`.
  void each_offset(const std::function<void(std::uint64_t)>& visit) const;
  std::size_t key_count() const;       // keys with a message here
  std::size_t held_key_count() const;  // of these, waiting for a parked message
  std::size_t memory_bytes() const;    // what this queue holds in memory, about
  // For tests: recounts everything from scratch and names the first thing that does not agree.
  std::optional<std::string> audit() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace laban::queue
