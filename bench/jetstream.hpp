// bench/jetstream.hpp - NATS JetStream as a baseline where nats-server is installed, spoken to in its own text protocol.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

bool has_jetstream();

// A stream in files, filled with `count` events, drained by one member of a queue group that acknowledges each. JetStream
// 2.9 does not sync before it confirms or after an acknowledgement.
Measurement jetstream_queue(const Settings& settings);

}  // namespace laban::bench
