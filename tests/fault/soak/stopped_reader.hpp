// tests/fault/soak/stopped_reader.hpp - a hub, a publisher at an even pace, and subscribers of which one may be stopped
// meanwhile, each a process of its own.
#pragma once

#include <string>
#include <vector>

#include "bench/measurement.hpp"

namespace laban::soak {

struct StoppedReader {
  bench::Latency others;       // of the slowest of those that were not stopped
  double stopped_seconds = 0;  // from the stop until the others had everything
  std::uint64_t gaps = 0;      // of the stopped one: what its feed dropped, and reconnects; all repaired from the log
  std::vector<std::string> wrongs;  // a gap, something out of order, somebody who did not get everything in time
};

// settings.subscribers read beside the one that is stopped, or, with `stop` false, reads on like they do.
// Forks: call it before any thread starts.
StoppedReader run_stopped_reader(const bench::Settings& settings, bool stop);

}  // namespace laban::soak
