// monitor/core/snapshot.hpp - everything that is counted, as of one offset: immutable, and handed from the thread that owns
// the fold to those that answer questions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/core/acceptance.hpp"
#include "monitor/core/forecast.hpp"
#include "monitor/core/statistics.hpp"
#include "monitor/core/tracker.hpp"

namespace laban::monitor {

// What stays as it is from a definition's activation on.
struct DefinitionFacts {
  DefinitionIndex index = 0;
  std::string id;
  std::string version;
  std::string name;
  std::optional<bool> sound;            // nothing: not decided
  std::vector<std::string> step_names;  // by StepIndex; several nodes can have one name
  std::vector<std::string> step_ids;    // of the nodes, for drawing
  std::uint64_t after_offset = 0;       // it holds for events after this one
};

struct DefinitionCounts {
  std::shared_ptr<const DefinitionFacts> facts;
  bool active = true;
  std::uint64_t retired_after = 0;  // where it is not active
  bool approximate = false;
  Totals totals;
  Statistics statistics;
  std::vector<std::uint64_t> removed;  // as Statistics::cells: ended instances that retention took; empty where none
  Forecast forecast;
};

struct Snapshot {
  std::uint64_t number = 0;  // of this snapshot, growing
  std::uint64_t offset = 0;
  std::uint64_t head = 0;  // the newest event that the hub is known to have, at least `offset`
  Time last_event_at{};
  Time hub_time{};
  std::uint64_t gaps = 0;                                      // events that were lost for good
  std::vector<std::pair<std::string, std::uint64_t>> missing;  // by publisher: numbered by it, and never come
  std::uint64_t out_of_scope = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t malformed = 0;
  std::uint64_t repaired = 0;  // events that PUB/SUB lost and the log gave back
  std::uint64_t commits = 0;
  std::uint64_t removals = 0;  // instances that retention took
  double events_per_second = 0;
  bool connected = false;
  bool ready = false;                                                // caught up with the bus since the start
  std::vector<std::shared_ptr<const DefinitionCounts>> definitions;  // by DefinitionIndex
  std::shared_ptr<const std::vector<AcceptedRule>> accepted;         // all there ever were; may be none
};

}  // namespace laban::monitor
