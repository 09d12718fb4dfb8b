// bench/bus_bench.hpp - Laban's bus as its users meet it: publisher, hub and subscribers are processes of their own over tcp
// loopback, the envelope is whole, one publish call and one handler call an event.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// Publisher -> hub with its synced log -> every subscriber; latency is from publish() to the handler.
Measurement pubsub(const Settings& settings);

// Publisher -> hub -> confirm; latency is from publish() to the confirm.
Measurement confirm(const Settings& settings);

}  // namespace laban::bench
