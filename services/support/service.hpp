// services/support/service.hpp - what every sample service has in common: its options, its database file, its
// chances.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "laban/patterns/participant.hpp"

namespace CLI {
class App;
}

namespace shop {

// What goes wrong, and for which order: the same at each try and in each run with this seed, so that a retry
// after a crash decides as before.
struct Chance {
  double rate = 0;
  std::uint64_t seed = 1;

  bool strikes(std::string_view question, std::string_view order) const;
};

// A number between 0 and `below` that belongs to these words.
std::uint64_t drawn(std::uint64_t seed, std::string_view question, std::string_view about, std::uint64_t below);

struct Options {
  std::string name;  // of the service, its queue and its database file
  std::string hub;
  std::filesystem::path data;  // where the database lives
  Chance chance;
  double pace_seconds = 0;

  laban::patterns::ParticipantOptions participant(std::string tables) const;
};

// Waits for the hub, prints `NAME: ready` when nothing that is announced from now on can miss the service, and handles
// events until the process is told to stop. `meanwhile` is called between events, if only a few times a second.
void work(laban::patterns::Participant& bus, const Options& options, const std::function<void()>& meanwhile = {});

// main() of a service: reads the options, runs, turns an Error into one line and exit code 2. `more` adds
// options of the service's own.
int serve(int argc, char** argv, std::string name, const std::string& what_it_does,
          const std::function<void(const Options&)>& run, const std::function<void(CLI::App&)>& more = {});

}  // namespace shop
