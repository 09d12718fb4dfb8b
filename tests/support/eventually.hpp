// tests/support/eventually.hpp - tests wait on conditions, never on time.
#pragma once

#include <chrono>
#include <thread>

namespace laban::test {

// True as soon as the condition holds; false if it did not within `limit`.
template <class Condition>
bool eventually(std::chrono::milliseconds limit, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});  // between two looks at the condition
  }
  return true;
}

}  // namespace laban::test
