// bench/fleeting_bench.cpp - the roles of the at-most-once benchmark.
#include "bench/fleeting_bench.hpp"

#include <cstring>
#include <stdexcept>
#include <thread>

#include "bench/processes.hpp"
#include "bench/scratch.hpp"
#include "bus/hub/hub.hpp"
#include "laban/bus.hpp"
#include "laban/stop.hpp"

namespace laban::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view event_type = "bench.event";
constexpr std::string_view probe_type = "bench.probe";

void run_hub(Slot& slot, const std::string& directory) {
  HubOptions options;
  options.listen = "tcp://127.0.0.1:0";
  options.data = directory;
  options.http.clear();
  const auto stop = stop_on_signal();
  Hub hub{options};
  hub.start();
  std::strncpy(slot.endpoint, hub.endpoint().c_str(), sizeof slot.endpoint - 1);
  slot.ready = true;
  while (!stop.stop_requested()) std::this_thread::sleep_for(20ms);
  hub.stop();
}

// The payload begins with the steady clock's time of its call.
NewEvent event_of(std::string_view type, std::uint32_t size) {
  NewEvent event;
  event.type = type;
  event.data.resize(std::max<std::size_t>(size, sizeof(std::uint64_t)));
  const std::uint64_t now = steady_ns();
  std::memcpy(event.data.data(), &now, sizeof now);
  return event;
}

constexpr std::uint64_t patience_ns = 10'000'000'000;

void run_subscriber(const Slot& hub, Slot& slot, const Settings& settings) {
  Subscriber subscriber{{.name = "bench", .hub = {.endpoint = hub.endpoint, .key_file = {}, .server_key = {}}}};
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  SubscriptionOptions options;
  options.patterns = {"bench.#"};
  subscriber.subscribe(options, [&](const Event& event) {
    slot.ready = true;
    if (event.type() != event_type) return;
    std::uint64_t sent = 0;
    std::memcpy(&sent, event.data().data(), sizeof sent);
    samples.push_back(steady_ns() - sent);
  });
  if (!subscriber.wait_until_ready(10s)) throw std::runtime_error("the subscription was not accepted in 10 s");
  const auto lost = [&] {
    const auto stats = subscriber.stats();
    return stats.fleeting_missed + stats.fleeting_dropped;
  };
  while (!slot.ready) subscriber.poll(100ms);
  const auto lost_before = lost();
  // Of the very last ones nobody hears that they are missing: a long silence is the end too.
  auto heard_ns = steady_ns();
  while (samples.size() + lost() - lost_before < settings.count && steady_ns() - heard_ns < patience_ns) {
    if (subscriber.poll(100ms) != 0) heard_ns = steady_ns();
  }
  slot.finished_ns = heard_ns;
  slot.events = samples.size();
  slot.latency = percentiles(samples);
  slot.done = true;
}

// What the hub does not take yet is said again: the measure is what comes through, not what can be dropped.
void run_publisher(const Slot& hub, Slot& slot, Processes& page, const Settings& settings) {
  BusOptions options;
  options.service = "bench";
  options.hub.endpoint = hub.endpoint;
  Bus bus{options};
  if (!bus.wait_until_connected(10s)) throw std::runtime_error("the hub did not answer in 10 s");
  const auto all_ready = [&] {
    for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
      if (!page.slot(3 + i).ready) return false;
    }
    return true;
  };
  while (!all_ready()) {
    (void)bus.publish_at_most_once(event_of(probe_type, settings.size));
    std::this_thread::sleep_for(5ms);
  }
  slot.started_ns = steady_ns();
  Pacer pacer{settings.rate > 0 ? settings.rate : 1e9};
  for (std::uint64_t i = 0; i < settings.count; ++i) {
    if (settings.rate > 0) pacer.wait();
    while (!bus.publish_at_most_once(event_of(event_type, settings.size))) std::this_thread::yield();
  }
  slot.done = true;
  std::this_thread::sleep_for(1h);  // until the parent has seen every subscriber finish
}

}  // namespace

Measurement at_most_once(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& hub = processes.slot(0);
  Slot& speaker = processes.slot(2);
  processes.start("hub", [&] { run_hub(hub, scratch.path()); });
  processes.await(hub.ready, 20);
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    processes.start("subscribers", [&, i] { run_subscriber(hub, processes.slot(3 + i), settings); });
  }
  processes.start("publisher", [&] { run_publisher(hub, speaker, processes, settings); });
  return collect(processes, speaker, 3, settings, "at-most-once");
}

}  // namespace laban::bench
