// tests/fault/fuzz/driver.cpp - what both drivers share: inputs that are known.
#include "tests/fault/fuzz/driver.hpp"

#include <fstream>
#include <iterator>

namespace laban::fuzz {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

Tried try_known(const Target& target) {
  Tried tried;
  const auto attempt = [&](const std::string& name, const std::string& input) {
    ++tried.inputs;
    if (!tried.wrong.empty()) return;
    if (const auto wrong = target.run(input); !wrong.empty()) tried.wrong = name + ": " + wrong;
  };
  int number = 0;
  for (const auto& seed : target.seeds()) attempt("seed " + std::to_string(number++) + " of " + target.name, seed);
  const auto found = std::filesystem::path{LABAN_FUZZ_FOUND} / target.name;
  if (!std::filesystem::exists(found)) return tried;
  for (const auto& entry : std::filesystem::directory_iterator(found))
    attempt(entry.path().string(), read_file(entry.path()));
  return tried;
}

}  // namespace laban::fuzz
