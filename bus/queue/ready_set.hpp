// bus/queue/ready_set.hpp - what may be delivered next: by priority, then by ticket.
//
// A ticket is a place in line, most often the message's own offset. What becomes ready in the order of its tickets, as
// a backlog does, sits in a plain line of four bytes each; what comes back out of order sits in a heap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "bus/queue/chunks.hpp"

namespace laban::queue {

// Threads: one thread at a time. Entries are message numbers; `ticket_of` tells a line entry's ticket.
class ReadySet {
 public:
  // In its own place in line.
  void push(std::uint32_t message, std::uint8_t priority, std::uint64_t ticket) {
    Level& level = levels_[priority];
    if (level.line.empty() || ticket >= level.last_ticket) {
      level.line.push_back(message);
      level.last_ticket = ticket;
    } else {
      push_back_in_line(message, priority, ticket);
    }
  }
  // In another place than its own.
  void push_back_in_line(std::uint32_t message, std::uint8_t priority, std::uint64_t ticket) {
    Level& level = levels_[priority];
    level.heap.push_back({ticket, ++pushes_, message});
    std::push_heap(level.heap.begin(), level.heap.end(), std::greater<>{});
  }

  // The first entry that is valid, or none. Entries before it that are not are dropped: `dropped(message)`.
  template <class TicketOf, class Valid, class Dropped>
  std::uint32_t peek(TicketOf&& ticket_of, Valid&& valid, Dropped&& dropped) {
    for (auto& [priority, level] : levels_) {
      while (!level.empty()) {
        const std::uint32_t message = level.front(ticket_of);
        if (valid(message)) return message;
        level.pop(ticket_of);
        dropped(message);
      }
    }
    return none;
  }

  // Takes out what peek returned just before.
  template <class TicketOf>
  void pop(std::uint8_t priority, TicketOf&& ticket_of) {
    levels_[priority].pop(ticket_of);
  }

  // Drops every entry that is not valid.
  template <class Valid, class Dropped>
  void sweep(Valid&& valid, Dropped&& dropped) {
    for (auto& [priority, level] : levels_) {
      const auto drop = [&](std::uint32_t message) {
        if (valid(message)) return false;
        dropped(message);
        return true;
      };
      std::erase_if(level.line, drop);
      std::erase_if(level.heap, [&](const Entry& entry) { return drop(entry.message); });
      std::make_heap(level.heap.begin(), level.heap.end(), std::greater<>{});
    }
  }

  std::size_t size() const {
    std::size_t total = 0;
    for (const auto& [priority, level] : levels_) total += level.line.size() + level.heap.size();
    return total;
  }
  std::size_t memory_bytes() const {
    std::size_t total = 0;
    for (const auto& [priority, level] : levels_) {
      total += level.line.size() * sizeof(std::uint32_t) + level.heap.capacity() * sizeof(Entry);
    }
    return total;
  }
  void clear() { levels_.clear(); }

 private:
  struct Entry {
    std::uint64_t ticket;
    std::uint64_t push;  // equal tickets in the order of their pushes
    std::uint32_t message;
    auto operator<=>(const Entry&) const = default;
  };
  struct Level {
    std::deque<std::uint32_t> line;
    std::uint64_t last_ticket = 0;
    std::vector<Entry> heap;  // the smallest first

    bool empty() const { return line.empty() && heap.empty(); }
    template <class TicketOf>
    bool line_first(TicketOf&& ticket_of) const {
      return heap.empty() || (!line.empty() && ticket_of(line.front()) <= heap.front().ticket);
    }
    template <class TicketOf>
    std::uint32_t front(TicketOf&& ticket_of) const {
      return line_first(ticket_of) ? line.front() : heap.front().message;
    }
    template <class TicketOf>
    void pop(TicketOf&& ticket_of) {
      if (line_first(ticket_of)) {
        line.pop_front();
        return;
      }
      std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
      heap.pop_back();
    }
  };
  std::map<std::uint8_t, Level, std::greater<>> levels_;  // at most 256
  std::uint64_t pushes_ = 0;
};

}  // namespace laban::queue
