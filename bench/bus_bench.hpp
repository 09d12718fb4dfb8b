// bench/bus_bench.hpp - Laban's bus as its users meet it: publisher, hub and subscribers are processes of their own over tcp
// loopback, the envelope is whole, one publish call and one handler call an event.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// Publisher -> hub with its synced log -> every subscriber; latency is from publish() to the handler.
Measurement pubsub(const Settings& settings);

// Publisher -> hub -> confirm; latency is from publish() to the confirm.
Measurement confirm(const Settings& settings);

// A backlog of `count` confirmed events, taken from one queue by `subscribers` consumers with a prefetch of `window`, each
// event acknowledged by itself, until the hub has every acknowledgement. Latency is from publish() to the handler, in a
// second run at 10,000 events a second; with a rate there is that run alone.
Measurement queue(const Settings& settings);

struct Restart {
  std::uint64_t events = 0;
  double queued_bytes = 0;     // resident, once they all wait in a queue
  double seconds = 0;          // from the start of a hub whose forerunner was killed until it answers
  double restarted_bytes = 0;  // resident then
};

// `count` events of `keys` keys are published into one queue that nobody reads, and the hub is killed.
Restart restart(const Settings& settings);

}  // namespace laban::bench
