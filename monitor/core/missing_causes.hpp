// monitor/core/missing_causes.hpp - causes that events named before they were seen: when one comes after all, what it caused was
// followed too early.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <string_view>

#include "monitor/core/hash.hpp"

namespace laban::monitor {

// Threads: one. Keeps the newest ones; ids are known by their hashes.
class MissingCauses {
 public:
  static constexpr std::size_t most = 4'096;

  bool empty() const { return known_.empty(); }
  bool has(std::string_view id) const { return known_.contains(hash_bytes(id)); }
  void add(std::string_view cause) { add(hash_bytes(cause)); }
  void add(std::uint64_t hash) {
    if (!known_.emplace(hash, 0).second) return;
    order_.push_back(hash);
    if (order_.size() <= most) return;
    known_.erase(order_.front());
    order_.pop_front();
  }
  // The oldest first.
  template <class Visit>
  void each(Visit visit) const {
    for (const std::uint64_t hash : order_) visit(hash);
  }
  std::size_t size() const { return order_.size(); }

 private:
  absl::flat_hash_map<std::uint64_t, char> known_;
  std::deque<std::uint64_t> order_;
};

}  // namespace laban::monitor
