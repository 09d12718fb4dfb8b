// bench/raw_zmq.hpp - what ZeroMQ alone reaches, in the same run: the floor that Laban is measured against.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// PUB -> XSUB/XPUB proxy -> SUBs over tcp; stores nothing. One message an event, 10,000 messages high-water mark, the
// publisher blocks rather than drops.
Measurement raw_proxy(const Settings& settings);

// DEALER -> ROUTER with a window; each drained batch is appended with a CRC, synced once, and confirmed at its end: the
// ceiling of a confirmed publish that pays libzmq an event.
Measurement mini_hub(const Settings& settings);

}  // namespace laban::bench
