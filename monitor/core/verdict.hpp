// monitor/core/verdict.hpp - what is said about an instance: its state, its verdict, its deviations.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace laban::monitor {

enum class InstanceState : std::uint8_t { running, completed, failed, compensating, compensated };
enum class Verdict : std::uint8_t { conforming, deviating, incomplete };
enum class DeviationKind : std::uint8_t { skipped, repeated, unexpected, out_of_order, wrong_publisher, after_end };

inline constexpr std::size_t instance_states = 5;
inline constexpr std::size_t verdicts = 3;
inline constexpr std::size_t deviation_kinds = 6;

// Flags, as bits.
inline constexpr std::uint8_t flag_stuck = 1;
inline constexpr std::uint8_t flag_late = 2;

inline bool is_live(InstanceState state) {
  return state == InstanceState::running || state == InstanceState::compensating;
}

// The public words of the contract.
std::string_view word(InstanceState state);
std::string_view word(Verdict verdict);
std::string_view word(DeviationKind kind);

struct Deviation {
  DeviationKind kind = DeviationKind::unexpected;
  std::string event;                  // what arrived: the step's name, or the type where no step has it
  std::uint32_t index = 0;            // its place among the instance's events, from 0
  std::uint64_t offset = 0;           // its offset on the bus; 0 offline
  std::vector<std::string> missing;   // the skipped steps
  std::vector<std::string> expected;  // every activity that could have come there, sorted
  bool settled = false;               // false: later events may still give it another name
};

}  // namespace laban::monitor
