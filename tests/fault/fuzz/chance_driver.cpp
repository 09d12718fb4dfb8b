// tests/fault/fuzz/chance_driver.cpp - inputs made from the seeds by chance, the same ones for the same seed.
#include <fstream>
#include <functional>

#include "tests/fault/fuzz/driver.hpp"

namespace laban::fuzz {

Tried try_target(const Target& target, const Effort& effort) {
  Tried tried;
  std::mt19937_64 random{effort.seed};
  const auto seeds = target.seeds();
  const auto end = std::chrono::steady_clock::now() + effort.time;
  std::string input;
  while ((effort.inputs == 0 || tried.inputs < effort.inputs) && std::chrono::steady_clock::now() < end) {
    // Damage adds up for a while.
    const auto& base = tried.inputs % 8 == 0 ? seeds[random() % seeds.size()] : input;
    input = target.mutated(std::string{base}, random);
    ++tried.inputs;
    const auto wrong = target.run(input);
    if (wrong.empty()) continue;
    std::filesystem::create_directories(effort.directory);
    const auto file = effort.directory / (target.name + "-" + std::to_string(std::hash<std::string>{}(input)));
    std::ofstream{file, std::ios::binary} << input;
    tried.wrong = wrong + ": " + file.string();
    break;
  }
  return tried;
}

}  // namespace laban::fuzz
