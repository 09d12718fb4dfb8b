// monitor/core/causal_hold.hpp - for feeds that do not respect causes (bridges, merged logs, brokers without one order): an
// event whose cause has not been seen waits for it, for so long and among so many; and one that was seen is dropped.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/core/hash.hpp"

namespace laban::monitor {

struct CausalLimits {
  std::size_t held = 10'000;                               // events; beyond it the oldest one is let through
  std::chrono::nanoseconds wait{std::chrono::seconds{2}};  // an event waits for its cause at most so long
  std::size_t remembered = 256 * 1024;                     // ids of events that were let through
};

// Threads: one. Time is the caller's. Ids are known by their 64-bit hashes.
template <class Item>
class CausalHold {
 public:
  using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

  explicit CausalHold(CausalLimits limits = {}) : limits_(limits) {}

  // What may go on now is appended to `ready`, causes before what they caused. False: the event was seen before.
  bool arrive(std::string_view id, std::string_view cause, Time now, Item item, std::vector<Item>& ready) {
    const std::uint64_t own = hash_bytes(id);
    if (seen_.contains(own) || held_ids_.contains(own)) {
      ++duplicates_;
      return false;
    }
    const std::uint64_t wanted = cause.empty() ? 0 : hash_bytes(cause);
    if (cause.empty() || wanted == own || seen_.contains(wanted)) {
      pass(own, std::move(item), ready);
      return true;
    }
    held_ids_.emplace(own, next_);
    children_[wanted].push_back(next_);
    held_.emplace(next_++, Held{own, wanted, now, std::move(item)});
    if (held_.size() > limits_.held) let_through(ready);
    return true;
  }

  // Those that waited long enough go on without their causes.
  void advance(Time now, std::vector<Item>& ready) {
    while (!held_.empty() && held_.begin()->second.since + limits_.wait <= now) let_through(ready);
  }

  std::size_t held() const { return held_.size(); }
  std::uint64_t duplicates() const { return duplicates_; }
  std::uint64_t let_through_without_cause() const { return let_through_; }
  // In the order of their arrival.
  template <class Visit>
  void each_held(Visit visit) const {
    for (const auto& [number, one] : held_) visit(one.item);
  }

 private:
  struct Held {
    std::uint64_t own, wanted;
    Time since;
    Item item;
  };

  void remember(std::uint64_t own) {
    seen_.emplace(own, 0);
    order_.push_back(own);
    if (order_.size() <= limits_.remembered) return;
    seen_.erase(order_.front());
    order_.pop_front();
  }

  void pass(std::uint64_t own, Item item, std::vector<Item>& ready) {
    remember(own);
    ready.push_back(std::move(item));
    std::vector<std::uint64_t> open{own};
    while (!open.empty()) {
      const auto found = children_.find(open.back());
      open.pop_back();
      if (found == children_.end()) continue;
      const auto children = std::move(found->second);
      children_.erase(found);
      for (const std::uint64_t number : children) {
        const auto child = held_.find(number);
        if (child == held_.end()) continue;
        open.push_back(child->second.own);
        held_ids_.erase(child->second.own);
        remember(child->second.own);
        ready.push_back(std::move(child->second.item));
        held_.erase(child);
      }
    }
  }

  void let_through(std::vector<Item>& ready) {
    const auto oldest = held_.begin();
    Held one = std::move(oldest->second);
    auto& siblings = children_[one.wanted];
    std::erase(siblings, oldest->first);
    if (siblings.empty()) children_.erase(one.wanted);
    held_ids_.erase(one.own);
    held_.erase(oldest);
    ++let_through_;
    pass(one.own, std::move(one.item), ready);
  }

  CausalLimits limits_;
  std::map<std::uint64_t, Held> held_;  // by arrival
  absl::flat_hash_map<std::uint64_t, std::uint64_t> held_ids_;
  absl::flat_hash_map<std::uint64_t, std::vector<std::uint64_t>> children_;  // held ones, by the cause that they miss
  absl::flat_hash_map<std::uint64_t, char> seen_;
  std::deque<std::uint64_t> order_;
  std::uint64_t next_ = 0, duplicates_ = 0, let_through_ = 0;
};

}  // namespace laban::monitor
