// monitor/witness_order.cpp - instances followed anew in the order of causes, and what an ended instance teaches.
#include <algorithm>

#include "monitor/core/causal_order.hpp"
#include "monitor/witness_fold.hpp"

namespace laban::monitor {

static constexpr std::size_t rewound_events_max = 10'000;  // a longer instance keeps the order in which it was seen

std::vector<EventSummary> Witness::Fold::all_events(InstanceIndex instance, const InstanceName& name) const {
  std::vector<EventSummary> all = view->events(name, 0, rewound_events_max + 1);
  const auto stored = static_cast<std::ptrdiff_t>(all.size());
  std::vector<const EventSummary*> pending;
  pending_of(instance, pending);
  const auto by_offset = [](const EventSummary& a, const EventSummary& b) { return a.offset < b.offset; };
  for (const EventSummary* event : pending) {
    // One that was followed anew is written again.
    const auto same = std::lower_bound(all.begin(), all.begin() + stored, *event, by_offset);
    if (same != all.begin() + stored && same->offset == event->offset) {
      *same = *event;
    } else {
      all.push_back(*event);
    }
  }
  std::inplace_merge(all.begin(), all.begin() + stored, all.end(), by_offset);
  if (all.size() > rewound_events_max + 1) all.resize(rewound_events_max + 1);  // as many, stored already or not
  return all;
}

void Witness::Fold::learn_end(const Change& change) {
  Entry& entry = entries[change.definition];
  if (!entry.forecast.learns_from(tracker.key(change.instance))) return;
  const InstanceView now = tracker.view(change.instance);
  std::vector<Forecast::Passed> passed;
  for (const auto& event : all_events(change.instance, {now.definition, now.key, now.run}))
    if (event.recorded - now.started_at <= change.took) passed.push_back({event.step, event.recorded - now.started_at});
  entry.forecast.learn(passed, change.took);
}

void Witness::Fold::rewind(InstanceIndex instance, const Observation& cause) {
  const InstanceView before = tracker.view(instance);
  const InstanceName name{before.definition, before.key, before.run};
  std::vector<EventSummary> all = all_events(instance, name);
  if (all.size() > rewound_events_max || all.size() != before.events) return;
  const auto in_order = [](const std::vector<EventSummary>& given) {
    std::vector<Placed> placed;
    for (const auto& event : given) placed.push_back({event.offset, event.id, event.causation});
    std::vector<EventSummary> out;
    for (const std::size_t place : causal_order(placed)) out.push_back(given[place]);
    return out;
  };
  // As it was followed until now, and as it is to be followed.
  auto fresh = in_order(all);
  auto old = in_order({all.begin(), std::prev(all.end())});
  old.push_back(all.back());
  const auto same_offset = [](const auto& a, const auto& b) { return a.offset == b.offset; };
  if (std::equal(fresh.begin(), fresh.end(), old.begin(), same_offset)) return;
  std::vector<Observation> observations;
  for (const auto& event : fresh) {
    Observation seen;
    seen.key = name.key;
    seen.type = event.type;
    seen.source = event.source;
    seen.offset = event.offset;
    seen.time = event.recorded;
    observations.push_back(seen);
  }
  std::vector<Change> anew;
  const Totals totals = tracker.totals(name.definition);
  if (!tracker.refold(instance, observations, anew)) return;
  Recount recount;
  Statistics& statistics = entries[name.definition].statistics;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (old[i].step == no_index) continue;
    --statistics.passed[old[i].step];
    recount.passed_before.push_back({old[i].step, std::nullopt});
    if (i == 0) continue;
    recount.passed_before.back().took = old[i].recorded - old[i - 1].recorded;
    statistics.step_duration[old[i].step].remove(*recount.passed_before.back().took);
  }
  if (before.ended_at) {
    recount.took_before.push_back(*before.ended_at - before.started_at);
    statistics.duration.remove(recount.took_before.back());
  }
  kept_of(instance).pending = Kept::nothing;
  // All of them wait to be stored again before any end is learned from, whichever were stored before.
  auto next = fresh.begin();
  for (const auto& change : anew)
    if (change.event) (next++)->step = change.step;
  for (const auto& event : fresh) wait(instance, event);
  next = fresh.begin();
  for (const auto& change : anew) apply(change, change.event ? &*next++ : nullptr, cause.offset, cause.time, true);
  record_anew(anew, totals, std::move(recount), cause);
}

// For the past it is one change, whatever the instance passed through on its way.
void Witness::Fold::record_anew(const std::vector<Change>& anew, const Totals& before, Recount&& recount,
                                const Observation& cause) {
  Change whole = anew.front();
  whole.event = whole.ended = whole.reopened = false;
  whole.settled.clear();
  whole.owed = 0;
  for (const auto& change : anew) {
    whole.after = change.after;
    whole.verdict = change.verdict;
    whole.flags = change.flags;
    whole.owed += change.owed;
    if (change.ended) recount.took.push_back(change.took);
    if (!change.event || change.step == no_index) continue;
    recount.passed.push_back({change.step, std::nullopt});
    if (!change.anew) recount.passed.back().took = change.step_took;
  }
  const Totals& now = tracker.totals(whole.definition);
  const auto more = [](std::uint64_t count, std::uint64_t than) { return static_cast<std::int64_t>(count - than); };
  recount.started = more(now.started, before.started);
  for (std::size_t i = 0; i < instance_states; ++i) recount.ended[i] = more(now.ended[i], before.ended[i]);
  for (std::size_t i = 0; i < deviation_kinds; ++i)
    recount.deviations[i] = more(now.deviations[i], before.deviations[i]);
  const InstanceView here = tracker.view(whole.instance);
  recount.first_offset = here.first_offset;
  recount.last_offset = here.last_offset;
  recount.started_at = here.started_at;
  recount.last_event_at = here.last_event_at;
  recount.step_since = here.step_since;
  recount.ended_at = here.ended_at.value_or(Time{});
  record(whole, cause.offset, cause.time, std::move(recount));
}

}  // namespace laban::monitor
