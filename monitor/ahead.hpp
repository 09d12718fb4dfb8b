// monitor/ahead.hpp - a few events of the feed, kept until the memory that they touch is fetched: at a million instances
// each event would otherwise wait for it.
//
// Threads:  one, the witness's.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "monitor/edge/bus/feed.hpp"
#include "monitor/witness.hpp"

namespace laban::monitor {

class Ahead {
 public:
  explicit Ahead(Witness& witness) : witness_(witness) {}

  void add(const Observation& event, const EventAttributes& attributes);
  // Everything that was added is observed. Before anything else is asked of the witness.
  void flush();

 private:
  static constexpr std::size_t most = 32;

  Witness& witness_;
  std::array<std::string, most> texts_;  // what the observations' views point into
  std::array<Observation, most> events_;
  std::array<EventSummary, most> summaries_;
  std::size_t count_ = 0;
};

}  // namespace laban::monitor
