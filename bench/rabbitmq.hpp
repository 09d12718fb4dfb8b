// bench/rabbitmq.hpp - RabbitMQ as a baseline where rabbitmq-server is installed, spoken to through librabbitmq.
#pragma once

#include <string>

#include "bench/measurement.hpp"

namespace laban::bench {

// What is missing for it, for people; empty where nothing is.
std::string missing_for_rabbitmq();

// A quorum queue of one node, filled with `count` confirmed persistent messages, drained by one consumer with a prefetch of
// `window` that acknowledges each. It syncs before it confirms.
Measurement rabbitmq_queue(const Settings& settings);

}  // namespace laban::bench
