// bus/hub/dispatch.hpp - queues and their consumers: deliveries by credit, settlements, what becomes of the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/codec/protocol.hpp"
#include "bus/hub/group.hpp"
#include "bus/hub/publishing.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread.
class Dispatch {
 public:
  Dispatch(Core& core, Group& group, Publishing& publishing) : core_(core), group_(group), publishing_(publishing) {}

  void consume(Session& session, const codec::Consume& frame);
  void cancel(Session& session, std::uint64_t consumer);
  void settle(Session& session, const codec::Settle& frame);

  // The session has ended; its deliveries go back. `clean`: nobody is blamed.
  void leave(Session& session, bool clean);
  // Before a queue goes: its consumers are told, what it holds is ledgered.
  void close(QueueEntry& queue, std::string_view reason);
  // Puts parked messages back; returns their offsets.
  std::vector<std::uint64_t> redrive(QueueEntry& queue, std::size_t limit);

  // Schedules, back-offs and time-outs that are due.
  void advance(Timestamp now);
  // When advance() has something to do next; the epoch for never.
  Timestamp next_wakeup() const;

  // What the queues decided goes into the group: changes, dead letters, ledger lines.
  void gather();
  // False where all that was gathered may wait for a later sync: a lost acknowledgement only delivers again.
  bool needs_sync() const { return needs_sync_ == group_.number(); }
  // After the group is stored (`durably`: and synced): the queues may tell.
  void stored(bool durably);
  // Sends what consumers have credit for. True where more could be sent but for work to be gathered or for a bound.
  bool deliver();

  // The log says something else now than what was read of it.
  void forget_read();

  // Queues whose last consumer left for good, or that nobody used for their time to live.
  std::vector<QueueEntry*> unwanted(Timestamp now);

 private:
  struct Consumer {
    std::uint32_t session = 0;
    std::uint64_t number = 0;  // the client's
    routing::QueueId queue = 0;
    bool paused = false;
  };
  void remove(Session& session, std::uint64_t number, queue::Leave how);
  void gather(QueueEntry& entry);
  void move(QueueEntry& entry, const queue::DeadLetter& letter);
  void ledger(const QueueEntry& entry, const std::vector<queue::Ledgered>& lost);
  void ledger_range(const QueueEntry& entry, std::span<const queue::Ledgered> lost);
  std::size_t deliver(QueueEntry& entry);
  void send(QueueEntry& entry, std::span<const queue::Delivery> deliveries);
  bool recorded(std::uint64_t offset, codec::Recorded& into);
  void plan(QueueEntry& entry);
  void resume_slow();
  void count_parked(QueueEntry& entry, const std::vector<queue::ParkNotice>& parked);

  Core& core_;
  Group& group_;
  Publishing& publishing_;
  std::uint64_t next_consumer_ = 1;
  std::unordered_map<std::uint64_t, Consumer> consumers_;
  std::vector<queue::Delivery> deliveries_;   // reused
  struct Gathered {
    std::uint64_t group = 0;
    routing::QueueId queue = 0;
    std::uint64_t horizon = 0;  // of the changes
  };
  std::vector<Gathered> to_confirm_;  // queues whose changes a group holds, the oldest first
  using Wakeup = std::pair<Timestamp, routing::QueueId>;
  std::priority_queue<Wakeup, std::vector<Wakeup>, std::greater<>> wakeups_;
  journal::ReadResult window_;        // the stretch of log that was read last
  std::vector<journal::Block> held_;  // of earlier stretches that a frame under construction points into
  std::uint64_t needs_sync_ = 0;      // the group that a power cut must not take
  std::vector<std::uint64_t> slow_;   // consumers paused because their session does not read
};

}  // namespace laban::hub
