// monitor/core/replay.hpp - checks a recorded log against a definition, trace by trace, as the live fold would.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "monitor/core/event_log.hpp"
#include "monitor/core/follower.hpp"

namespace laban::monitor {

struct CheckedTrace {
  std::string id;
  Verdict verdict = Verdict::conforming;
  bool ended = false;  // the definition can be at its end there
  bool fit = false;    // from the start to a proper end without a deviation
  std::vector<Deviation> deviations;
};

struct ReplayTotals {
  std::uint64_t cases = 0, events = 0, fit = 0;
  std::array<std::uint64_t, verdicts> verdict{};
  std::array<std::uint64_t, deviation_kinds> deviations{};
};

// Threads: one, with its definition. Everything is in scope: an activity that the definition lacks is unexpected.
class Replay : public LogSink {
 public:
  using OnTrace = std::function<void(CheckedTrace&&)>;
  using OnWarning = std::function<void(const Finding&)>;

  Replay(Definition& definition, OnTrace on_trace, OnWarning on_warning = {});

  void begin_trace(std::string_view id) override;
  void event(const LogEvent& event) override;
  void end_trace() override;
  void warning(const Finding& finding) override;
  bool wants_times() const override { return false; }

  const ReplayTotals& totals() const { return totals_; }

 private:
  Definition& definition_;
  Follower follower_;
  OnTrace on_trace_;
  OnWarning on_warning_;
  ReplayTotals totals_;
  CheckedTrace trace_;
  Position position_;
  std::vector<std::uint64_t> seen_;
};

}  // namespace laban::monitor
