// bench/monitor_bench.hpp - what an event costs the monitor, and what an instance costs it, from the bytes of the feed on.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// On one core. settings.count events over settings.keys live instances, as the frames of a feed lie in memory:
//  - decoded, correlated, tracked, timed and counted: the measurement itself;
//  - the same with history on disk, which is then read again and counted: figures historyEventsPerSecond, and
//    historyReadEventsPerSecond for the reading;
//  - settings.keys live instances with keys of 36 characters: rssBytesPerLiveInstance, liveInstances, and resumeSeconds
//    for taking them up from the store;
//  - metricsSeconds: /metrics with 100 definitions of 10 steps.
// Throws std::runtime_error where a count comes out wrong.
Measurement monitor(const Settings& settings);

}  // namespace laban::bench
