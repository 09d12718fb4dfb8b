// bus/queue/queue_types.hpp - what goes into a queue's state machine and what comes out, as plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace laban {
struct QueueSpec;
}

namespace laban::queue {

// The same type as laban::Timestamp; the epoch stands for "never" or "at once".
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;
using ConsumerId = std::uint64_t;  // chosen by the hub, unique among the queue's present consumers
using Fence = std::uint64_t;       // a delivery's number: grows with each delivery of a queue, never used twice

// Of the hub, for what a queue's declaration leaves at 0.
struct Defaults {
  std::uint32_t delivery_limit = 20;
  std::chrono::milliseconds backoff{200};
  std::chrono::milliseconds backoff_max{60'000};
};

// A QueueSpec made ready: every default filled in.
struct Settings {
  bool keyed = true;
  bool single_active = false;
  bool auto_delete = false;
  std::uint32_t delivery_limit = 20;
  std::uint64_t messages_max = 0;  // ready + unacknowledged + delayed; 0: no limit
  std::uint64_t bytes_max = 0;
  bool overflow_parks = false;  // else the hub refuses the publish: see room()
  std::uint64_t parked_max = 10'000'000;
  Duration message_ttl{0};
  Duration queue_ttl{0};
  Duration backoff{0};
  Duration backoff_max{0};
  bool park_holds = true;
  std::string dead_letter_exchange;
  std::string dead_letter_key;  // empty: the message's own routing key
  Duration redelivery_timeout{0};
  std::uint64_t key_seed = 0;  // the log's id: so that nobody outside can make two keys collide
};
Settings settings_from(const QueueSpec& spec, const Defaults& defaults, std::uint64_t key_seed = 0);

// One stored event as this queue sees it.
struct Enqueue {
  std::uint64_t offset = 0;  // grows from call to call
  std::string_view key{};    // partition key; empty: waits for nobody
  std::uint32_t bytes = 0;
  std::uint8_t priority = 0;  // higher first, between keys only
  Time deliver_at{};          // joins its key only then
  Time expires_at{};
  bool redelivered = false;  // may have been seen before (a dead-lettered copy, a resend that could not be told apart)
};

struct Delivery {
  ConsumerId consumer = 0;
  Fence fence = 0;
  std::uint64_t offset = 0;
  std::uint32_t attempts = 0;  // failed attempts so far
  std::uint32_t bytes = 0;
  bool redelivered = false;  // may have been seen before
  bool redriven = false;     // was parked and put back
};

enum class Settlement : std::uint8_t {
  acknowledge,
  give_back,  // not my fault: comes again, attempts do not grow; goes behind what is ready now
  fail,       // tried and failed: attempts grow, back-off holds the key, parked at the delivery limit
  reject,     // never again: dead-lettered or parked
  renew,      // still working: the redelivery time-out starts anew
};

struct Settle {
  ConsumerId consumer = 0;
  Settlement outcome = Settlement::acknowledge;
  std::span<const Fence> fences{};
  Fence up_to = 0;    // and every delivery of this consumer up to this one; 0: none
  Duration delay{0};  // give_back: how long the key waits
  std::string_view reason{};
};

struct SettleResult {
  std::uint32_t settled = 0;
  std::uint32_t stale =
      0;  // fences that are settled already, timed out, or another consumer's: refused, nothing changed
};

enum class Leave : std::uint8_t {
  clean,  // cancelled or said goodbye: its deliveries go back, nobody is blamed
  lost,   // its connection or process died: its oldest delivery counts as a failed attempt
};

enum class ParkReason : std::uint8_t {
  rejected = 1,
  delivery_limit = 2,
  overflow = 3,            // the length limit, with overflow = park
  dead_letter_failed = 4,  // the dead-letter exchange is missing, reached no queue, or the way is a circle
  undeliverable = 5,       // the hub could not read it back or decode it
};
inline constexpr ParkReason all_park_reasons[] = {ParkReason::rejected, ParkReason::delivery_limit,
                                                  ParkReason::overflow, ParkReason::dead_letter_failed,
                                                  ParkReason::undeliverable};
std::string_view name_of(ParkReason reason);

// Why a message left the queue unread; also the label under which the loss is counted.
enum class LossReason : std::uint8_t { expired = 1, purged = 2, discarded = 3, queue_deleted = 4, unreadable = 5 };
inline constexpr LossReason all_loss_reasons[] = {LossReason::expired, LossReason::purged, LossReason::discarded,
                                                  LossReason::queue_deleted, LossReason::unreadable};
std::string_view name_of(LossReason reason);

enum class DeadLetterReason : std::uint8_t { rejected = 1, delivery_limit = 2, expired = 3 };
std::string_view name_of(DeadLetterReason reason);

// A failed attempt, kept with the message (the last `history_max`).
struct Attempt {
  Time at{};
  std::string reason;  // at most `reason_bytes_max`, cut
  std::string consumer;
  friend bool operator==(const Attempt&, const Attempt&) = default;
};
inline constexpr std::size_t history_max = 16;
inline constexpr std::size_t reason_bytes_max = 256;

struct ParkedMessage {
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t attempts = 0;
  ParkReason reason{};
  bool holds_key = false;  // its key waits for it
  Time at{};
  std::vector<Attempt> history;
};

// --- what the hub writes to its log and applies again at restart

enum class ChangeKind : std::uint8_t {
  acknowledged = 1,  // offsets, consumer
  failed = 2,        // offsets, at, reason, consumer, not_before
  parked = 3,        // offsets, at, code = ParkReason, reason, consumer (attempt counted where blames is set)
  moved = 4,         // offsets, code = DeadLetterReason: stored behind the dead-letter exchange
  ledgered = 5,      // offsets, code = LossReason
  redriven = 6,      // offsets, at
  horizon = 7,       // horizon: offsets beyond it were certainly never delivered
};

struct QueueChange {
  ChangeKind kind{};
  std::uint8_t code = 0;
  bool blames = false;  // parked: the park is also a failed attempt
  Time at{};
  Time not_before{};
  std::uint64_t horizon = 0;
  std::vector<std::uint64_t> offsets;
  std::string reason;
  std::string consumer;
  friend bool operator==(const QueueChange&, const QueueChange&) = default;
};

// Compact bytes for the log: about two bytes an acknowledged offset. The encoding carries its version.
void encode(std::span<const QueueChange> changes, std::vector<std::byte>& out);
// Throws Error(malformed).
std::vector<QueueChange> decode_changes(std::span<const std::byte> bytes);

// --- what the hub does about a step

// The hub stores a copy behind the exchange, then calls moved(), in the same log batch; or dead_letter_failed().
// Until then the message stays in this queue and its key waits.
struct DeadLetter {
  std::uint64_t offset = 0;
  DeadLetterReason reason{};
  std::uint32_t attempts = 0;
  std::vector<Attempt> history;
};

// One line of the ledger (laban.lost), in offset order where several.
struct Ledgered {
  std::uint64_t offset = 0;
  LossReason reason{};
};

struct ParkNotice {
  std::uint64_t offset = 0;
  ParkReason reason{};
  std::uint32_t attempts = 0;
};

struct Effects {
  std::vector<QueueChange> changes;  // write these, in this order, then changes_durable(horizon)
  std::vector<DeadLetter> dead_letters;
  std::vector<Ledgered> ledgered;
  std::vector<ParkNotice> parked;
  std::uint64_t horizon = 0;  // what the log knows of deliveries once the changes are in it
  bool empty() const { return changes.empty() && dead_letters.empty() && ledgered.empty() && parked.empty(); }
};

// The queue law: enqueued = acknowledged + ready + unacknowledged + delayed + parked + moved + ledgered, always.
struct Counts {
  std::uint64_t enqueued = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t ready = 0;           // also what waits behind a held key
  std::uint64_t unacknowledged = 0;  // delivered, or on its way to the dead-letter exchange
  std::uint64_t delayed = 0;         // scheduled, or waiting for its retry
  std::uint64_t parked = 0;
  std::uint64_t moved = 0;
  std::uint64_t ledgered = 0;

  bool law_holds() const {
    return enqueued == acknowledged + ready + unacknowledged + delayed + parked + moved + ledgered;
  }
  std::uint64_t live() const { return ready + unacknowledged + delayed + parked; }
  friend bool operator==(const Counts&, const Counts&) = default;
};

// Since this object was made; not durable.
struct Stats {
  std::uint64_t delivered = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t failed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t stale_settlements = 0;
  std::uint64_t redriven = 0;
};

// How much may still be enqueued before the length limit; both are the maximum value where there is none.
struct Room {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

struct ConsumerInfo {
  ConsumerId id = 0;
  std::string name;
  std::uint32_t prefetch = 0;
  std::uint32_t unacknowledged = 0;
  bool active = false;   // false: waits behind the single active consumer
  bool stalled = false;  // let a delivery time out and has said nothing since: gets no more
};

}  // namespace laban::queue
