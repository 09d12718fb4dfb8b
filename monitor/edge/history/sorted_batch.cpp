// monitor/edge/history/sorted_batch.cpp - collecting, sorting, writing.
#include "monitor/edge/history/sorted_batch.hpp"

#include <algorithm>

namespace laban::monitor::store {
namespace {

// Eight bytes from there on as a number that compares as they do; what is behind the end is zero.
std::uint64_t number_at(const rocksdb::Slice& key, std::size_t from) {
  std::uint64_t out = 0;
  for (std::size_t i = from; i < from + 8; ++i)
    out = out << 8 | (i < key.size() ? static_cast<std::uint8_t>(key[i]) : 0);
  return out;
}

}  // namespace

void SortedBatch::add(Kind kind, Family family, const rocksdb::Slice& key, const rocksdb::Slice& value) {
  writes_.push_back({number_at(key, 0), number_at(key, 8), bytes_.size(), family,
                     static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(value.size()), kind});
  bytes_.append(key.data(), key.size());
  bytes_.append(value.data(), value.size());
}

rocksdb::WriteBatch SortedBatch::finish() {
  std::sort(writes_.begin(), writes_.end(), [this](const Write& a, const Write& b) {
    if (a.family != b.family) return a.family->GetID() < b.family->GetID();
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    const int order = key(a).compare(key(b));
    return order != 0 ? order < 0 : a.at < b.at;
  });
  constexpr std::size_t overhead = 16;  // of one write
  rocksdb::WriteBatch out(bytes_.size() + writes_.size() * overhead);
  for (const Range& range : ranges_) out.DeleteRange(range.family, range.from, range.to);
  for (const Write& write : writes_) {
    switch (write.kind) {
      case Kind::put:
        out.Put(write.family, key(write), {bytes_.data() + write.at + write.key_size, write.value_size});
        break;
      case Kind::erase:
        out.Delete(write.family, key(write));
        break;
      case Kind::erase_single:
        out.SingleDelete(write.family, key(write));
        break;
    }
  }
  return out;
}

}  // namespace laban::monitor::store
