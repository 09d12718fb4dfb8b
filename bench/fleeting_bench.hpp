// bench/fleeting_bench.hpp - events at most once, as a service says and hears them, through a real hub.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// Publisher -> hub -> every subscriber, past the log; latency is from publish_at_most_once() to the handler. `events` are
// those that the slowest subscriber heard: what found no room on the way to it is counted by it and not sent again.
Measurement at_most_once(const Settings& settings);

}  // namespace laban::bench
