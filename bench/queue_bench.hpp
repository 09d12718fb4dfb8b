// bench/queue_bench.hpp - what a message costs in the queue's state machine alone: no sockets, no log.
#pragma once

#include "bench/measurement.hpp"

namespace laban::bench {

// Each message is enqueued, delivered to one of `subscribers` consumers with a prefetch of `window`, and acknowledged by
// itself; the queue stays short. Latency is a message's whole way.
Measurement queue_pass(const Settings& settings);

// A backlog of count messages is built up, then consumed to its end. Latency is a message's way out.
Measurement queue_backlog(const Settings& settings);

struct QueueMemory {
  std::uint64_t messages = 0;
  std::uint32_t keys = 0;
  double bytes_a_message = 0;  // resident, by the kernel's count
  double enqueue_seconds = 0;
  double snapshot_seconds = 0;
  double snapshot_bytes_a_message = 0;
  double restore_seconds = 0;  // until it may deliver
};

// count messages of `keys` keys in one queue: what they take, and how long a checkpoint and a restart take.
QueueMemory queue_memory(const Settings& settings);

}  // namespace laban::bench
