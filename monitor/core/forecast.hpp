// monitor/core/forecast.hpp - of one definition: how long its edges take, when an instance will end by what those before it did
// after the same step, and how wrong that was. Part of the fold.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/core/net.hpp"
#include "monitor/core/statistics.hpp"

namespace laban::monitor {

// Threads: one owns it; a copy may be read by any.
class Forecast {
 public:
  static constexpr std::size_t edges_max = 512;  // further ones are not counted
  static constexpr std::uint32_t learn_after = 10;
  // The first ended instances are all learned from, later ones one in so many: by the key, so that it is the same again.
  static constexpr std::uint64_t learned_from_all = 1'000, learned_one_in = 1'024;

  struct Passed {
    StepIndex step = no_index;       // no_index: it matched nothing
    std::chrono::nanoseconds at{0};  // since the start
  };
  struct Remaining {
    std::chrono::nanoseconds left{0};
    std::uint64_t samples = 0;
  };
  // At a quarter, half and three quarters of an instance's events: by how much it was off, beside what is said of an instance
  // of which nothing but its age is known. Seconds.
  struct Error {
    std::uint64_t samples = 0;
    double absolute = 0;
    double naive = 0;
  };
  struct Edge {
    StepIndex from = 0, to = 0;
    DurationHistogram took;
  };

  void pass(StepIndex from, StepIndex to, std::chrono::nanoseconds took);
  // An instance has ended: whether learn() wants its events.
  bool learns_from(std::string_view key);
  // Its events in their order. Judged first, then learned from.
  void learn(std::span<const Passed> events, std::chrono::nanoseconds took);

  // For an instance that stands at the step, for so long already; nothing before enough is learned.
  std::optional<Remaining> remaining(StepIndex step, std::chrono::nanoseconds since) const;
  const std::array<Error, 3>& errors() const { return errors_; }
  std::vector<const Edge*> edges() const;

  std::string save() const;
  // `ended` is for what a release wrote that did not keep it.
  bool restore(std::string_view in, std::uint64_t ended);

 private:
  struct Sum {
    std::uint64_t samples = 0;
    double seconds = 0;
  };
  std::map<std::pair<StepIndex, StepIndex>, Edge> edges_;
  std::map<StepIndex, Sum> left_;  // by the step last matched
  Sum whole_;
  std::uint64_t ended_ = 0;  // ever
  std::array<Error, 3> errors_{};
};

}  // namespace laban::monitor
