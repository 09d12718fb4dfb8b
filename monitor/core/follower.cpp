// monitor/core/follower.cpp - naming deviations by following the cheapest explanations.
#include "monitor/core/follower.hpp"

#include <algorithm>

namespace laban::monitor {

static constexpr std::size_t most_explanations = 6;
static constexpr std::uint32_t widest = 4;     // further from the best than this, an explanation is dropped
static constexpr std::uint32_t patience = 32;  // events without a misfit until only the best one stays

void Follower::note(SeenLabels seen, StepIndex step) const {
  const std::uint32_t label = definition_.label_of(step);
  seen.set(label);
  if (!definition_.compensates()) return;
  const std::uint32_t undo = definition_.undone_by(label);
  if (undo != no_index) seen.clear(undo);
}

StepIndex Follower::observe(Position& position, SeenLabels seen, const Arrival& arrival,
                            std::vector<DeviationKind>& settled) const {
  StepIndex step = no_index;
  if (!position.doubt && !arrival.meaning.wrong_publisher && arrival.meaning.symbol != no_symbol) {
    const auto edge = definition_.automaton().next(position.state, arrival.meaning.symbol);
    if (edge.state != no_state) {
      position.state = edge.state;
      step = edge.step;
    } else {
      step = misfit(position, seen, arrival, settled);
    }
  } else {
    step = misfit(position, seen, arrival, settled);
  }
  if (step != no_index) {
    position.step = step;
    note(seen, step);
  }
  position.last = arrival.meaning.symbol;
  ++position.events;
  return step;
}

StepIndex Follower::misfit(Position& position, SeenLabels seen, const Arrival& arrival,
                           std::vector<DeviationKind>& settled) const {
  Automaton& automaton = definition_.automaton();
  const Symbol symbol = arrival.meaning.symbol;
  if (arrival.excused && symbol != no_symbol && automaton.next(position.state, symbol).state == no_state) {
    const StateId resumed = automaton.resumed_at(position.state, symbol);
    if (resumed != no_state) {
      position.incomplete = true;
      position.used_excuse = true;
      if (position.doubt) {
        for (const DeviationKind kind : settle(position)) settled.push_back(kind);
        position.doubt->explanations.front().state = resumed;
      }
      position.state = resumed;  // settling goes to where the best explanation stood
      return definition_.steps_of(symbol).front();
    }
  }
  if (!position.doubt) {
    position.doubt = std::make_unique<Doubt>();
    position.doubt->explanations.push_back({position.state, 0, {}});
  }
  Doubt& doubt = *position.doubt;
  if (doubt.explanations.size() == 1 && symbol != no_symbol && !arrival.meaning.wrong_publisher) {
    const auto edge = automaton.next(position.state, symbol);
    if (edge.state != no_state) {
      doubt.explanations.front().state = position.state = edge.state;
      ++doubt.since;
      return edge.step;
    }
  }
  std::vector<Explanation> next;
  for (const Explanation& explanation : doubt.explanations) expand(explanation, arrival, seen, position, next);
  const std::uint32_t least_before = doubt.explanations.front().cost;
  prefer(next);
  doubt.since = next.front().cost > least_before ? 0 : doubt.since + 1;
  if (doubt.since > patience) next.resize(1);
  doubt.explanations = std::move(next);
  const Explanation& best = doubt.explanations.front();
  position.state = best.state;
  // An event that the best explanation calls one too many matches no step.
  if (symbol == no_symbol) return no_index;
  if (!best.misfits.empty()) {
    const Misfit& last = best.misfits.back();
    if (last.index == position.events && last.kind != DeviationKind::skipped &&
        last.kind != DeviationKind::wrong_publisher)
      return no_index;
  }
  return definition_.steps_of(symbol).front();
}

// The name of an event that is one too many.
Misfit Follower::extra(const Explanation& from, const Arrival& arrival, SeenLabels seen,
                       const Position& position) const {
  Misfit misfit;
  misfit.index = position.events;
  misfit.offset = arrival.offset;
  misfit.symbol = arrival.meaning.symbol;
  const Outlook& outlook = definition_.automaton().outlook(from.state);
  misfit.expected = outlook.expected;
  if (misfit.symbol == no_symbol) {
    misfit.type = arrival.type;
    return misfit;
  }
  const auto& steps = definition_.steps_of(misfit.symbol);
  const bool shown =
      std::any_of(steps.begin(), steps.end(), [&](StepIndex step) { return seen.has(definition_.label_of(step)); });
  const bool again = misfit.symbol == position.last && !definition_.is_start(misfit.symbol);
  if (outlook.must_end && !again)
    misfit.kind = DeviationKind::after_end;
  else if (shown)
    misfit.kind = DeviationKind::repeated;
  return misfit;
}

// A skipped step that shows after all: its skip becomes an exchange of places, at no further cost.
bool Follower::came_late(Explanation& explanation, const Arrival& arrival) const {
  for (StepIndex step : definition_.steps_of(arrival.meaning.symbol)) {
    for (std::size_t i = 0; i < explanation.misfits.size(); ++i) {
      Misfit& skip = explanation.misfits[i];
      if (skip.kind != DeviationKind::skipped) continue;
      const auto missed = std::find_if(skip.missing.begin(), skip.missing.end(),
                                       [&](StepIndex other) { return same_label(step, other); });
      if (missed == skip.missing.end()) {
        const auto other = std::find_if(skip.instead.begin(), skip.instead.end(),
                                        [&](StepIndex one) { return same_label(step, one); });
        if (other == skip.instead.end() || skip.missing.size() != 1) continue;
        skip.kind = DeviationKind::out_of_order;
        skip.missing = {*other};
        return true;
      }
      if (skip.missing.size() == 1) {
        skip.kind = DeviationKind::out_of_order;
        return true;
      }
      Misfit late = skip;
      late.kind = DeviationKind::out_of_order;
      late.missing = {*missed};
      skip.missing.erase(missed);
      explanation.misfits.insert(explanation.misfits.begin() + static_cast<std::ptrdiff_t>(i), std::move(late));
      return true;
    }
  }
  return false;
}

// Steps that would be skipped now, but showed too early before: each of these becomes an exchange of places too.
std::uint32_t Follower::came_early(Explanation& explanation, const std::vector<StepIndex>& missing,
                                   std::uint32_t index) const {
  std::uint32_t early = 0;
  Misfit* skip = &explanation.misfits.back();
  for (StepIndex step : missing) {
    for (Misfit& other : explanation.misfits) {
      if (other.index >= index || other.symbol == no_symbol ||
          (other.kind != DeviationKind::unexpected && other.kind != DeviationKind::repeated))
        continue;
      const auto& steps = definition_.steps_of(other.symbol);
      if (std::none_of(steps.begin(), steps.end(), [&](StepIndex one) { return same_label(one, step); })) continue;
      other.kind = DeviationKind::out_of_order;
      other.missing = std::move(other.ahead_of);
      skip->missing.erase(std::find(skip->missing.begin(), skip->missing.end(), step));
      ++early;
      break;
    }
  }
  return early;
}

void Follower::expand(const Explanation& from, const Arrival& arrival, SeenLabels seen, const Position& position,
                      std::vector<Explanation>& into) const {
  Automaton& automaton = definition_.automaton();
  const Symbol symbol = arrival.meaning.symbol;
  if (symbol == no_symbol) {
    into.push_back(from);
    into.back().misfits.push_back(extra(from, arrival, seen, position));
    ++into.back().cost;
    return;
  }
  const auto edge = automaton.next(from.state, symbol);
  Explanation late = from;
  const bool is_late = came_late(late, arrival);
  if (edge.state != no_state) {
    into.push_back(from);
    into.back().state = edge.state;
    if (is_late) into.push_back(std::move(late));
    if (!arrival.meaning.wrong_publisher) return;
    Misfit wrong = extra(from, arrival, seen, position);
    wrong.kind = DeviationKind::wrong_publisher;
    into.back().misfits.push_back(std::move(wrong));
    ++into.back().cost;
    return;
  }
  if (is_late) into.push_back(std::move(late));

  Explanation surplus = from;
  surplus.misfits.push_back(extra(from, arrival, seen, position));
  ++surplus.cost;
  const bool known = surplus.misfits.back().kind != DeviationKind::unexpected;
  const Repair repair = automaton.repair(from.state, symbol);
  if (!repair.ways.empty()) surplus.misfits.back().ahead_of = repair.ways.front().missing;
  if (known) into.push_back(surplus);  // what showed before is rather repeated than ahead of a skip
  for (const auto& way : repair.ways) {
    Explanation skip = from;
    skip.state = way.state;
    Misfit misfit = extra(from, arrival, seen, position);
    misfit.kind = DeviationKind::skipped;
    misfit.missing = way.missing;
    misfit.instead = way.instead;
    skip.misfits.push_back(std::move(misfit));
    skip.cost += static_cast<std::uint32_t>(way.missing.size());
    skip.cost -= came_early(skip, way.missing, position.events);
    if (skip.misfits.back().missing.empty()) skip.misfits.pop_back();
    into.push_back(std::move(skip));
  }
  if (!known) into.push_back(std::move(surplus));
}

// The cheapest first; of equal ones that which could end here, then the one with fewer deviations, then as they came.
void Follower::prefer(std::vector<Explanation>& explanations) const {
  Automaton& automaton = definition_.automaton();
  const auto price = [&](const Explanation& explanation) {
    return explanation.cost + (automaton.outlook(explanation.state).may_end ? 0 : 1);
  };
  std::stable_sort(explanations.begin(), explanations.end(), [&](const Explanation& a, const Explanation& b) {
    const auto price_a = price(a), price_b = price(b);
    return price_a != price_b ? price_a < price_b : a.misfits.size() < b.misfits.size();
  });
  std::uint32_t least = explanations.front().cost;
  for (const Explanation& explanation : explanations) least = std::min(least, explanation.cost);
  std::vector<Explanation> kept;
  for (Explanation& explanation : explanations) {
    const bool far = explanation.cost > least + widest;
    const bool known = std::any_of(kept.begin(), kept.end(),
                                   [&](const Explanation& other) { return other.state == explanation.state; });
    if (!far && !known && kept.size() < most_explanations) kept.push_back(std::move(explanation));
  }
  explanations = std::move(kept);
}

void Follower::keep(Doubt& doubt, std::vector<Misfit> misfits) const {
  for (Misfit& misfit : misfits) {
    if (doubt.settled.size() < remembered_)
      doubt.settled.push_back(std::move(misfit));
    else
      ++doubt.forgotten;
  }
}

std::vector<DeviationKind> Follower::settle(Position& position) const {
  std::vector<DeviationKind> kinds;
  if (!position.doubt) return kinds;
  Doubt& doubt = *position.doubt;
  doubt.explanations.resize(1);
  Explanation& only = doubt.explanations.front();
  for (const Misfit& misfit : only.misfits) kinds.push_back(misfit.kind);
  keep(doubt, std::move(only.misfits));
  only.misfits.clear();
  only.cost = 0;
  position.state = only.state;
  return kinds;
}

std::vector<DeviationKind> Follower::settle_clear_ones(Position& position) const {
  std::vector<DeviationKind> kinds;
  if (!position.doubt || position.doubt->explanations.size() != 1) return kinds;
  Explanation& only = position.doubt->explanations.front();
  std::vector<Misfit> open, settled;
  for (Misfit& misfit : only.misfits) {
    // A step that may still show, and one too many that a later skip may explain.
    const bool is_open = misfit.kind == DeviationKind::skipped ||
                         (misfit.symbol != no_symbol &&
                          (misfit.kind == DeviationKind::unexpected || misfit.kind == DeviationKind::repeated));
    if (!is_open) kinds.push_back(misfit.kind);
    (is_open ? open : settled).push_back(std::move(misfit));
  }
  keep(*position.doubt, std::move(settled));
  only.misfits = std::move(open);
  return kinds;
}

bool Follower::has_open_names(const Position& position) const {
  return position.doubt && !position.doubt->explanations.front().misfits.empty();
}

Verdict Follower::verdict(const Position& position) const {
  if (position.doubt && (!position.doubt->settled.empty() || position.doubt->forgotten > 0 ||
                         !position.doubt->explanations.front().misfits.empty()))
    return Verdict::deviating;
  return position.incomplete ? Verdict::incomplete : Verdict::conforming;
}

Deviation Follower::describe(const Misfit& misfit, bool settled) const {
  Deviation deviation;
  deviation.kind = misfit.kind;
  deviation.event = misfit.symbol == no_symbol ? misfit.type : definition_.name_of(misfit.symbol);
  deviation.index = misfit.index;
  deviation.offset = misfit.offset;
  for (StepIndex step : misfit.missing) deviation.missing.push_back(definition_.steps()[step].name);
  for (StepIndex step : misfit.expected) deviation.expected.push_back(definition_.steps()[step].name);
  deviation.settled = settled;
  return deviation;
}

std::vector<Deviation> Follower::deviations(const Position& position) const {
  std::vector<Deviation> list;
  if (!position.doubt) return list;
  for (const Misfit& misfit : position.doubt->settled) list.push_back(describe(misfit, true));
  for (const Misfit& misfit : position.doubt->explanations.front().misfits) list.push_back(describe(misfit, false));
  std::stable_sort(list.begin(), list.end(), [](const Deviation& a, const Deviation& b) { return a.index < b.index; });
  return list;
}

}  // namespace laban::monitor
