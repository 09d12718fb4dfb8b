// monitor/retention.hpp - how long ended instances are kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace laban::monitor {

// Ended instances; live ones are always kept. Nothing set: everything is kept.
struct Retention {
  std::optional<std::chrono::nanoseconds> age;                    // since they ended, at least
  std::map<std::string, std::chrono::nanoseconds> by_definition;  // by id, instead of `age`
  std::optional<std::uint64_t> bytes;                             // of the store, about

  bool any() const { return age || bytes || !by_definition.empty(); }
};

}  // namespace laban::monitor
