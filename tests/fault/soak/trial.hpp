// tests/fault/soak/trial.hpp - a long trial: a name, what it does, and a run that ends with one line. One file a trial.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace laban::soak {

struct TrialOptions {
  int rounds = 50;
  std::uint64_t seed = 1;
  std::chrono::minutes time{0};  // stop after so long, whatever the rounds; 0: no limit
};

struct TrialResult {
  std::string line;                 // what was done, for people
  std::vector<std::string> wrongs;  // empty: passed
};

using Run = std::function<TrialResult(const TrialOptions&)>;

struct Trial {
  std::string name;
  std::string what_it_does;
  Run run;
  int rounds = 50;  // where nobody says how many
};

std::vector<Trial>& trials();

// At namespace scope of a trial's own file: const Registered kills{"kills", "...", run};
struct Registered {
  Registered(std::string name, std::string what_it_does, Run run, int rounds = 50);
};

// Steps of a trial, on standard error.
void say(const std::string& line);

// Copies what a failed trial leaves to where it stays; the place.
std::string keep(const std::filesystem::path& directory, const std::string& trial, std::uint64_t seed);

}  // namespace laban::soak
