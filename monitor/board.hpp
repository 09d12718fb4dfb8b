// monitor/board.hpp - where the feed thread puts what it has counted, and where others find the newest, or the one that a
// page of theirs began with.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>

#include "monitor/witness.hpp"

namespace laban::monitor {

// Threads: any. Errors: none.
class Board {
 public:
  void put(Published published);
  Published newest() const;

  // Keeps an instant for the pages that follow, for a minute, 32 of them at most.
  void pin(const Published& published);
  // The pinned instant with this number of commits; else the newest.
  Published pinned(std::uint64_t commits) const;

 private:
  struct Pin {
    std::chrono::steady_clock::time_point until;
    Published published;
  };

  mutable std::mutex mutex_;
  Published newest_;
  std::deque<Pin> pins_;
};

}  // namespace laban::monitor
