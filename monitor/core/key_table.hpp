// monitor/core/key_table.hpp - finds an instance by its key's bytes: eight bytes an entry, and the caller's own records hold
// the keys. Look-ups can be prepared a batch ahead, because at a million instances each one is a cache miss.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/core/huge_pages.hpp"

namespace laban::monitor {

// Threads: one. Linear probing; an entry is the low half of the key's hash and the record's number.
class KeyTable {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  KeyTable() : entries_(64, Entry{0, none}) {}

  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&entries_[hash & mask()]); }
  // A record that may be the one: the caller prefetches it, and asks find() later.
  std::uint32_t first_candidate(std::uint64_t hash) const { return entries_[hash & mask()].record; }

  // is_it(record) compares the keys.
  template <class IsIt>
  std::uint32_t find(std::uint64_t hash, IsIt is_it) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Entry& entry = entries_[at];
      if (entry.record == none) return none;
      if (entry.tag == tag && is_it(entry.record)) return entry.record;
    }
  }

  void insert(std::uint64_t hash, std::uint32_t record) {
    if ((size_ + 1) * 10 > entries_.size() * 7) grow();
    place(static_cast<std::uint32_t>(hash), record);
    ++size_;
  }

  void replace(std::uint64_t hash, std::uint32_t before, std::uint32_t after) {
    for (std::size_t at = hash & mask(); entries_[at].record != none; at = (at + 1) & mask())
      if (entries_[at].record == before) {
        entries_[at].record = after;
        return;
      }
  }

  void erase(std::uint64_t hash, std::uint32_t record) {
    std::size_t at = hash & mask();
    while (entries_[at].record != record) {
      if (entries_[at].record == none) return;
      at = (at + 1) & mask();
    }
    --size_;
    // Closes the gap, so that no probe ends early.
    for (std::size_t next = (at + 1) & mask();; next = (next + 1) & mask()) {
      if (entries_[next].record == none) break;
      const std::size_t home = entries_[next].tag & mask();
      if (((next - home) & mask()) < ((next - at) & mask())) continue;
      entries_[at] = entries_[next];
      at = next;
    }
    entries_[at].record = none;
  }

  std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint32_t tag;
    std::uint32_t record;
  };

  std::size_t mask() const { return entries_.size() - 1; }

  void place(std::uint32_t tag, std::uint32_t record) {
    std::size_t at = tag & mask();
    while (entries_[at].record != none) at = (at + 1) & mask();
    entries_[at] = {tag, record};
  }

  void grow() {
    std::vector<Entry, HugePages<Entry>> old(entries_.size() * 2, Entry{0, none});
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.record != none) place(entry.tag, entry.record);
  }

  std::vector<Entry, HugePages<Entry>> entries_;
  std::size_t size_ = 0;
};

}  // namespace laban::monitor
