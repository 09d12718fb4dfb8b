// monitor/core/soundness_sets.cpp - soundness by sets of markings. It looks at safe markings alone: where a place that
// counts would get a second token, that is the flaw; where another one would, nothing is decided.
#include <algorithm>

#include "monitor/core/flaw_writer.hpp"

namespace laban::monitor {

namespace {

using Set = MarkingSets::Set;

// Places in the order in which tokens come to them, one branch after another: what depends on one another stays close,
// and sets stay small.
class Order {
 public:
  explicit Order(const Net& net) : net_(net), consumers_(net.places.size()), seen_(net.places.size()) {
    for (TransitionIndex t = 0; t < net.transitions.size(); ++t) {
      const Transition& transition = net.transitions[t];
      std::vector<PlaceIndex> inputs = transition.take;
      inputs.insert(inputs.end(), transition.any_of.begin(), transition.any_of.end());
      std::sort(inputs.begin(), inputs.end());
      inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
      waits_for_.push_back(inputs.size());
      for (PlaceIndex place : inputs) consumers_[place].push_back(t);
    }
  }

  // Also the transitions, as they can first fire.
  std::vector<PlaceIndex> places(std::vector<TransitionIndex>& transitions) {
    for (PlaceIndex place = 0; place < seen_.size(); ++place)
      if (net_.initial[place] != 0) walk(place);
    for (PlaceIndex place = 0; place < seen_.size(); ++place) walk(place);
    transitions = std::move(transitions_);
    std::vector<bool> listed(net_.transitions.size(), false);
    for (TransitionIndex t : transitions) listed[t] = true;
    for (TransitionIndex t = 0; t < listed.size(); ++t)
      if (!listed[t]) transitions.push_back(t);
    return std::move(places_);
  }

 private:
  void walk(PlaceIndex first) {
    std::vector<PlaceIndex> open{first};
    while (!open.empty()) {
      const PlaceIndex here = open.back();
      open.pop_back();
      if (seen_[here]) continue;
      seen_[here] = true;
      places_.push_back(here);
      for (TransitionIndex t : consumers_[here]) {
        if (--waits_for_[t] != 0) continue;
        transitions_.push_back(t);
        const auto& put = net_.transitions[t].put;
        open.insert(open.end(), put.rbegin(), put.rend());
      }
    }
  }

  const Net& net_;
  std::vector<std::vector<TransitionIndex>> consumers_;
  std::vector<std::size_t> waits_for_;
  std::vector<bool> seen_;
  std::vector<PlaceIndex> places_;
  std::vector<TransitionIndex> transitions_;
};

class SetExplorer {
 public:
  SetExplorer(const Net& net, const ProcessModel* model, const MarkingSetLimits& limits)
      : net_(net),
        model_(model),
        order_(Order(net).places(sequence_)),
        sets_(order_, limits),
        flaws_(net, model, report_) {}

  SoundnessReport run();

 private:
  struct Move {
    Set enabled = MarkingSets::none;
    std::vector<PlaceIndex> guarded;  // must be empty before it fires, or would hold two tokens
    MarkingSets::Changes changes = 0;
    Set moves = MarkingSets::none;  // where it fires and something is different afterwards
  };
  struct Grown {  // the reachable markings, each time that a transition added some
    TransitionIndex by;
    Set all;
  };

  void wire(TransitionIndex index);
  Set condition_of_join(const Transition& transition);
  bool reach();
  bool piles_up(TransitionIndex index, Set here);
  Set leading_to(Set targets);
  std::size_t first_with(const Marking& marking) const;
  Marking earliest(Set targets);
  FlawWriter::Run run_to(Marking marking);
  void find_improper_completion(Set finals);
  void find_deadlocks_and_livelocks(Set finals);

  const Net& net_;
  const ProcessModel* model_;
  std::vector<TransitionIndex> sequence_;
  std::vector<PlaceIndex> order_;
  MarkingSets sets_;
  std::vector<Move> moves_;
  std::vector<Grown> history_;
  Set reached_ = MarkingSets::none;
  std::vector<bool> fired_;
  SoundnessReport report_;
  FlawWriter flaws_;
};

// BPMN's rule, see net.cpp: no watched place holds a token, unless that could come by a flow which has one.
Set SetExplorer::condition_of_join(const Transition& transition) {
  Set held = MarkingSets::none, may = MarkingSets::every;
  for (PlaceIndex place : transition.any_of) held = sets_.either(held, sets_.holding(place));
  for (const auto& reach : net_.joins[transition.join].watched) {
    Set harmless = sets_.lacking(reach.place);
    for (std::size_t bit = 0; bit < transition.any_of.size(); ++bit)
      if (reach.flows >> bit & 1) harmless = sets_.either(harmless, sets_.holding(transition.any_of[bit]));
    may = sets_.both(may, harmless);
  }
  return sets_.both(held, may);
}

static bool contains(const std::vector<PlaceIndex>& places, PlaceIndex place) {
  return std::find(places.begin(), places.end(), place) != places.end();
}

void SetExplorer::wire(TransitionIndex index) {
  const Transition& transition = net_.transitions[index];
  Move& move = moves_[index];
  Set enabled = MarkingSets::every;
  for (PlaceIndex place : transition.take) {
    if (std::count(transition.take.begin(), transition.take.end(), place) > 1) enabled = MarkingSets::none;
    enabled = sets_.both(enabled, sets_.holding(place));
  }
  for (PlaceIndex place : transition.need) enabled = sets_.both(enabled, sets_.holding(place));
  for (PlaceIndex place : transition.empty) enabled = sets_.both(enabled, sets_.lacking(place));
  if (transition.join != no_index) enabled = sets_.both(enabled, condition_of_join(transition));
  if (transition.further) enabled = MarkingSets::none;
  move.enabled = enabled;

  std::vector<PlaceIndex> emptied = transition.take;
  emptied.insert(emptied.end(), transition.any_of.begin(), transition.any_of.end());
  emptied.insert(emptied.end(), transition.clear.begin(), transition.clear.end());
  Set same = MarkingSets::every;
  for (PlaceIndex place : transition.put) {
    same = sets_.both(same, sets_.holding(place));
    if (net_.places[place].saturates) continue;
    if (!contains(emptied, place) || std::count(transition.put.begin(), transition.put.end(), place) > 1)
      move.guarded.push_back(place);
  }
  for (PlaceIndex place : emptied)
    if (!contains(transition.put, place)) same = sets_.both(same, sets_.lacking(place));
  move.changes = sets_.changes(emptied, transition.put);
  move.moves = sets_.without(enabled, same);
}

// A second token on a place: the flaw itself, or more than sets of safe markings can tell.
bool SetExplorer::piles_up(TransitionIndex index, Set here) {
  for (PlaceIndex place : moves_[index].guarded) {
    const Transition& transition = net_.transitions[index];
    const bool twice = std::count(transition.put.begin(), transition.put.end(), place) > 1;
    const Set bad = twice ? here : sets_.both(here, sets_.holding(place));
    if (bad == MarkingSets::none || sets_.full()) continue;
    if (model_ != nullptr && net_.places[place].counts) {
      auto run = run_to(earliest(bad));
      run.push_back(index);
      flaws_.unsynchronised(run, place);
    }
    return true;
  }
  return false;
}

// Whether all reachable markings were found, and are safe. One transition after the other fires wherever it can: in the
// order of the flow a few rounds do.
bool SetExplorer::reach() {
  reached_ = sets_.only(net_.initial);
  history_.push_back({no_index, reached_});
  for (bool grown = true; grown;) {
    grown = false;
    for (TransitionIndex t : sequence_) {
      const Set here = sets_.both(reached_, moves_[t].enabled);
      if (sets_.full()) return false;
      if (here == MarkingSets::none) continue;
      fired_[t] = true;
      if (piles_up(t, here)) return false;
      const Set all = sets_.either(reached_, sets_.after(here, moves_[t].changes));
      if (sets_.full()) return false;
      if (all == reached_) continue;
      reached_ = all;
      history_.push_back({t, all});
      grown = true;
    }
  }
  return true;
}

Set SetExplorer::leading_to(Set targets) {
  for (bool grown = true; grown && !sets_.full();) {
    grown = false;
    for (auto t = sequence_.rbegin(); t != sequence_.rend(); ++t) {
      const Set more = sets_.both(sets_.both(reached_, moves_[*t].moves), sets_.before(targets, moves_[*t].changes));
      const Set all = sets_.either(targets, more);
      grown = grown || all != targets;
      targets = all;
    }
  }
  return targets;
}

// The sets only grow, so that the first which holds a marking is found by halving.
std::size_t SetExplorer::first_with(const Marking& marking) const {
  return static_cast<std::size_t>(
      std::partition_point(history_.begin(), history_.end(),
                           [&](const Grown& grown) { return !sets_.has(grown.all, marking); }) -
      history_.begin());
}

Marking SetExplorer::earliest(Set targets) {
  const auto first = std::partition_point(history_.begin(), history_.end(), [&](const Grown& grown) {
    return sets_.both(grown.all, targets) == MarkingSets::none;
  });
  return sets_.any(first == history_.end() ? targets : sets_.both(first->all, targets));
}

FlawWriter::Run SetExplorer::run_to(Marking marking) {
  FlawWriter::Run run;
  for (std::size_t at = first_with(marking); at > 0 && at < history_.size() && !sets_.full();
       at = first_with(marking)) {
    const TransitionIndex by = history_[at].by;
    run.push_back(by);
    marking = sets_.like(sets_.both(history_[at - 1].all, moves_[by].enabled), marking, moves_[by].changes);
  }
  std::reverse(run.begin(), run.end());
  return run;
}

void SetExplorer::find_improper_completion(Set finals) {
  for (const Marking& final : net_.finals) {
    Set covered = reached_;
    for (PlaceIndex place = 0; place < final.size(); ++place)
      if (final[place] != 0) covered = sets_.both(covered, sets_.holding(place));
    covered = sets_.without(covered, finals);
    if (covered == MarkingSets::none || sets_.full()) continue;
    const Marking marking = earliest(covered);
    return flaws_.improper_completion(run_to(marking), marking);
  }
}

void SetExplorer::find_deadlocks_and_livelocks(Set finals) {
  Set stuck = sets_.without(reached_, finals);
  for (const Move& move : moves_) stuck = sets_.without(stuck, move.moves);
  const auto say = [&](Set where, void (FlawWriter::*what)(const FlawWriter::Run&, const Marking&)) {
    if (where == MarkingSets::none || sets_.full()) return;
    const Marking marking = earliest(where);
    (flaws_.*what)(run_to(marking), marking);
  };
  if (flaws_.found(Flaw::improper_completion)) return;
  const Set good = leading_to(finals), lost = leading_to(stuck);
  say(stuck, &FlawWriter::deadlock);
  say(sets_.without(sets_.without(reached_, good), lost), &FlawWriter::livelock);
}

SoundnessReport SetExplorer::run() {
  moves_.resize(net_.transitions.size());
  fired_.resize(net_.transitions.size(), false);
  if (sets_.full() || std::any_of(net_.initial.begin(), net_.initial.end(), [](char held) { return held > 1; }))
    return {};
  for (TransitionIndex t = 0; t < moves_.size() && !sets_.full(); ++t) wire(t);
  const bool all = !sets_.full() && reach();
  if (all) {
    Set finals = net_.finals.empty() ? reached_ : MarkingSets::none;
    for (const Marking& final : net_.finals) finals = sets_.either(finals, sets_.both(reached_, sets_.only(final)));
    for (PlaceIndex place = 0; net_.finals.empty() && place < net_.places.size(); ++place)
      if (net_.places[place].counts) finals = sets_.both(finals, sets_.lacking(place));
    find_improper_completion(finals);
    find_deadlocks_and_livelocks(finals);
    if (sets_.full()) return {};
    flaws_.dead_steps(fired_);
  }
  if (!all && report_.problems.empty()) return {};
  flaws_.uncompensated();
  report_.sound = report_.problems.empty();
  return std::move(report_);
}

}  // namespace

SoundnessReport check_soundness_by_sets(const Net& net, const ProcessModel* model, const MarkingSetLimits& limits) {
  if (net.places.size() > limits.places) return {};
  return SetExplorer(net, model, limits).run();
}

}  // namespace laban::monitor
