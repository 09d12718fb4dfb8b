// monitor/edge/history/sorted_batch.hpp - a commit's writes in the order of their keys: neighbours in a memtable are then
// neighbours in time too, and a commit of tens of thousands of instances costs half.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <string>
#include <vector>

namespace laban::monitor::store {

// Threads: one. Writes of one key keep their order; ranges are deleted before anything else is written.
class SortedBatch {
 public:
  using Family = rocksdb::ColumnFamilyHandle*;

  void Put(Family family, const rocksdb::Slice& key, const rocksdb::Slice& value) {
    add(Kind::put, family, key, value);
  }
  void Delete(Family family, const rocksdb::Slice& key) { add(Kind::erase, family, key, {}); }
  // Of a key that was put once since it was deleted last.
  void SingleDelete(Family family, const rocksdb::Slice& key) { add(Kind::erase_single, family, key, {}); }
  void DeleteRange(Family family, const rocksdb::Slice& from, const rocksdb::Slice& to) {
    ranges_.push_back({family, from.ToString(), to.ToString()});
  }

  rocksdb::WriteBatch finish();

 private:
  enum class Kind : std::uint8_t { put, erase, erase_single };
  struct Write {
    std::uint64_t high, low;  // the key's first bytes, which nearly always decide
    std::size_t at;           // of the key and then the value, in bytes_
    Family family;
    std::uint32_t key_size, value_size;
    Kind kind;
  };

  struct Range {
    Family family;
    std::string from, to;
  };

  void add(Kind kind, Family family, const rocksdb::Slice& key, const rocksdb::Slice& value);
  rocksdb::Slice key(const Write& write) const { return {bytes_.data() + write.at, write.key_size}; }

  std::string bytes_;
  std::vector<Write> writes_;
  std::vector<Range> ranges_;
};

}  // namespace laban::monitor::store
