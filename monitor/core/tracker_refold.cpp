// monitor/core/tracker_refold.cpp - an instance followed anew, because an event of it came late: what it had added to the
// totals is taken back, and its events are followed in their order.
#include <algorithm>

#include "monitor/core/tracker_fold.hpp"

namespace laban::monitor {

bool Tracker::refold(InstanceIndex instance, std::span<const Observation> events, std::vector<Change>& changes) {
  return fold_->refold(instance, events, changes);
}

bool Tracker::comes_late(InstanceIndex instance, const Observation& event) const {
  const Cold& rest = fold_->cold(instance);
  if (event.offset < rest.last_offset) return true;
  const auto& options = fold_->options;
  return event.time < fold_->now && fold_->now - rest.last_event_at >= std::min(options.lateness, options.quiet_end);
}

// What the events added for good; where it stands is taken over by the first change. The law of the totals holds before and
// after, not in between.
void Tracker::Fold::retract(InstanceIndex slot) {
  const Hot& one = hot(slot);
  Totals& totals = tracked[one.definition].totals;
  totals.events -= one.events;
  if (!is_live(one.phase)) --totals.ended[static_cast<std::size_t>(one.phase)];
  const Extras* more = extra(slot);
  if (more == nullptr) return;
  for (std::size_t state = 0; state < instance_states; ++state) {
    totals.started -= more->reopened[state];
    totals.ended[state] -= more->reopened[state];
  }
  if (more->doubt == nullptr) return;
  for (const Misfit& misfit : more->doubt->settled) --totals.deviations[static_cast<std::size_t>(misfit.kind)];
}

bool Tracker::Fold::refold(InstanceIndex slot, std::span<const Observation> events, std::vector<Change>& changes) {
  const Extras* before = extra(slot);
  if (events.empty() || (before != nullptr && before->doubt != nullptr && before->doubt->forgotten > 0)) return false;
  anew = Anew{snapshot(slot), owed(slot)};
  retract(slot);
  Hot& one = hot(slot);
  Cold& rest = cold(slot);
  one.lived_across_gap = one.lived_across_gap || one.incomplete;
  one.state = Automaton::start;
  one.step = no_index;
  one.last = no_symbol;
  one.events = 0;
  one.phase = InstanceState::running;
  one.flags = 0;
  one.incomplete = false;
  rest.started_at = rest.last_event_at = events.front().time;
  rest.first_offset = rest.last_offset = events.front().offset;
  rest.seen = 0;
  rest.waiting_step.fill(Cold::no_step);
  if (one.has_extras) {
    Extras fresh;
    Extras& old = more(slot);
    fresh.key = std::move(old.key);
    fresh.seen.resize(old.seen.size());
    old = std::move(fresh);
    note_doubt(slot);
    note_clocks(slot);
  }
  refolding = true;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Meaning meaning = tracked[one.definition].definition->meaning(events[i].type, events[i].source);
    apply(slot, events[i], meaning, i == 0, changes);
  }
  pass_silence(slot, now, true, changes);
  refolding = false;
  arm(slot);
  return true;
}

}  // namespace laban::monitor
