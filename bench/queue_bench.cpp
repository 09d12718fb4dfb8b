// bench/queue_bench.cpp - messages through one queue's state machine.
#include "bench/queue_bench.hpp"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>

#include "bus/queue/queue.hpp"

namespace laban::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

queue::Time wall(std::uint64_t number) {
  return queue::Time{std::chrono::hours{1} + std::chrono::microseconds{number}};
}

// Keys as process instances have them: 26 characters.
std::vector<std::string> instance_keys(std::uint32_t count) {
  std::vector<std::string> keys;
  keys.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string key = "01J000000000000000" + std::to_string(i);
    key.resize(26, 'X');
    keys.push_back(std::move(key));
  }
  return keys;
}

void add_consumers(queue::Queue& queue, const Settings& settings) {
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    queue.add_consumer(i + 1, "bench", settings.window, wall(0));
  }
}

// What the hub does once a batch: the changes leave for the log.
void commit(queue::Queue& queue) {
  queue.changes_durable(queue.take_effects().horizon);
}

// Delivers and acknowledges everything that may go now. Returns how many.
std::uint64_t consume(queue::Queue& queue, std::vector<queue::Delivery>& out, queue::Time now) {
  out.clear();
  queue.deliver(now, 1'000, out);
  for (const auto& delivery : out) {
    const queue::Fence fences[] = {delivery.fence};
    queue.settle({delivery.consumer, queue::Settlement::acknowledge, fences, 0, {}, {}}, now);
  }
  commit(queue);
  return out.size();
}

std::uint64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Measurement queue_pass(const Settings& settings) {
  Measurement result;
  result.name = "queue, enqueue to ack";
  result.settings = settings;
  const auto keys = instance_keys(settings.keys);
  queue::Queue queue{queue::Settings{}};
  add_consumers(queue, settings);
  commit(queue);
  std::vector<queue::Delivery> out;
  std::vector<std::uint64_t> samples;
  std::uint64_t offset = 0;
  const auto start = Clock::now();
  while (result.events < settings.count) {
    const auto begin = Clock::now();
    const auto now = wall(offset);
    for (int i = 0; i < 100; ++i) {
      queue.enqueue({.offset = offset + 1, .key = keys[offset % keys.size()], .bytes = settings.size}, now);
      ++offset;
    }
    const std::uint64_t passed = consume(queue, out, now);
    result.events += passed;
    if (passed > 0) samples.push_back(static_cast<std::uint64_t>(seconds_since(begin) * 1e9) / passed);
  }
  result.seconds = seconds_since(start);
  result.latency = percentiles(samples);
  return result;
}

Measurement queue_backlog(const Settings& settings) {
  Measurement result;
  result.name = "queue, backlog out";
  result.settings = settings;
  const auto keys = instance_keys(settings.keys);
  queue::Queue queue{queue::Settings{}};
  for (std::uint64_t offset = 1; offset <= settings.count; ++offset) {
    queue.enqueue({.offset = offset, .key = keys[offset % keys.size()], .bytes = settings.size}, wall(offset));
  }
  add_consumers(queue, settings);
  commit(queue);
  std::vector<queue::Delivery> out;
  std::vector<std::uint64_t> samples;
  const auto start = Clock::now();
  while (result.events < settings.count) {
    const auto begin = Clock::now();
    const std::uint64_t passed = consume(queue, out, wall(settings.count));
    result.events += passed;
    if (passed > 0) samples.push_back(static_cast<std::uint64_t>(seconds_since(begin) * 1e9) / passed);
  }
  result.seconds = seconds_since(start);
  result.latency = percentiles(samples);
  return result;
}

QueueMemory queue_memory(const Settings& settings) {
  QueueMemory result;
  result.messages = settings.count;
  result.keys = settings.keys;
  const auto keys = instance_keys(settings.keys);
  queue::Queue queue{queue::Settings{}};
  const std::uint64_t before = resident_bytes();
  auto start = Clock::now();
  for (std::uint64_t offset = 1; offset <= settings.count; ++offset) {
    queue.enqueue({.offset = offset, .key = keys[offset % keys.size()], .bytes = settings.size}, wall(offset));
  }
  result.enqueue_seconds = seconds_since(start);
  result.bytes_a_message = static_cast<double>(resident_bytes() - before) / static_cast<double>(settings.count);
  start = Clock::now();
  const auto bytes = queue.snapshot();
  result.snapshot_seconds = seconds_since(start);
  result.snapshot_bytes_a_message = static_cast<double>(bytes.size()) / static_cast<double>(settings.count);
  start = Clock::now();
  queue::Queue again = queue::Queue::restore(queue::Settings{}, bytes);
  again.finish_recovery(wall(settings.count), 1);
  result.restore_seconds = seconds_since(start);
  if (again.counts().ready != settings.count) throw std::runtime_error("the restored queue holds something else");
  return result;
}

}  // namespace laban::bench
