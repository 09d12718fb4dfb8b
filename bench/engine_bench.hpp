// bench/engine_bench.hpp - what an event costs the monitor's engine alone: find the instance by its key's bytes, one step of
// the automaton, nothing else.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

struct EngineMeasurement : Measurement {
  std::uint64_t instances = 0;  // live at a time
  std::uint64_t states = 0;     // of the automaton
  std::uint64_t checksum = 0;   // of all verdicts
  std::uint64_t checked = 0;    // events that the naive engine followed too
  bool agrees = false;          // ... and came to the same verdicts
};

// settings.count events over settings.keys live instances in random order, each event a frame with a key of 36 bytes; two
// in a hundred do not fit. One core. The first events are also followed by a search over plain marking sets and
// std::unordered_map, and both checksums compared.
EngineMeasurement engine(const Settings& settings, std::uint64_t naive_events = 100'000);

// The least that could do the same work, as a baseline: the same events through a flat hash map from key to state and a
// finished table of the automaton, one event after the other.
EngineMeasurement bare_engine(const Settings& settings);

}  // namespace laban::bench
