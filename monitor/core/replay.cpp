// monitor/core/replay.cpp - a log against a definition.
#include "monitor/core/replay.hpp"

#include <limits>

namespace laban::monitor {

Replay::Replay(Definition& definition, OnTrace on_trace, OnWarning on_warning)
    : definition_(definition),
      follower_(definition, std::numeric_limits<std::uint32_t>::max()),
      on_trace_(std::move(on_trace)),
      on_warning_(std::move(on_warning)),
      seen_((definition.labels() + 63) / 64 + 1) {}

void Replay::begin_trace(std::string_view id) {
  trace_ = {};
  trace_.id = id;
  position_ = Position{};
  std::fill(seen_.begin(), seen_.end(), 0);
}

void Replay::event(const LogEvent& event) {
  ++totals_.events;
  std::vector<DeviationKind> settled;  // only lost events settle any before the end
  follower_.observe(position_, SeenLabels(seen_.data()),
                    {definition_.meaning(event.activity, event.source), event.activity}, settled);
}

void Replay::end_trace() {
  follower_.settle(position_);
  trace_.verdict = follower_.verdict(position_);
  trace_.deviations = follower_.deviations(position_);
  trace_.ended = definition_.automaton().outlook(position_.state).may_end;
  trace_.fit = trace_.ended && trace_.verdict == Verdict::conforming;
  ++totals_.cases;
  totals_.fit += trace_.fit ? 1 : 0;
  ++totals_.verdict[static_cast<std::size_t>(trace_.verdict)];
  for (const Deviation& deviation : trace_.deviations) ++totals_.deviations[static_cast<std::size_t>(deviation.kind)];
  if (on_trace_) on_trace_(std::move(trace_));
}

void Replay::warning(const Finding& finding) {
  if (on_warning_) on_warning_(finding);
}

}  // namespace laban::monitor
