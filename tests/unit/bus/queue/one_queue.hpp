// tests/unit/bus/queue/one_queue.hpp - a queue with a consumer and a hub that is only a log.
#pragma once

#include <chrono>
#include <map>
#include <string_view>
#include <vector>

#include "bus/queue/queue.hpp"

namespace laban::test {

using namespace laban::queue;
using std::chrono::seconds;

inline constexpr Time zero{seconds{1'000'000}};

// One queue, one consumer, and what the hub would have kept.
struct Bench {
  explicit Bench(Settings settings = {}) : queue(std::move(settings)) { queue.add_consumer(1, "worker", 100, now); }

  std::uint64_t put(std::string_view key, Enqueue message = {}) {
    message.offset = ++offset;
    message.key = key;
    message.bytes = message.bytes == 0 ? 10 : message.bytes;
    queue.enqueue(message, now);
    return offset;
  }

  // What comes now, with everything written to the log first.
  std::vector<Delivery> take(std::size_t budget = 1000) {
    log();
    std::vector<Delivery> out;
    queue.deliver(now, budget, out);
    return out;
  }

  std::vector<std::uint64_t> offsets(std::size_t budget = 1000) {
    std::vector<std::uint64_t> result;
    for (const auto& delivery : take(budget)) {
      result.push_back(delivery.offset);
      fences[delivery.offset] = delivery.fence;
    }
    return result;
  }

  SettleResult settle(std::uint64_t message, Settlement outcome, Duration delay = {}, std::string_view reason = {}) {
    const Fence one[] = {fences.at(message)};
    return queue.settle({1, outcome, one, 0, delay, reason}, now);
  }

  void log() {
    Effects effects = queue.take_effects();
    for (auto& change : effects.changes) changes.push_back(change);
    for (auto& letter : effects.dead_letters) letters.push_back(letter);
    for (auto& line : effects.ledgered) ledgered.push_back(line);
    queue.changes_durable(effects.horizon);
  }

  void crash(Settings settings) {
    log();
    const auto bytes = queue.snapshot();
    queue = Queue::restore(std::move(settings), bytes);
    queue.finish_recovery(now, Fence{1} << 40);
    queue.add_consumer(1, "worker", 100, now);
  }

  Queue queue;
  Time now = zero;
  std::uint64_t offset = 0;
  std::map<std::uint64_t, Fence> fences;
  std::vector<QueueChange> changes;
  std::vector<DeadLetter> letters;
  std::vector<Ledgered> ledgered;
};

using Offsets = std::vector<std::uint64_t>;

}  // namespace laban::test
