// monitor/core/acceptance.hpp - deviations that people have looked at and let pass, by rule. An overlay: no verdict and no
// count depends on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/core/verdict.hpp"

namespace laban::monitor {

// What is empty matches everything.
struct Acceptance {
  std::string process;   // by id; never empty
  std::string instance;  // by key
  std::optional<DeviationKind> kind;
  std::string event;                                                     // what arrived
  std::string missing;                                                   // one of the skipped steps
  std::string reason;                                                    // never empty
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> until;  // deviations before

  friend bool operator==(const Acceptance&, const Acceptance&) = default;
};

// A rule with the offsets after which it holds and after which it was withdrawn.
struct AcceptedRule {
  Acceptance rule;
  std::uint64_t after_offset = 0;
  std::optional<std::uint64_t> withdrawn_after;

  bool holds_at(std::uint64_t offset) const {
    return after_offset <= offset && (!withdrawn_after || *withdrawn_after > offset);
  }
};

// The first rule that lets a deviation pass; nullptr where none does. `time` is that of its event.
const AcceptedRule* accepted_by(const std::vector<AcceptedRule>& rules, std::uint64_t offset,
                                const std::string& process, const std::string& key, const Deviation& deviation,
                                std::chrono::sys_time<std::chrono::nanoseconds> time);

std::string save(const std::vector<AcceptedRule>& rules);
bool restore(std::string_view bytes, std::vector<AcceptedRule>& rules);

}  // namespace laban::monitor
