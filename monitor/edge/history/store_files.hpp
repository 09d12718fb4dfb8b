// monitor/edge/history/store_files.hpp - the open RocksDB behind the store and its views.
#pragma once

#include <rocksdb/db.h>

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
  rocksdb::ColumnFamilyHandle* instances = nullptr;
  rocksdb::ColumnFamilyHandle* history = nullptr;
  rocksdb::ColumnFamilyHandle* names = nullptr;
  rocksdb::ColumnFamilyHandle* index = nullptr;

  ~Files();
  // Throws Error(storage) for anything but ok.
  void check(const rocksdb::Status& status, const char* doing) const;
  [[noreturn]] void damaged(const std::string& what) const;
};

std::shared_ptr<const StoreView> make_view(std::shared_ptr<const Files> files, std::uint64_t offset);

std::optional<StoredInstance> read_instance(const Files& files, const rocksdb::ReadOptions& options,
                                            const InstanceName& name);

}  // namespace laban::monitor::store
