// tests/support/seed.hpp - the seed of a random test: LABAN_SEED where it is set, else random; always printed
// on failure.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <random>

namespace laban::test {

inline std::uint64_t seed() {
  if (const char* given = std::getenv("LABAN_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

}  // namespace laban::test

// Names the seed in the message of every failed assertion of this scope.
#define LABAN_SEED(name)                          \
  const std::uint64_t name = laban::test::seed(); \
  INFO("repeat with LABAN_SEED=" << name)
