// tests/fault/soak/stopped_reader.cpp - numbers and times travel in the payload.
#include "tests/fault/soak/stopped_reader.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <thread>

#include "bench/processes.hpp"
#include "laban/bus.hpp"
#include "laban/subscriber.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;

namespace {

constexpr const char* pattern = "isolation.#";
constexpr double patience = 300;  // seconds, until all have everything

// The beginning of each payload.
struct Stamp {
  std::uint64_t number = 0;  // from 1
  std::uint64_t sent_ns = 0;
};

// Reads until it has everything; throws where a number is missing or comes twice.
void read(const std::string& endpoint, bench::Slot& slot, const bench::Settings& settings) {
  Subscriber subscriber{{"reader", {endpoint, {}, {}}}};
  std::vector<std::uint64_t> samples;
  samples.reserve(settings.count);
  std::string wrong;
  SubscriptionOptions options;
  options.patterns = {pattern};
  subscriber.subscribe(options, [&](const Event& event) {
    Stamp stamp;
    if (event.data().size() >= sizeof stamp) std::memcpy(&stamp, event.data().data(), sizeof stamp);
    if (stamp.number != samples.size() + 1 && wrong.empty())
      wrong =
          "number " + std::to_string(stamp.number) + " came where " + std::to_string(samples.size() + 1) + " was due";
    samples.push_back(bench::steady_ns() - stamp.sent_ns);
    slot.events = samples.size();
  });
  subscriber.on_miss([&](const Miss& miss) { wrong = "a miss was told: " + miss.reason; });
  if (!subscriber.wait_until_ready(20s)) throw std::runtime_error("the subscription was not accepted in 20 s");
  slot.finished_ns = static_cast<std::uint64_t>(::getpid());
  slot.ready = true;
  while (samples.size() < settings.count && wrong.empty()) subscriber.poll(20ms);
  if (!wrong.empty()) throw std::runtime_error(wrong);
  slot.latency = bench::percentiles(samples);
  const auto stats = subscriber.stats();
  slot.started_ns = stats.missed_live + stats.reconnects;
  slot.done = true;
}

void publish(const std::string& endpoint, bench::Slot& slot, const bench::Settings& settings) {
  BusOptions options;
  options.service = "publisher";
  options.hub.endpoint = endpoint;
  options.window_events = settings.window;
  Bus bus{options};
  if (!bus.wait_until_connected(20s)) throw std::runtime_error("the hub did not answer in 20 s");
  bench::Pacer pacer{settings.rate > 0 ? settings.rate : 1e9};
  for (std::uint64_t number = 1; number <= settings.count; ++number) {
    if (settings.rate > 0) pacer.wait();
    NewEvent event;
    event.type = "isolation.event";
    event.data.resize(std::max<std::size_t>(settings.size, sizeof(Stamp)));
    const Stamp stamp{number, bench::steady_ns()};
    std::memcpy(event.data.data(), &stamp, sizeof stamp);
    bus.publish(std::move(event));
  }
  if (!bus.flush(60s)) throw std::runtime_error("not everything was confirmed in 60 s");
  slot.done = true;
}

}  // namespace

StoppedReader run_stopped_reader(const bench::Settings& settings, bool stop) {
  StoppedReader result;
  const test::TemporaryDirectory directory;
  test::HubProcess hub{directory.path()};
  bench::Processes processes;
  bench::Slot& speaker = processes.slot(0);
  bench::Slot& stopped = processes.slot(1);
  const auto start_reader = [&](bench::Slot& slot) {
    processes.start("subscriber", [&] { read(hub.endpoint(), slot, settings); });
    processes.await(slot.ready, 60);
  };
  try {
    start_reader(stopped);
    const auto process = static_cast<pid_t>(stopped.finished_ns.load());
    for (std::uint32_t i = 0; i < settings.subscribers; ++i) start_reader(processes.slot(2 + i));
    processes.start("publisher", [&] { publish(hub.endpoint(), speaker, settings); });
    while (stopped.events < settings.count / 20) std::this_thread::sleep_for(1ms);
    const auto begin = bench::steady_ns();
    if (stop) ::kill(process, SIGSTOP);
    for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
      processes.await(processes.slot(2 + i).done, patience);
      const auto& latency = processes.slot(2 + i).latency;
      if (latency.p99 > result.others.p99) result.others = latency;
    }
    processes.await(speaker.done, patience);
    result.stopped_seconds = static_cast<double>(bench::steady_ns() - begin) / 1e9;
    if (stop && stopped.events >= settings.count) result.wrongs.emplace_back("the stopped one was not stopped");
    ::kill(process, SIGCONT);
    processes.await(stopped.done, patience);
    result.gaps = stopped.started_ns;
  } catch (const std::exception& error) {
    result.wrongs.emplace_back(error.what());
  }
  return result;
}

}  // namespace laban::soak
