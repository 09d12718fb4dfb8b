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
  struct Part {
    DefinitionIndex definition = 0;
    Bucket bucket;
    std::uint64_t count = 0;
    std::vector<std::uint16_t> steps;  // not empty: only those with one of these among their last
  };
  std::vector<Part> parts;
  std::string text;  // only those whose key contains it, whatever the case
  Sort sort = Sort::stalest;
  std::size_t limit = 100;
  std::string after;  // the place of the last row of the page before; empty: from the start
};

struct ListPage {
  std::uint64_t total = 0;
  std::vector<InstanceRow> rows;
  std::string next;  // the place of the last row; empty where there is no more
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
  virtual std::vector<LogEntry> log() const = 0;
};

// What one commit changes. Threads: the writer's.
class StoreBatch {
 public:
  virtual ~StoreBatch() = default;
  // `before` is what the store holds of it now; nothing where it is new.
  virtual void put(const InstanceRow& row, std::string_view bytes, const InstanceRow* before) = 0;
  // An ended instance that later events may still judge is held: read at the start with the live ones.
  virtual void hold(const InstanceName& name, bool held) = 0;
  virtual void add_event(const InstanceName& name, const EventSummary& event) = 0;
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

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // views hold it open
};

}  // namespace laban::monitor
