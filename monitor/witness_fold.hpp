// monitor/witness_fold.hpp - the inside of the witness: the tracker, and what is to be committed. Internal to the witness.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "monitor/core/missing_causes.hpp"
#include "monitor/edge/history/changes.hpp"
#include "monitor/witness.hpp"

namespace laban::monitor {

inline const std::string accepted_part = "accepted";
inline const std::string forecast_part = "forecast ";  // and the definition's index
inline const std::string missing_part = "missing-causes";
inline const std::string removed_part = "removed ";  // and the definition's index

// What the store holds of an instance in memory, as far as its index entries depend on it, and what waits to be stored.
struct Kept {
  static constexpr std::uint32_t nothing = 0xffffffff;

  Time started{};
  Time last_event{};
  Time ended{};
  std::uint32_t subject = 0;        // a hash of the one that it was made known by last
  std::uint32_t pending = nothing;  // the newest of its events that are not stored yet
  std::uint16_t step = no_cell_step;
  std::uint8_t bucket = 0;
  bool known : 1 = false;
  bool dirty : 1 = false;
  bool held : 1 = false;  // ended and still open for later events to judge
};

struct Witness::Fold {
  struct Entry {
    std::shared_ptr<DefinitionFacts> facts;
    StoredDefinition stored;
    Statistics statistics;
    Forecast forecast;
    std::vector<std::uint64_t> removed;  // as Statistics::cells
    bool dirty = true;
    std::shared_ptr<const DefinitionCounts> counts;
  };
  struct PendingEvent {
    EventSummary summary;
    std::uint32_t before;  // the one of the same instance before, or Kept::nothing
  };

  Fold(Store& given, TrackerOptions options, ActivationListener listener)
      : store(given), tracker(options), on_activate(std::move(listener)) {}

  Store& store;
  Tracker tracker;
  ActivationListener on_activate;
  StoreHead head;
  std::vector<Entry> entries;  // by DefinitionIndex
  std::vector<Kept> kept;      // by InstanceIndex
  std::vector<InstanceIndex> dirty;
  std::vector<PendingEvent> events;
  std::vector<const EventSummary*> storing;  // reused
  // Rows of ended instances that were taken up again, until they are stored anew; by name_key().
  absl::flat_hash_map<std::string, InstanceRow> recalled;
  std::vector<LogEntry> log;
  std::vector<Change> changes;  // reused
  std::vector<DefinitionIndex> fresh_definitions;
  std::vector<InstanceRow> changed;
  bool more_changed = false;
  std::size_t observed = 0;  // since the last commit
  bool moved = false;        // the offset or a gap count moved
  std::uint64_t snapshots = 0;
  std::uint64_t commits = 0;
  std::shared_ptr<const StoreView> view;
  Services services;
  MissingCauses missing;
  bool missing_moved = false;

  // What is remembered of the past, until the next commit.
  struct Ended {
    InstanceRow row;
    bool open = false;  // later events may still judge it
  };
  ChangeWriter journal;
  std::unordered_map<InstanceIndex, Ended> ended_now;
  std::vector<std::pair<InstanceRow, std::uint64_t>> replaced;
  std::vector<GapRecord> lost;

  std::vector<AcceptedRule> accepted;
  bool accepted_changed = false;
  std::shared_ptr<const std::vector<AcceptedRule>> accepted_seen;

  // Retention.
  std::vector<InstanceRow> leaving;
  std::optional<Checkpoint> forgetting;
  std::uint64_t removals = 0;

  void load();
  void let_go(StoreBatch& batch);
  DefinitionIndex activate(const LibraryEntry& entry, StoredDefinition stored);
  void restore(const StoredInstance& instance);
  Kept& kept_of(InstanceIndex instance);
  void touch(InstanceIndex instance);
  // `waits`: the instance is followed anew; its events wait to be stored, and record_anew() comes after all of them.
  void apply(const Change& change, const EventSummary* event, std::uint64_t offset, Time time, bool waits = false);
  void rewind(InstanceIndex instance, const Observation& cause);
  std::vector<EventSummary> all_events(InstanceIndex instance, const InstanceName& name) const;
  void learn_end(const Change& change);
  void record(const Change& change, std::uint64_t offset, Time time, std::optional<Recount>&& recount = {});
  void record_anew(const std::vector<Change>& anew, const Totals& before, Recount&& recount, const Observation& cause);
  Ended ended_view(InstanceIndex instance) const;
  void wait(InstanceIndex instance, const EventSummary& event);
  // In the order of their offsets.
  void pending_of(InstanceIndex instance, std::vector<const EventSummary*>& out) const;
  InstanceRow row_of(const InstanceView& now, InstanceIndex instance) const;
  std::optional<InstanceRow> row_before(const Kept& place, const InstanceName& name);
  static void remember(Kept& place, const InstanceRow& row);
  void commit_instance(StoreBatch& batch, InstanceIndex instance);
  void put_parts(StoreBatch& batch);
  void let_stored_go();
  void count();
};

}  // namespace laban::monitor
