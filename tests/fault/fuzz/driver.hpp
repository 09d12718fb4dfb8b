// tests/fault/fuzz/driver.hpp - tries inputs on a target: guided by coverage where the program was built with clang
// (`cmake --preset fuzz`), else made from the seeds by chance.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "tests/fault/fuzz/targets.hpp"

namespace laban::fuzz {

struct Effort {
  std::chrono::seconds time{10};
  std::uint64_t inputs = 0;  // at most so many; 0: no limit
  std::uint64_t seed = 1;
  std::filesystem::path directory;  // what is found is kept here, and what a later run begins with
};

struct Tried {
  std::uint64_t inputs = 0;
  std::string wrong;  // what did not hold, and the file of the input that shows it
};

Tried try_target(const Target& target, const Effort& effort);

// Everything that was once found, and every seed: what did not hold, with the name of the input.
Tried try_known(const Target& target);

std::string read_file(const std::filesystem::path& path);

}  // namespace laban::fuzz
