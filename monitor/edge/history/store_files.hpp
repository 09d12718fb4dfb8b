// monitor/edge/history/store_files.hpp - the open RocksDB behind the store and its views.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitor/edge/history/store.hpp"

namespace laban::monitor::store {

// Owns the database; views share it, so that it closes after the last of them.
struct Files {
  std::string directory;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // as in `families`
  rocksdb::ColumnFamilyHandle* state = nullptr;
  rocksdb::ColumnFamilyHandle* live = nullptr;
  rocksdb::ColumnFamilyHandle* ended = nullptr;
  rocksdb::ColumnFamilyHandle* history = nullptr;
  rocksdb::ColumnFamilyHandle* names = nullptr;
  rocksdb::ColumnFamilyHandle* index = nullptr;
  rocksdb::ColumnFamilyHandle* words = nullptr;
  rocksdb::ColumnFamilyHandle* past = nullptr;
  // After a failed write RocksDB asserts when it is closed; it is left open until the process ends, which it does for this.
  mutable std::atomic<bool> write_failed{false};

  ~Files();
  // Throws Error(storage) for anything but ok.
  void check(const rocksdb::Status& status, const char* doing) const;
  [[noreturn]] void damaged(const std::string& what) const;
  [[noreturn]] void of_another_release() const;
};

// Throws Error where the directory cannot be used, is in use or holds no sound store.
void open(Files& files, const std::filesystem::path& directory);

inline rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}

std::shared_ptr<const StoreView> make_view(std::shared_ptr<const Files> files, const StoreHead& head);

// Throws Error(usage) for an `after` that no page gave.
ListPage list(const Files& files, const rocksdb::ReadOptions& options, const ListQuery& query);

std::optional<StoredInstance> read_instance(const Files& files, const rocksdb::ReadOptions& options,
                                            const InstanceName& name);

// In the order of their names.
void each_live(const Files& files, rocksdb::ReadOptions options, const std::function<void(StoredInstance&)>& visit);

}  // namespace laban::monitor::store
