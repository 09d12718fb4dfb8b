// bus/hub/snapshot.hpp - the hub's figures at one instant, for whoever renders them on another thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/hub/probe.hpp"

namespace laban::hub {

struct QueueFigures {
  std::string name;
  std::uint64_t enqueued = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t ready = 0;
  std::uint64_t unacknowledged = 0;
  std::uint64_t delayed = 0;
  std::uint64_t parked = 0;
  std::uint64_t moved = 0;
  std::uint64_t ledgered = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t consumers = 0;
  std::map<std::string, std::uint64_t> parked_total;  // by reason
};

struct Snapshot {
  Counters counters;
  std::vector<QueueFigures> queues;
  std::map<std::string, std::uint64_t> published;   // by exchange
  std::map<std::string, std::uint64_t> unroutable;  // by exchange
  std::map<std::string, std::uint64_t> lost;        // by reason
  std::uint64_t confirmed = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t log_segments = 0;
  std::uint64_t log_dropped = 0;
  std::uint64_t log_carried = 0;
  std::string_view log_held;  // a label, empty for nothing
  std::uint64_t cursors = 0;
  std::uint64_t first_offset = 0;
  std::uint64_t head = 0;
  std::uint64_t sessions = 0;
  std::uint64_t feeds = 0;
  std::uint64_t producers = 0;
  bool storage_ok = true;
  std::optional<std::uint64_t> disk_free_bytes;  // nothing where the system does not tell
};

}  // namespace laban::hub
