// services/support/service.cpp - options, chances and the one catch of a sample service.
#include "services/support/service.hpp"

#include <CLI/CLI.hpp>

#include <cmath>
#include <iostream>

#include "laban/stop.hpp"

namespace shop {

using namespace std::chrono_literals;

std::uint64_t drawn(std::uint64_t seed, std::string_view question, std::string_view about, std::uint64_t below) {
  // FNV-1a and a final mix: the same on every machine and in every release, which std::hash does not promise.
  std::uint64_t hash = 0xcbf29ce484222325u ^ seed;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    hash = (hash ^ 0xffu) * 0x100000001b3u;
  };
  add(question);
  add(about);
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  hash ^= hash >> 31;
  return below == 0 ? 0 : hash % below;
}

bool Chance::strikes(std::string_view question, std::string_view order) const {
  constexpr std::uint64_t resolution = 1'000'000'000;
  return static_cast<double>(drawn(seed, question, order, resolution)) < rate * resolution;
}

laban::patterns::ParticipantOptions Options::participant(std::string tables) const {
  laban::patterns::ParticipantOptions options;
  options.bus.service = name;
  options.bus.hub.endpoint = hub;
  options.database = data / (name + ".db");
  options.tables = std::move(tables);
  options.pace = std::chrono::milliseconds{std::llround(pace_seconds * 1000)};
  return options;
}

void work(laban::patterns::Participant& bus, const Options& options, const std::function<void()>& meanwhile) {
  const auto stop = laban::stop_on_signal();
  while (!bus.wait_until_ready(200ms))
    if (stop.stop_requested()) return;
  std::cout << options.name << ": ready" << std::endl;
  if (!meanwhile) return bus.run(stop);
  while (!stop.stop_requested()) {
    meanwhile();
    bus.poll(10ms);
  }
  bus.flush(5s);
}

int serve(int argc, char** argv, std::string name, const std::string& what_it_does,
          const std::function<void(const Options&)>& run, const std::function<void(CLI::App&)>& more) {
  Options options;
  options.name = std::move(name);
  options.data = ".";
  CLI::App program{what_it_does, options.name};
  program.failure_message([](const CLI::App* app, const CLI::Error& error) {
    return app->get_name() + ": " + error.what() + ": see --help\n";
  });
  program.add_option("--hub", options.hub, "the hub's address")
      ->envname("LABAN_HUB")
      ->default_str("tcp://127.0.0.1:5570");
  program.add_option("--data", options.data, "the directory of the service's database")->capture_default_str();
  program.add_option("--fail-rate", options.chance.rate, "how many of the orders that come here fail here, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  program.add_option("--seed", options.chance.seed, "decides which of them")->capture_default_str();
  program.add_option("--pace", options.pace_seconds, "how many seconds it takes to say what was done")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  if (more) more(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  try {
    std::filesystem::create_directories(options.data);
    run(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << options.name << ": " << error.what() << '\n';
    return 2;
  }
}

}  // namespace shop
