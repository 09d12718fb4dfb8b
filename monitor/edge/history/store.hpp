// monitor/edge/history/store.hpp - the monitor's memory on disk: instances, what happened to them, and the bus offset that
// all of it stands at, in one RocksDB.
//
// Threads:  one writer (begin(), commit()); views from any thread.
// Delivery: a commit is atomic and covers everything up to its offset; after kill -9 the store stands at some commit.
// Errors:   throws Error(storage) where the directory cannot be used or is damaged, and from commit() where it cannot be
//           written; Error(in_use) where another monitor has it. What reads as damaged later throws Error(storage) too.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/edge/history/records.hpp"

namespace laban::monitor {

enum class Sort {
  stalest,  // live ones, the longest silent first; then ended ones, the last ended first
  longest,  // live ones, the oldest first; then ended ones, the longest first
  newest,   // the last started first
};

// Which instances. The sets to look into are given with their counts, so that a total needs no counting.
struct ListQuery {
  // Equal instances at one step.
  struct Part {
    DefinitionIndex definition = 0;
    Bucket bucket;
    std::uint16_t step = no_cell_step;
    std::uint64_t count = 0;
  };
  // Half open.
  struct Span {
    std::optional<Time> from, to;
    bool any() const { return from || to; }
    bool holds(Time time) const { return (!from || time >= *from) && (!to || time < *to); }
  };
  // An instant of the past: what lives then, and what had ended and was changed later. What had ended and is as it was is
  // in the store's lists.
  struct Past {
    std::uint64_t change = 0;  // the last one before
    Time clock{};              // the latest time until then
    const std::vector<InstanceRow>* rows = nullptr;
  };

  std::vector<Part> parts;
  bool by_step = false;  // the parts leave steps out
  std::string text;  // only those of which each word of it begins a word of the key or of a subject, whatever the case
  Span started;
  Span ended;  // live ones are out
  Sort sort = Sort::stalest;
  std::size_t limit = 100;
  std::string after;  // the place of the last row of the page before; empty: from the start
  std::optional<Past> past;
};

struct ListPage {
  std::uint64_t total = 0;
  bool total_exact = true;  // false: there are at least so many
  std::vector<InstanceRow> rows;
  std::string next;  // the place of the last row; empty where there is no more
};

// The rows that lived at a change, and the counts there, so that a later instant needs the changes since then alone.
struct Checkpoint {
  std::uint64_t change = 0;
  std::uint64_t offset = 0;
  Time clock{};
  std::string counts;
};

// The store at one commit, unchanged for as long as it is held. Threads: any.
class StoreView {
 public:
  virtual ~StoreView() = default;

  virtual std::uint64_t offset() const = 0;
  // Throws Error(usage) for an `after` that no page gave.
  virtual ListPage list(const ListQuery& query) const = 0;
  virtual std::optional<StoredInstance> instance(const InstanceName& name) const = 0;
  // Every definition that has the key, with its last run.
  virtual std::vector<InstanceName> named(std::string_view key) const = 0;
  // In offset order, at most `limit`, after `after_offset`.
  virtual std::vector<EventSummary> events(const InstanceName& name, std::uint64_t after_offset,
                                           std::size_t limit) const = 0;
  // All of them, instance by instance.
  virtual void each_event(const std::function<void(const InstanceName&, const EventSummary&)>& visit) const = 0;
  virtual std::vector<LogEntry> log() const = 0;

  // --- the past
  virtual const StoreHead& head() const = 0;
  // The number of the last change at that offset, and at that time.
  virtual std::uint64_t change_at(std::uint64_t offset) const = 0;
  virtual std::uint64_t change_at(Time time) const = 0;
  // The last one up to that change.
  virtual std::optional<Checkpoint> checkpoint(std::uint64_t change) const = 0;
  virtual void each_checkpoint_row(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const = 0;
  // Changes after the checkpoint, up to `last`.
  virtual void each_change(const Checkpoint& from, std::uint64_t last,
                           const std::function<void(const ChangeRecord&)>& visit) const = 0;
  // Rows of ended instances that held at that change and were changed later.
  virtual void each_replaced(std::uint64_t change, const std::function<void(InstanceRow&&)>& visit) const = 0;
  // The row that this change replaced.
  virtual std::optional<InstanceRow> replaced(std::uint64_t change, const InstanceName& name) const = 0;
  // Those after offsets up to this one.
  virtual std::vector<GapRecord> gaps(std::uint64_t offset) const = 0;
  // Ended instances that ended before that time and are as they are since that change at the latest: of each state, verdict
  // and step the first ones, at most `limit` altogether.
  virtual std::vector<InstanceRow> ended_before(DefinitionIndex definition, Time time, std::uint64_t change,
                                                std::size_t limit) const = 0;
  // Live rows in no order.
  virtual void each_live(const std::function<void(InstanceRow&&)>& visit) const = 0;
};

// What one commit changes. Threads: the writer's.
class StoreBatch {
 public:
  virtual ~StoreBatch() = default;
  // `before` is what the store holds of it now; nothing where it is new.
  virtual void put(const InstanceRow& row, std::string_view bytes, const InstanceRow* before) = 0;
  // An ended instance that later events may still judge is held: read at the start with the live ones.
  virtual void hold(const InstanceName& name, bool held) = 0;
  // `new_subject`: the instance may not be known by the event's subject yet.
  virtual void add_event(const InstanceName& name, const EventSummary& event, bool new_subject = true) = 0;
  virtual void add_changes(const ChangeBlock& block) = 0;
  // The row of an ended instance, which change `until` replaced.
  virtual void put_replaced(const InstanceRow& row, std::uint64_t until) = 0;
  virtual void add_gap(const GapRecord& gap) = 0;
  // Retention: an ended instance with all that is kept of it; and the past before a checkpoint.
  virtual void remove(const InstanceRow& row) = 0;
  virtual void forget_past(const Checkpoint& until) = 0;
  // Subjects of an instance's events go, and the words that only they were found by; `only` these events where it is given,
  // whose offsets ascend. What the store held is what it holds at the last commit.
  virtual void erase_text(const InstanceName& name, const std::vector<std::uint64_t>* only) = 0;
  virtual void put_definition(DefinitionIndex index, const StoredDefinition& definition) = 0;
  virtual void put_statistics(DefinitionIndex index, std::string_view bytes) = 0;
  virtual void put_totals(std::string_view bytes) = 0;
  virtual void add_log(const LogEntry& entry) = 0;
  // Further state of the fold, under a name of its owner's choice.
  virtual void put_part(std::string_view name, std::string_view bytes) = 0;
  virtual void erase_part(std::string_view name) = 0;
};

class Store {
 public:
  explicit Store(const std::filesystem::path& directory);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const StoreHead& head() const;

  // --- at the start
  std::vector<StoredDefinition> definitions() const;
  std::optional<std::string> statistics(DefinitionIndex index) const;
  std::string totals() const;
  // Live instances and held ones.
  void each_open(const std::function<void(const StoredInstance&)>& visit) const;

  // Parts whose names begin so, in the order of their names.
  void each_part(std::string_view prefix,
                 const std::function<void(std::string_view name, std::string_view bytes)>& visit) const;

  // --- while it runs
  std::unique_ptr<StoreBatch> begin();
  // Log entries of the batch are numbered on from head.log_entries.
  void commit(std::unique_ptr<StoreBatch> batch, StoreHead head);
  std::shared_ptr<const StoreView> view() const;
  // The last run of a key, as of the last commit.
  std::optional<StoredInstance> latest(DefinitionIndex definition, std::string_view key) const;
  std::optional<StoredInstance> instance(const InstanceName& name) const;

  // Takes what was erased out of the files, as soon as no view from before is held any more. Any thread.
  void purge();

  // About what the store takes on disk. Any thread.
  std::uint64_t bytes() const;
  // Any thread: what lived and what was counted at the view's commit.
  void put_checkpoint(const StoreView& view, std::string_view counts);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // views hold it open
};

}  // namespace laban::monitor
