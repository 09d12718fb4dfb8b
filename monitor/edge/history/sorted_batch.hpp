// monitor/edge/history/sorted_batch.hpp - a commit's writes in the order of their keys: neighbours in a memtable are then
// neighbours in time too, and a commit of tens of thousands of instances costs half.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <vector>

namespace laban::monitor::store {

// The same writes; those of one key in their order. Where the batch holds more than puts and deletions of keys, as it was.
rocksdb::WriteBatch sorted(const rocksdb::WriteBatch& batch, const std::vector<rocksdb::ColumnFamilyHandle*>& families);

}  // namespace laban::monitor::store
