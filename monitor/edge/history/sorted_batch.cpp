// monitor/edge/history/sorted_batch.cpp - collecting, sorting, writing again.
#include "monitor/edge/history/sorted_batch.hpp"

#include <algorithm>
#include <cstdint>

namespace laban::monitor::store {
namespace {

struct Write {
  std::uint32_t family;
  bool deletes;
  rocksdb::Slice key, value;  // into the batch
};

class Collector : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(std::uint32_t family, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    writes.push_back({family, false, key, value});
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t family, const rocksdb::Slice& key) override {
    writes.push_back({family, true, key, {}});
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(std::uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return rocksdb::Status::NotSupported();
  }

  std::vector<Write> writes;
};

}  // namespace

rocksdb::WriteBatch sorted(const rocksdb::WriteBatch& batch,
                           const std::vector<rocksdb::ColumnFamilyHandle*>& families) {
  Collector all;
  all.writes.reserve(batch.Count());
  if (!batch.Iterate(&all).ok()) return batch;
  std::stable_sort(all.writes.begin(), all.writes.end(), [](const Write& a, const Write& b) {
    return a.family != b.family ? a.family < b.family : a.key.compare(b.key) < 0;
  });
  std::vector<rocksdb::ColumnFamilyHandle*> by_id;
  for (auto* family : families) {
    by_id.resize(std::max<std::size_t>(by_id.size(), family->GetID() + 1));
    by_id[family->GetID()] = family;
  }
  rocksdb::WriteBatch out(batch.GetDataSize());
  for (const Write& write : all.writes) {
    auto* const family = by_id.at(write.family);
    if (write.deletes) {
      out.Delete(family, write.key);
    } else {
      out.Put(family, write.key, write.value);
    }
  }
  return out;
}

}  // namespace laban::monitor::store
