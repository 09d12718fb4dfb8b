// cli/bench.cpp - `laban bench`: what this machine reaches, one benchmark at a time.
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>

#include "bench/bus_bench.hpp"
#include "bench/engine_bench.hpp"
#include "bench/monitor_bench.hpp"
#include "bench/routing_bench.hpp"
#include "cli/command.hpp"
#include "laban/error.hpp"

namespace laban::cli {

namespace {

struct Benchmark {
  std::function<bench::Measurement(const bench::Settings&)> run;
  std::uint64_t count;  // events, unless --count says otherwise
  std::uint32_t window;
};

// A million live instances, whatever the number of events.
bench::Measurement engine(const bench::Settings& wanted) {
  auto settings = wanted;
  settings.keys = 1'000'000;
  auto measured = bench::engine(settings);
  if (!measured.agrees) throw std::logic_error("the engine's verdicts are not those of the naive engine");
  return std::move(static_cast<bench::Measurement&>(measured));
}

bench::Measurement monitor(const bench::Settings& wanted) {
  auto settings = wanted;
  settings.keys = 1'000'000;
  return bench::monitor(settings);
}

const std::map<std::string, Benchmark>& benchmarks() {
  static const std::map<std::string, Benchmark> all{
      {"pubsub", {bench::pubsub, 500'000, 10'000}},
      {"confirm", {bench::confirm, 500'000, 1'000}},
      {"engine", {engine, 5'000'000, 0}},
      {"monitor", {monitor, 3'000'000, 0}},
      {"queue", {bench::queue, 500'000, 1'000}},
      {"routing", {[](const bench::Settings& settings) { return bench::routing(settings); }, 1'000'000, 0}},
  };
  return all;
}

void add_bench(CLI::App& program, std::function<int()>& action) {
  struct Options {
    std::string name;
    bench::Settings settings;
    std::string sync = "group";
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  options->settings.count = 0;
  options->settings.window = 0;
  auto* command = program.add_subcommand("bench", "Measure the bus and the monitor on this machine");
  command->footer("Example: laban bench pubsub --subscribers 3 --size 256 --json");
  std::vector<std::string> names;
  for (const auto& [name, benchmark] : benchmarks()) names.push_back(name);
  command->add_option("NAME", options->name, "Which benchmark")->required()->check(CLI::IsMember(names));
  command->add_option("--size", options->settings.size, "Payload bytes an event")->check(CLI::Range(1, 1 << 20));
  command->add_option("--count", options->settings.count, "Events")->check(CLI::Range(1, 1'000'000'000));
  command->add_option("--subscribers", options->settings.subscribers, "Subscribers, or consumers")
      ->check(CLI::Range(1, 12));
  command->add_option("--rate", options->settings.rate, "Events a second; 0 is as fast as it goes");
  command->add_option("--window", options->settings.window,
                      "Published and not yet confirmed, at most; of a queue, a consumer's prefetch");
  command->add_option("--sync", options->sync, "group: on the disk before each confirm; off: left to the system")
      ->check(CLI::IsMember({"group", "off"}));
  command->add_flag("--json", options->json, "One JSON document");
  command->callback([options, &action] {
    action = [options] {
      const auto& benchmark = benchmarks().at(options->name);
      auto settings = options->settings;
      if (settings.count == 0) settings.count = benchmark.count;
      if (settings.window == 0) settings.window = benchmark.window;
      settings.sync = options->sync == "group";
      try {
        auto measurement = benchmark.run(settings);
        measurement.name = options->name;
        std::cout << (options->json ? bench::to_json(measurement) : bench::to_text(measurement)) << '\n';
      } catch (const std::runtime_error& error) {
        throw Error(Errc::unreachable, error.what());
      }
      return exit_ok;
    };
  });
}

const Command bench_command{add_bench};

}  // namespace

}  // namespace laban::cli
