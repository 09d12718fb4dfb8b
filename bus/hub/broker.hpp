// bus/hub/broker.hpp - what the hub knows, as a pure fold over its log.
//
// Exchanges, bindings, queues, producers, durable cursors, schemas and the totals that survive a restart. The live path
// writes records first and calls the same functions afterwards that a restart calls with what it reads back.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/codec/log_record.hpp"
#include "bus/hub/options.hpp"
#include "bus/hub/probe.hpp"
#include "bus/journal/record.hpp"
#include "bus/queue/queue.hpp"
#include "bus/routing/string_map.hpp"
#include "bus/routing/topology.hpp"

namespace laban::hub {

inline constexpr std::string_view parking_queue = "laban.parking";

struct QueueEntry {
  QueueEntry(routing::QueueId number, std::string queue_name, queue::Queue state)
      : id(number), name(std::move(queue_name)), queue(std::move(state)) {}

  routing::QueueId id = 0;
  std::string name;
  queue::Queue queue;
  // Live only:
  std::uint32_t owner = 0;             // the session that declared it exclusive
  std::uint64_t pending_messages = 0;  // of groups that are not stored yet
  std::uint64_t pending_bytes = 0;
  Timestamp planned{};  // when it is looked at next for time's sake; the epoch: not at all
  bool dirty = false;   // may have something to deliver or to log
  QueueTotals totals;
};

// A source of sequenced events, and what is known of it.
struct Producer {
  std::uint32_t number = 0;
  std::string name;
  bool named = false;
  std::uint64_t stored = 0;  // the highest stored sequence
  Timestamp heard{};
  std::vector<codec::SequencesRefused> refused;  // told as refused, so never stored later; the newest few
  // Live only:
  std::uint64_t pending = 0;                      // the highest sequence stored or in the group that is being gathered
  std::vector<codec::SequencesRefused> unlogged;  // refused since the last stored one
  std::uint32_t holder = 0;                       // the session that may publish; others are fenced
  struct Run {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    std::uint64_t offset = 0;
  };
  std::array<Run, 16> runs{};  // where the newest sequences were stored, a ring
  std::size_t newest_run = 0;

  void remember(std::uint64_t sequence, std::uint64_t offset);
  std::uint64_t offset_of(std::uint64_t sequence) const;  // 0: no longer known
  const codec::SequencesRefused* refusal_of(std::uint64_t sequence) const;
};

// What the fold needs of a stored event.
struct StoredEvent {
  std::uint64_t offset = 0;
  Timestamp recordedtime{};
  codec::EventHeader header;
  std::string_view exchange;
  std::string_view key;  // the partition key
  std::size_t bytes = 0;
  std::uint8_t priority = 0;
  Timestamp deliver_at{};
  Timestamp expires_at{};
};

// A named reader's place, kept in the log.
struct Cursor {
  std::uint64_t offset = 0;  // the last one dealt with
  bool observer = false;     // never holds the log
  Timestamp saved{};         // since the last checkpoint, else the epoch
};

// Threads: belongs to the hub's thread.
// Errors:  apply() and restore() throw Error(malformed) for what cannot be of this log.
class Broker {
 public:
  Broker(const HubLimits& limits, std::uint64_t log_id);

  // --- the fold

  // A record read back from the log.
  void apply(const journal::Record& record);
  routing::Outcome apply(const codec::Note& note, Timestamp at);
  void store(const StoredEvent& event);

  // The end of a restart: deliveries of before are fenced off.
  void finish_recovery(Timestamp now);

  // The whole state, in pieces; restore() takes them together.
  void save(const std::function<void(std::span<const std::byte>)>& write) const;
  void restore(std::span<const std::byte> state);

  // --- reading

  std::uint64_t starts() const { return starts_; }
  const routing::Topology& topology() const { return topology_; }
  QueueEntry* queue(routing::QueueId id);
  QueueEntry* queue(std::string_view name);
  QueueEntry* parking() { return queue(parking_); }
  Producer* producer(std::string_view name);
  Producer* producer(std::uint32_t number);
  std::uint32_t next_producer() const { return next_producer_; }
  // Of the newest deleted queues; empty for others.
  std::string_view name_of_deleted(routing::QueueId id) const;
  std::size_t producer_count() const { return producers_.size(); }
  const Cursor* cursor(std::string_view name) const;
  const routing::StringMap<Cursor>& cursors() const { return cursors_; }
  // Begun and not ended, in the order in which they were asked for.
  const std::vector<codec::ErasureBegun>& erasures() const { return erasures_; }
  const std::vector<std::vector<std::byte>>& schemas() const { return schemas_; }
  bool has_schema(const std::vector<std::byte>& node) const;
  Totals& totals() { return totals_; }

  template <class Visit>
  void each_queue(Visit visit) {
    for (auto& [id, entry] : queues_) visit(*entry);
  }
  template <class Visit>
  void each_producer(Visit visit) {
    for (auto& [number, producer] : producers_) visit(*producer);
  }

 private:
  void add_queue(routing::QueueId id, const std::string& name, queue::Queue queue);
  queue::Queue new_queue(const QueueSpec& spec) const;
  void drop_queue(routing::QueueId id);
  void apply(const codec::LoggedEvent& event, const journal::Record& record);
  void count_ledger_line();
  void apply_queue_changes(const journal::Record& record);
  void open(const codec::ProducerState& state, Timestamp at);
  void forget(std::uint32_t number);
  std::vector<codec::HubState::Total> saved_totals() const;
  void restore_totals(const std::vector<codec::HubState::Total>& totals);

  HubLimits limits_;
  std::uint64_t log_id_;
  std::uint64_t starts_ = 0;
  bool recovering_ = true;
  routing::Topology topology_;
  std::map<routing::QueueId, std::unique_ptr<QueueEntry>> queues_;
  std::vector<QueueEntry*> by_id_;  // dense, for the hot path
  routing::QueueId parking_ = 0;
  std::map<routing::QueueId, std::string> deleted_;
  std::uint32_t next_producer_ = 1;
  std::map<std::uint32_t, std::unique_ptr<Producer>> producers_;
  std::vector<Producer*> producer_by_number_;
  routing::StringMap<Producer*> producer_by_name_;
  routing::StringMap<Cursor> cursors_;
  std::vector<std::vector<std::byte>> schemas_;
  Totals totals_;
  std::vector<codec::ErasureBegun> erasures_;
  EventFields fields_;  // reused while folding
};

// --- notes of queue changes: the queue's number, then the queue's own encoding
void begin_queue_changes(routing::QueueId id, std::vector<std::byte>& into);

}  // namespace laban::hub
