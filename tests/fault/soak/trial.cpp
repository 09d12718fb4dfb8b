// tests/fault/soak/trial.cpp - the list of trials.
#include "tests/fault/soak/trial.hpp"

#include <iostream>

namespace laban::soak {

std::vector<Trial>& trials() {
  static std::vector<Trial> list;
  return list;
}

Registered::Registered(std::string name, std::string what_it_does, Run run, int rounds) {
  trials().push_back({std::move(name), std::move(what_it_does), std::move(run), rounds});
}

void say(const std::string& line) {
  std::cerr << line << std::endl;
}

std::string keep(const std::filesystem::path& directory, const std::string& trial, std::uint64_t seed) {
  const auto kept = std::filesystem::temp_directory_path() / (trial + "-" + std::to_string(seed));
  std::error_code ignored;
  std::filesystem::remove_all(kept, ignored);
  std::filesystem::copy(directory, kept, std::filesystem::copy_options::recursive, ignored);
  return kept.string();
}

}  // namespace laban::soak
