// bus/hub/core.hpp - what the parts of the hub's loop share.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bus/hub/broker.hpp"
#include "bus/hub/feeds.hpp"
#include "bus/hub/options.hpp"
#include "bus/hub/probe.hpp"
#include "bus/hub/session.hpp"
#include "bus/journal/journal.hpp"

namespace laban::hub {

// Events that something happened to, added up until they are told.
struct Sum {
  static constexpr std::size_t keys_max = 16;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t count = 0;
  std::set<std::string, std::less<>> keys;  // of some

  void add(std::uint64_t number, std::string_view key) {
    if (count++ == 0) first = number;
    last = number;
    if (keys.size() < keys_max) keys.emplace(key);
  }
};

// Threads: belongs to the hub's thread.
struct Core {
  Core(const HubOptions& hub_options, journal::Journal& log, Broker& fold, Sessions& clients, Feeds& multicast,
       Probe& what_happens)
      : options(hub_options), journal(log), broker(fold), sessions(clients), feeds(multicast), probe(what_happens) {}

  const HubOptions& options;
  journal::Journal& journal;
  Broker& broker;
  Sessions& sessions;
  Feeds& feeds;
  Probe& probe;

  std::uint64_t head = 0;                 // the newest event that anybody may know of
  std::string storage_trouble;            // why the log cannot be written, empty while it can
  bool disk_low = false;                  // refuse publishing before the disk is full
  std::string_view log_held;              // what keeps the log longer than it was told to: a label, empty for nothing
  std::map<std::uint32_t, Sum> unstored;  // sequences that the log did not take, told as refused; by producer
  std::string unstored_why;
  Sum unparked;  // offsets that no queue took, while parking was full
  // Erasures: how far the one underway is, and the last ones that were done.
  struct Erased {
    std::string instance;
    std::uint64_t events = 0;
  };
  static constexpr std::size_t erased_max = 100;
  std::uint64_t erased_until = 0;
  std::deque<Erased> erased;
  std::vector<routing::QueueId> dirty;  // queues with something to deliver or to log

  void mark_dirty(QueueEntry& queue) {
    if (queue.dirty) return;
    queue.dirty = true;
    dirty.push_back(queue.id);
  }

  // The hub's clock. It never goes back, also not against the log.
  Timestamp now() {
    const auto clock = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    if (clock > last_) last_ = clock;
    return last_;
  }
  void not_before(Timestamp time) {
    if (time > last_) last_ = time;
  }

 private:
  Timestamp last_{};
};

}  // namespace laban::hub
