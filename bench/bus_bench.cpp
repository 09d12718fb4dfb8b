// bench/bus_bench.cpp - fan-out and confirmed publish through a real hub.
#include "bench/bus_bench.hpp"

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench/processes.hpp"
#include "bench/scratch.hpp"
#include "bus/hub/hub.hpp"
#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "laban/stop.hpp"

namespace laban::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view event_type = "bench.event";

void run_hub(Slot& slot, const std::string& directory, bool sync) {
  HubOptions options;
  options.listen = "tcp://127.0.0.1:0";
  options.data = directory;
  options.http.clear();
  options.sync = sync ? SyncMode::group : SyncMode::off;
  const auto stop = stop_on_signal();
  slot.started_ns = steady_ns();
  Hub hub{options};
  hub.start();
  slot.finished_ns = steady_ns();
  std::strncpy(slot.endpoint, hub.endpoint().c_str(), sizeof slot.endpoint - 1);
  slot.ready = true;
  while (!stop.stop_requested()) std::this_thread::sleep_for(20ms);
  hub.stop();
}

// The process instances that the events belong to; an application has them at hand.
std::vector<std::string> instances_of(const Settings& settings) {
  std::vector<std::string> instances;
  for (std::uint32_t i = 0; i < settings.keys; ++i) instances.push_back("instance-" + std::to_string(i));
  return instances;
}

// The payload begins with the steady clock's time of its publish call.
NewEvent event_of(const Settings& settings, const std::string& instance) {
  NewEvent event;
  event.type = event_type;
  event.correlationid = instance;
  event.data.resize(std::max<std::size_t>(settings.size, sizeof(std::uint64_t)));
  const std::uint64_t now = steady_ns();
  std::memcpy(event.data.data(), &now, sizeof now);
  return event;
}

// What any handler would look at.
std::uint64_t sent_ns(const Event& event) {
  std::uint64_t sent = 0;
  if (event.type() != event_type || event.correlationid().empty() || event.data().size() < sizeof sent) return 0;
  std::memcpy(&sent, event.data().data(), sizeof sent);
  return sent;
}

void run_subscriber(const Slot& hub, Slot& slot, const Settings& settings) {
  Subscriber subscriber{{.name = "bench", .hub = {.endpoint = hub.endpoint, .key_file = {}, .server_key = {}}}};
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  SubscriptionOptions options;
  options.patterns = {"bench.#"};
  subscriber.subscribe(options, [&](const Event& event) {
    if (const auto sent = sent_ns(event)) samples.push_back(steady_ns() - sent);
  });
  if (!subscriber.wait_until_ready(10s)) throw std::runtime_error("the subscription was not accepted in 10 s");
  slot.ready = true;
  while (samples.size() < settings.count) subscriber.poll(100ms);
  slot.finished_ns = steady_ns();
  slot.events = samples.size();
  slot.latency = percentiles(samples);
  slot.done = true;
}

BusOptions publisher_options(const Slot& hub, const Settings& settings) {
  BusOptions options;
  options.service = "bench";
  options.hub.endpoint = hub.endpoint;
  options.window_events = settings.window;
  options.level = settings.sync ? Level::synced : Level::written;
  return options;
}

void publish_all(Bus& bus, Slot& slot, const Settings& settings) {
  const auto instances = instances_of(settings);
  slot.started_ns = steady_ns();
  Pacer pacer{settings.rate > 0 ? settings.rate : 1e9};
  for (std::uint64_t i = 0; i < settings.count; ++i) {
    if (settings.rate > 0) pacer.wait();
    bus.publish(event_of(settings, instances[i % settings.keys]));
  }
}

void run_publisher(const Slot& hub, Slot& slot, const Settings& settings) {
  Bus bus{publisher_options(hub, settings)};
  if (!bus.wait_until_connected(10s)) throw std::runtime_error("the hub did not answer in 10 s");
  publish_all(bus, slot, settings);
  if (!bus.flush(60s)) throw std::runtime_error("not everything was confirmed in 60 s");
  slot.done = true;
}

// Confirms are counted on a second thread, inside poll(), while this one publishes.
void run_confirmed_publisher(const Slot& hub, Slot& slot, const Settings& settings) {
  Bus bus{publisher_options(hub, settings)};
  if (!bus.wait_until_connected(10s)) throw std::runtime_error("the hub did not answer in 10 s");
  std::vector<std::atomic<std::uint64_t>> sent_at(settings.count);
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  bus.on_confirm([&](const Confirm& confirm) {
    if (confirm.refused || confirm.offset == 0) throw std::runtime_error("an event was refused: " + confirm.reason);
    samples.push_back(steady_ns() - sent_at[confirm.sequence - 1]);
  });
  std::thread counting{[&] {
    while (samples.size() < settings.count) bus.poll(100ms);
    slot.finished_ns = steady_ns();
  }};
  const auto instances = instances_of(settings);
  slot.started_ns = steady_ns();
  Pacer pacer{settings.rate > 0 ? settings.rate : 1e9};
  for (std::uint64_t i = 0; i < settings.count; ++i) {
    if (settings.rate > 0) pacer.wait();
    sent_at[i] = steady_ns();
    bus.publish(event_of(settings, instances[i % settings.keys]));
  }
  counting.join();
  slot.events = samples.size();
  slot.latency = percentiles(samples);
  slot.done = true;
}

// --- queues

constexpr const char* queue_name = "bench";
constexpr std::size_t handled_slot = 1;  // where consumers add up what they have handled

void declare_queue(const Slot& hub) {
  Model model{{.endpoint = hub.endpoint, .key_file = {}, .server_key = {}}};
  QueueSpec queue;
  queue.name = queue_name;
  model.declare(queue);
  model.bind({"amq.topic", queue_name, {}, "bench.#", {}});
}

std::uint64_t acknowledged(Model& model) {
  const auto answer = nlohmann::json::parse(model.inspect("queues", nlohmann::json{{"queue", queue_name}}.dump()));
  return answer.at("queues").at(0).at("acknowledged").get<std::uint64_t>();
}

// Takes until all consumers together have handled everything, and the hub has every acknowledgement.
void run_consumer(const Slot& hub, Slot& slot, Slot& all, const Settings& settings, bool paced) {
  BusOptions options = publisher_options(hub, settings);
  Bus bus{options};
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  bus.consume({.queue = queue_name, .prefetch = settings.window, .declare = false},
              [&](const Event& event, const Delivery&) {
                const auto sent = sent_ns(event);
                if (paced) samples.push_back(steady_ns() - sent);
                ++slot.events;
                ++all.events;
                return Verdict::acknowledge;
              });
  if (!bus.wait_until_connected(10s)) throw std::runtime_error("the hub did not answer in 10 s");
  slot.ready = true;
  slot.started_ns = steady_ns();
  while (all.events < settings.count) bus.poll(20ms);
  Model model{options.hub};
  while (acknowledged(model) < settings.count) bus.poll(1ms);
  slot.finished_ns = steady_ns();
  slot.latency = percentiles(samples);
  slot.done = true;
}

void start_consumers(Processes& processes, const Slot& hub, const Settings& settings, bool paced) {
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    processes.start("consumers", [&, i, settings, paced] {
      run_consumer(hub, processes.slot(3 + i), processes.slot(handled_slot), settings, paced);
    });
  }
}

// A backlog that was published and confirmed before, taken and acknowledged one by one.
Measurement drain(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& hub = processes.slot(0);
  Slot& speaker = processes.slot(2);
  processes.start("hub", [&] { run_hub(hub, scratch.path(), settings.sync); });
  processes.await(hub.ready, 20);
  Settings filling = settings;
  filling.window = 10'000;
  processes.start("publisher", [&, filling] {
    declare_queue(hub);
    run_publisher(hub, speaker, filling);
  });
  processes.await(speaker.done, 300);
  start_consumers(processes, hub, settings, false);
  // The first one's first wish to the last one's last acknowledgement.
  std::uint64_t started = ~std::uint64_t{0};
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    processes.await(processes.slot(3 + i).ready, 20);
    started = std::min(started, processes.slot(3 + i).started_ns.load());
  }
  speaker.started_ns = started;
  auto result = collect(processes, speaker, 3, settings, "queue");
  result.events = settings.count;
  return result;
}

// From the publish call to the handler, at an even pace.
Measurement pass(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& hub = processes.slot(0);
  Slot& speaker = processes.slot(2);
  processes.start("hub", [&] { run_hub(hub, scratch.path(), settings.sync); });
  processes.await(hub.ready, 20);
  processes.start("publisher", [&] {
    declare_queue(hub);
    speaker.ready = true;
  });
  processes.await(speaker.ready, 20);
  start_consumers(processes, hub, settings, true);
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) processes.await(processes.slot(3 + i).ready, 20);
  processes.start("publisher", [&] { run_publisher(hub, speaker, settings); });
  auto result = collect(processes, speaker, 3, settings, "queue");
  result.events = settings.count;
  return result;
}

}  // namespace

Measurement queue(const Settings& settings) {
  if (settings.rate > 0) return pass(settings);
  auto result = drain(settings);
  Settings paced = settings;
  paced.rate = 10'000;
  paced.count = std::min<std::uint64_t>(settings.count, 20'000);
  result.latency = pass(paced).latency;
  return result;
}

Measurement pubsub(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& hub = processes.slot(0);
  Slot& speaker = processes.slot(2);
  processes.start("hub", [&] { run_hub(hub, scratch.path(), settings.sync); });
  processes.await(hub.ready, 20);
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    processes.start("subscribers", [&, i] { run_subscriber(hub, processes.slot(3 + i), settings); });
    processes.await(processes.slot(3 + i).ready, 20);
  }
  processes.start("publisher", [&] { run_publisher(hub, speaker, settings); });
  return collect(processes, speaker, 3, settings, "pubsub");
}

Measurement confirm(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& hub = processes.slot(0);
  Slot& speaker = processes.slot(3);
  processes.start("hub", [&] { run_hub(hub, scratch.path(), settings.sync); });
  processes.await(hub.ready, 20);
  processes.start("publisher", [&] { run_confirmed_publisher(hub, speaker, settings); });
  Settings one = settings;
  one.subscribers = 1;
  auto measurement = collect(processes, speaker, 3, one, "confirm");
  measurement.settings = settings;
  return measurement;
}

Restart restart(const Settings& settings) {
  const Scratch scratch;
  Processes processes;
  Slot& first = processes.slot(0);
  Slot& second = processes.slot(1);
  Slot& speaker = processes.slot(2);
  processes.start("hub", [&] { run_hub(first, scratch.path(), settings.sync); });
  processes.await(first.ready, 20);
  processes.start("publisher", [&] {
    declare_queue(first);
    run_publisher(first, speaker, settings);
  });
  processes.await(speaker.done, 600);
  Restart result;
  result.events = settings.count;
  result.queued_bytes = static_cast<double>(processes.resident_bytes("hub"));
  processes.kill_now("hub");
  processes.start("hub again", [&] { run_hub(second, scratch.path(), settings.sync); });
  processes.await(second.ready, 600);
  result.seconds = static_cast<double>(second.finished_ns - second.started_ns) / 1e9;
  result.restarted_bytes = static_cast<double>(processes.resident_bytes("hub again"));
  return result;
}

}  // namespace laban::bench
