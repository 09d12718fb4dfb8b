// monitor/board.cpp - the newest instant and the pinned ones.
#include "monitor/board.hpp"

#include <algorithm>

namespace laban::monitor {
namespace {

constexpr std::size_t pins_max = 32;
constexpr std::chrono::seconds pinned_for{60};

}  // namespace

void Board::put(Published published) {
  const std::lock_guard lock(mutex_);
  newest_ = std::move(published);
  const auto now = std::chrono::steady_clock::now();
  while (!pins_.empty() && pins_.front().until < now) pins_.pop_front();
}

Published Board::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

void Board::pin(const Published& published) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const Pin& pin) { return pin.published.counts->commits == published.counts->commits; };
  pins_.erase(std::remove_if(pins_.begin(), pins_.end(), same), pins_.end());
  pins_.push_back({std::chrono::steady_clock::now() + pinned_for, published});
  if (pins_.size() > pins_max) pins_.pop_front();
}

Published Board::pinned(std::uint64_t commits) const {
  const std::lock_guard lock(mutex_);
  for (const auto& pin : pins_) {
    if (pin.published.counts->commits == commits) return pin.published;
  }
  return newest_;
}

}  // namespace laban::monitor
