// bench/main.cpp - `./dev bench`: every goal as a ratio to a baseline in the same run.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "bench/bus_bench.hpp"
#include "bench/engine_bench.hpp"
#include "bench/fleeting_bench.hpp"
#include "bench/jetstream.hpp"
#include "bench/journal_bench.hpp"
#include "bench/pairs.hpp"
#include "bench/queue_bench.hpp"
#include "bench/rabbitmq.hpp"
#include "bench/raw_zmq.hpp"

namespace laban::bench {

static Pair fan_out(std::uint64_t count, std::uint32_t subscribers) {
  Settings settings;
  settings.count = count;
  settings.subscribers = subscribers;
  settings.window = 10'000;
  return {"fan-out through the synced log, " + std::to_string(subscribers) + " subscriber(s) / raw proxy",
          [=] { return pubsub(settings); }, [=] { return raw_proxy(settings); }, 1.0, 2.0};
}

static Pair fleeting(std::uint64_t count, std::uint32_t subscribers) {
  Settings settings;
  settings.count = count;
  settings.subscribers = subscribers;
  return {"at most once, " + std::to_string(subscribers) + " subscriber(s) / raw proxy",
          [=] { return at_most_once(settings); }, [=] { return raw_proxy(settings); }, 1.0, 2.0};
}

static Pair one_way(std::uint64_t count) {
  Settings settings;
  settings.count = count;
  settings.rate = 10'000;
  settings.window = 10'000;
  settings.sync = false;
  return {"one way at 10,000 events a second without sync, p50 / raw proxy",
          [=] { return pubsub(settings); },
          [=] { return raw_proxy(settings); },
          1.3,
          1.0,
          Pair::Of::median_latency};
}

static Pair confirmed(std::uint64_t count, std::uint32_t window, double floor, double aim) {
  Settings settings;
  settings.count = count;
  settings.window = window;
  return {"confirmed publish, window " + std::to_string(window) + " / mini hub with fdatasync",
          [=] { return confirm(settings); }, [=] { return mini_hub(settings); }, floor, aim};
}

// Both halves of a pair run in turn, group by group: the second call only hands over what the first one measured.
static Pair append(std::uint64_t count, std::uint32_t window, double floor, double aim) {
  Settings settings;
  settings.count = count;
  settings.window = window;
  auto last = std::make_shared<AppendPair>();
  const auto ours = [=] { return (*last = append_pair(settings)).journal; };
  return {"log append, " + std::to_string(window) + " a sync / zero-filled file with CRC32C", ours,
          [=] { return last->raw; }, floor, aim};
}

// The peer gets as many as it takes in about the same time.
static Pair queue_beside(const std::string& peer, Measurement (*drain)(const Settings&), std::uint64_t count,
                         std::uint64_t fewer, double floor, double aim) {
  Settings settings;
  settings.count = count;
  Settings less = settings;
  less.count = count / fewer;
  return {"queue, each acknowledged / " + peer, [=] { return queue(settings); }, [=] { return drain(less); }, floor,
          aim};
}

// Ten million messages of a million keys in one queue: what they take, and how long a checkpoint and a restart take.
static void tell_queue_memory(std::uint64_t count) {
  Settings settings;
  settings.count = count;
  settings.keys = static_cast<std::uint32_t>(std::max<std::uint64_t>(count / 10, 1));
  const auto told = queue_memory(settings);
  std::printf(
      "queue of %llu messages of %llu keys: %.1f bytes a message in memory; %.2f s to fill, checkpoint %.2f s "
      "(%.1f bytes a message), restart %.2f s\n\n",
      static_cast<unsigned long long>(told.messages), static_cast<unsigned long long>(told.keys), told.bytes_a_message,
      told.enqueue_seconds, told.snapshot_seconds, told.snapshot_bytes_a_message, told.restore_seconds);
}

// A key costs the hub something only while the queue holds messages of it: so all are published before they are consumed.
static Pair many_keys(std::uint64_t count) {
  Settings few;
  few.count = count;
  Settings many = few;
  many.keys = static_cast<std::uint32_t>(std::max<std::uint64_t>(count / 3, 1));
  return {"queue, each acknowledged, " + std::to_string(many.keys) + " keys / " + std::to_string(few.keys) + " keys",
          [=] { return queue(many); }, [=] { return queue(few); }, 0.7, 1.0};
}

static void tell_restart(std::uint64_t count) {
  Settings settings;
  settings.count = count;
  settings.keys = static_cast<std::uint32_t>(std::max<std::uint64_t>(count / 10, 1));
  settings.window = 10'000;
  const auto told = restart(settings);
  constexpr double mib = 1 << 20;
  std::printf(
      "hub with %llu events of %u keys in a queue: %.0f MiB in memory; started again after it was killed in %.2f s, then "
      "%.0f MiB\n\n",
      static_cast<unsigned long long>(told.events), settings.keys, told.queued_bytes / mib, told.seconds,
      told.restarted_bytes / mib);
}

static Pair engine_alone(std::uint64_t count) {
  Settings settings;
  settings.count = count;
  settings.keys = 1'000'000;
  return {"engine, a million live instances / flat map and table",
          [=] {
            const auto measured = engine(settings, 10'000);
            if (!measured.agrees) throw std::runtime_error("the engine's verdicts are not the naive engine's");
            return measured;
          },
          [=] { return bare_engine(settings); }, 1.0, 1.5};
}

static int run(int argc, char** argv) {
  CLI::App program{"Laban's benchmarks, each beside its baseline", "laban_bench"};
  std::string wanted;
  int rounds = 5;
  double scale = 1;
  program.add_option("NAME", wanted, "Only the benchmarks with this in their name");
  program.add_option("--rounds", rounds, "Pairs a benchmark")->check(CLI::Range(1, 100));
  program.add_option("--scale", scale, "Of the number of events")->check(CLI::Range(0.001, 100.0));
  CLI11_PARSE(program, argc, argv);
  const auto events = [&](double full) { return static_cast<std::uint64_t>(full * scale); };
  std::vector<std::pair<std::string, Pair>> pairs{
      {"pubsub", fan_out(events(2e6), 1)},
      {"pubsub", fan_out(events(1e6), 3)},
      {"at-most-once", fleeting(events(2e6), 1)},
      {"at-most-once", fleeting(events(1e6), 3)},
      {"latency", one_way(events(6e4))},
      {"confirm", confirmed(events(2e6), 1000, 1.0, 1.5)},
      {"confirm", confirmed(events(5e3), 1, 0.9, 1.0)},
      {"journal", append(events(1e6), 1000, 0.7, 0.9)},
      {"journal", append(events(5e3), 1, 0.7, 0.9)},
      {"engine", engine_alone(events(5e6))},
      {"queue-keys", many_keys(events(3e6))},
  };
  const auto beside = [&](const std::string& missing, const Pair& pair) {
    if (std::string{"queue"}.find(wanted) == std::string::npos) return;
    if (missing.empty()) return pairs.emplace_back("queue", pair), void();
    std::printf("%s: left out, since %s is not installed\n\n", pair.name.c_str(), missing.c_str());
  };
  beside(has_jetstream() ? "" : "nats-server",
         queue_beside("JetStream queue, which does not sync", jetstream_queue, events(3e6), 4, 2.0, 3.0));
  beside(missing_for_rabbitmq(), queue_beside("RabbitMQ quorum queue", rabbitmq_queue, events(3e6), 30, 8.0, 12.0));
  int ran = 0;
  for (const auto& [name, pair] : pairs) {
    if (name.find(wanted) == std::string::npos) continue;
    compare(pair, rounds);
    ++ran;
  }
  if (std::string{"queue-memory"}.find(wanted) != std::string::npos) {
    tell_queue_memory(events(1e7));
    ++ran;
  }
  if (std::string{"restart"}.find(wanted) != std::string::npos) {
    tell_restart(events(1e7));
    ++ran;
  }
  if (ran > 0) return 0;
  std::cerr << "laban_bench: there is no benchmark '" << wanted
            << "': pubsub, at-most-once, latency, confirm, journal, engine, queue, queue-keys, queue-memory, restart\n";
  return 2;
}

}  // namespace laban::bench

int main(int argc, char** argv) {
  try {
    return laban::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "laban_bench: " << error.what() << '\n';
    return 1;
  }
}
