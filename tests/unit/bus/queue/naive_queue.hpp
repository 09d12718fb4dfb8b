// tests/unit/bus/queue/naive_queue.hpp - a queue said as plainly as possible: lists that are searched from the front.
//
// It does not choose what is delivered; it says whether what the real queue delivered was allowed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bus/queue/queue_types.hpp"

namespace laban::test {

using namespace laban::queue;

struct NaiveQueue {
  enum class Is { ready, unacknowledged, moving, scheduled, retrying, parked };
  struct Message {
    std::string key;
    std::uint32_t bytes = 0;
    std::uint8_t priority = 0;
    Time deliver_at{};
    Time expires_at{};
    Is is = Is::ready;
    bool listed = false;
    std::uint64_t joined_after = 0;
    std::uint64_t ticket = 0;
    Time wait{};
    bool soft = false;
    std::uint32_t attempts = 0;
    bool seen = false;  // delivered since the last restart, or marked
    bool redriven = false;
    ConsumerId consumer = 0;
    Fence fence = 0;
    Time deadline{};
    std::uint64_t deadline_set = 0;  // equal deadlines ring in the order in which they were set
    DeadLetterReason dead_letter{};
    std::size_t history = 0;
    ParkReason park_reason{};
  };
  struct Consumer {
    std::uint32_t prefetch = 1;
    bool paused = false;
    bool stalled = false;
  };

  explicit NaiveQueue(Settings s) : settings(std::move(s)) {}

  Settings settings;
  Time now{};
  std::uint64_t last_offset = 0;
  std::map<std::uint64_t, Message> messages;                // live ones
  std::map<std::string, std::vector<std::uint64_t>> lists;  // a key's messages in order of joining
  std::map<ConsumerId, Consumer> consumers;
  std::vector<ConsumerId> joined;
  Counts totals;  // enqueued, acknowledged, moved, ledgered
  bool exact_tickets = true;
  bool recovering = false;
  std::uint64_t deadlines_set = 0;

  void enqueue(const Enqueue& message, Time at);
  void advance(Time to);
  // The message of a delivery is marked as delivered; says what was not allowed about it.
  std::string deliver(const Delivery& delivery);
  bool could_deliver() const;
  void settle(const Settle& settle, std::uint64_t offset);
  void leave(ConsumerId id, Leave how);
  void redrive(std::size_t limit);
  void purge();
  void discard(std::uint64_t offset);
  void moved(std::uint64_t offset);
  void dead_letter_failed(std::uint64_t offset);
  // What is left after a crash, before the log's tail is read; then after it.
  void crash();
  void restart(std::uint64_t horizon, Time at);
  Counts counts() const;
  std::uint64_t bytes() const;

 private:
  bool is_first(std::uint64_t offset) const;
  bool can_go(std::uint64_t offset) const;
  bool eligible(ConsumerId id) const;
  std::uint32_t unacknowledged(ConsumerId id) const;
  std::uint64_t position(std::uint64_t offset) const;
  bool before(std::uint64_t a, std::uint64_t b) const;
  void list(std::uint64_t offset);
  void unlist(std::uint64_t offset);
  void take_own_place(std::uint64_t offset);
  void remove(std::uint64_t offset);
  void ledger(std::uint64_t offset);
  void back(std::uint64_t offset, bool behind);
  void failed(std::uint64_t offset, bool back_off);
  void park(std::uint64_t offset, ParkReason reason, bool blames);
  void expire(std::uint64_t offset);
};

}  // namespace laban::test
