// bench/routing_bench.hpp - what a route costs, in the routing room alone: no sockets, no log.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// count routes over a topic exchange with so many bindings (a tenth with `*`, one in fifty with `#`) to 1,000 queues;
// keys that were not seen before, so that no cache helps. Latency is a route's.
Measurement routing(const Settings& settings, std::uint32_t bindings = 100'000);

// The worst that a pattern can do: fifteen `#` against keys of thirty-one words.
Measurement routing_hashes(const Settings& settings);

}  // namespace laban::bench
