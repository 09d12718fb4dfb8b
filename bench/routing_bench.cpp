// bench/routing_bench.cpp - routes through a large topology.
#include "bench/routing_bench.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <string>

#include "bus/routing/topology.hpp"

namespace laban::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t nanoseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{Clock::now() - start}.count());
}

void must(const routing::Outcome& outcome) {
  if (!outcome) throw std::runtime_error(outcome.message);
}

// Three to five words, as service.entity.event and below.
std::string random_key(std::mt19937_64& random) {
  std::string key = "service-" + std::to_string(random() % 200);
  key += ".entity-" + std::to_string(random() % 500);
  for (std::uint64_t words = 1 + random() % 3; words > 0; --words) key += ".word-" + std::to_string(random() % 300);
  return key;
}

std::string random_pattern(std::mt19937_64& random) {
  std::string key = random_key(random);
  if (random() % 10 == 0) key.replace(key.find('.') + 1, key.find('.', key.find('.') + 1) - key.find('.') - 1, "*");
  if (random() % 50 == 0) key.replace(key.rfind('.') + 1, key.npos, "#");
  return key;
}

Measurement measure(const char* name, const Settings& settings, const routing::Topology& topology,
                    const std::vector<std::string>& keys) {
  Measurement result;
  result.name = name;
  result.settings = settings;
  routing::RouteResult route;
  const Headers none;
  std::vector<std::uint64_t> samples;
  std::size_t reached = 0;
  const auto start = Clock::now();
  while (result.events < settings.count) {
    // Timed in hundreds: a look at the clock costs as much as a short route.
    const auto begin = Clock::now();
    for (int i = 0; i < 100; ++i) {
      topology.route("amq.topic", keys[result.events++ % keys.size()], none, route);
      reached += route.queues.size();
    }
    samples.push_back(nanoseconds_since(begin) / 100);
  }
  result.seconds = static_cast<double>(nanoseconds_since(start)) / 1e9;
  result.latency = percentiles(samples);
  if (reached == 0) throw std::runtime_error("no route reached a queue");
  return result;
}

}  // namespace

Measurement routing(const Settings& settings, std::uint32_t bindings) {
  constexpr std::uint32_t queues = 1'000;
  std::mt19937_64 random{1};
  routing::Topology topology;
  for (std::uint32_t i = 0; i < queues; ++i) {
    QueueSpec queue;
    queue.name = "queue-" + std::to_string(i);
    must(topology.declare(queue));
  }
  std::vector<std::string> keys;
  while (topology.binding_count() < bindings) {
    BindingSpec binding;
    binding.exchange = "amq.topic";
    binding.queue = "queue-" + std::to_string(random() % queues);
    binding.pattern = random_pattern(random);
    must(topology.bind(binding));
    if (keys.size() < 50'000 && binding.pattern.find_first_of("*#") == binding.pattern.npos) {
      keys.push_back(binding.pattern);  // half of the routes reach something
      keys.push_back(random_key(random));
    }
  }
  std::shuffle(keys.begin(), keys.end(), random);
  return measure("routing", settings, topology, keys);
}

Measurement routing_hashes(const Settings& settings) {
  routing::Topology topology;
  QueueSpec queue;
  queue.name = "q";
  must(topology.declare(queue));
  BindingSpec binding;
  binding.exchange = "amq.topic";
  binding.queue = "q";
  for (int i = 0; i < 15; ++i) binding.pattern += "#.a.";
  binding.pattern += "b";
  must(topology.bind(binding));
  std::string reaching;
  for (int i = 0; i < 30; ++i) reaching += "a.";
  return measure("routing, 15 #", settings, topology, {reaching + "c", reaching + "b"});
}

}  // namespace laban::bench
