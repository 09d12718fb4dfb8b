// monitor/core/marking_graph.cpp - silent search by stubborn sets.
#include "monitor/core/marking_graph.hpp"

#include <algorithm>

namespace laban::monitor {

static constexpr char most_bodies = 3;

MarkingGraph::MarkingGraph(const Net& net, std::uint32_t searched_markings) : net_(net), limit_(searched_markings) {
  in_set_.resize(net.transitions.size(), 0);
  wire_places();
  wire();
}

static void add_unique(std::vector<PlaceIndex>& places, const std::vector<PlaceIndex>& more) {
  for (PlaceIndex place : more)
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
}

void MarkingGraph::wire_places() {
  const std::size_t count = net_.places.size();
  producers_.resize(count);
  consumers_.resize(count);
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    const Transition& transition = net_.transitions[t];
    if (transition.step != no_index) {
      visible_.push_back(t);
      continue;
    }
    if (transition.further && bodies_ < most_bodies) ++bodies_;
    std::vector<PlaceIndex> taken, given;
    add_unique(taken, transition.take);
    add_unique(taken, transition.any_of);
    add_unique(taken, transition.clear);
    add_unique(given, transition.put);
    for (PlaceIndex place : taken) consumers_[place].push_back(t);
    for (PlaceIndex place : given) producers_[place].push_back(t);
  }
  // Which places a token can come from by silent steps: a quick no for most goals.
  const std::size_t words = (count + 63) / 64;
  sources_.assign(count, std::vector<std::uint64_t>(words, 0));
  for (PlaceIndex place = 0; place < count; ++place) {
    std::vector<PlaceIndex> open{place};
    auto& from = sources_[place];
    while (!open.empty()) {
      const PlaceIndex here = open.back();
      open.pop_back();
      if (from[here / 64] >> (here % 64) & 1) continue;
      from[here / 64] |= std::uint64_t{1} << (here % 64);
      for (TransitionIndex t : producers_[here]) {
        const Transition& transition = net_.transitions[t];
        for (const auto* places : {&transition.take, &transition.need, &transition.any_of})
          open.insert(open.end(), places->begin(), places->end());
      }
    }
  }
}

static bool meet(const std::vector<PlaceIndex>& a, const std::vector<PlaceIndex>& b) {
  for (PlaceIndex place : a)
    if (std::find(b.begin(), b.end(), place) != b.end()) return true;
  return false;
}

void MarkingGraph::wire() {
  wiring_.resize(net_.transitions.size());
  std::vector<std::vector<TransitionIndex>> readers(net_.places.size()), writers(net_.places.size());
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    const Transition& transition = net_.transitions[t];
    Wiring& wiring = wiring_[t];
    add_unique(wiring.reads, transition.take);
    add_unique(wiring.writes, transition.take);
    add_unique(wiring.writes, transition.put);
    for (const auto* places : {&transition.need, &transition.empty, &transition.clear, &transition.any_of})
      add_unique(wiring.reads, *places);
    if (transition.join != no_index)
      for (const auto& reach : net_.joins[transition.join].watched) add_unique(wiring.reads, {reach.place});
    bool saturates = false;
    for (PlaceIndex place : transition.put) {
      if (!net_.places[place].saturates) continue;
      saturates = true;
      add_unique(wiring.reads, {place});
    }
    add_unique(wiring.writes, transition.clear);
    add_unique(wiring.writes, transition.any_of);
    // Not by the places: a transition that empties the place it takes from reads no other one, and is not plain.
    wiring.plain = transition.need.empty() && transition.empty.empty() && transition.clear.empty() &&
                   transition.any_of.empty() && transition.join == no_index && !saturates;
    if (transition.step != no_index) continue;
    for (PlaceIndex place : wiring.reads) readers[place].push_back(t);
    for (PlaceIndex place : wiring.writes) writers[place].push_back(t);
  }
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    Wiring& wiring = wiring_[t];
    std::vector<TransitionIndex> near;
    for (PlaceIndex place : wiring.reads) near.insert(near.end(), writers[place].begin(), writers[place].end());
    for (PlaceIndex place : wiring.writes) near.insert(near.end(), readers[place].begin(), readers[place].end());
    std::sort(near.begin(), near.end());
    near.erase(std::unique(near.begin(), near.end()), near.end());
    for (TransitionIndex other : near) {
      if (other == t) continue;
      // Two plain transitions interfere only by taking from one place.
      if (wiring.plain && wiring_[other].plain && !meet(net_.transitions[t].take, net_.transitions[other].take))
        continue;
      wiring.interferes.push_back(other);
    }
  }
}

MarkingId MarkingGraph::intern(const Marking& marking) {
  if (const auto found = ids_.find(marking); found != ids_.end()) return found->second;
  store_.push_back(marking);
  const auto id = static_cast<MarkingId>(markings_.size());
  markings_.push_back(&store_.back());
  nodes_.emplace_back();
  ids_.emplace(store_.back(), id);
  return id;
}

bool MarkingGraph::possible(const Transition& goal, const Marking& marking) const {
  const auto reachable = [&](PlaceIndex place) {
    if (marking[place] != 0) return true;
    const auto& from = sources_[place];
    for (PlaceIndex other = 0; other < marking.size(); ++other)
      if (marking[other] != 0 && (from[other / 64] >> (other % 64) & 1) != 0) return true;
    return false;
  };
  for (PlaceIndex place : goal.take)
    if (!reachable(place)) return false;
  for (PlaceIndex place : goal.need)
    if (!reachable(place)) return false;
  if (goal.any_of.empty()) return true;
  return std::any_of(goal.any_of.begin(), goal.any_of.end(), reachable);
}

void MarkingGraph::begin_set() {
  ++set_number_;
  set_.clear();
}

void MarkingGraph::add_to_set(TransitionIndex transition) {
  if (in_set_[transition] == set_number_) return;
  in_set_[transition] = set_number_;
  set_.push_back(transition);
}

void MarkingGraph::add_all(const std::vector<TransitionIndex>& transitions) {
  for (TransitionIndex transition : transitions) add_to_set(transition);
}

// Adds what must happen before a transition that cannot fire can.
void MarkingGraph::enable(const Transition& transition, const Marking& marking) {
  const std::vector<TransitionIndex>* best = nullptr;
  const auto consider = [&](const std::vector<TransitionIndex>& helpers) {
    if (best == nullptr || helpers.size() < best->size()) best = &helpers;
  };
  for (PlaceIndex place : transition.take) {
    const auto wanted = std::count(transition.take.begin(), transition.take.end(), place);
    if (static_cast<unsigned char>(marking[place]) < wanted) consider(producers_[place]);
  }
  for (PlaceIndex place : transition.need)
    if (marking[place] == 0) consider(producers_[place]);
  for (PlaceIndex place : transition.empty)
    if (marking[place] != 0) consider(consumers_[place]);
  if (best != nullptr) return add_all(*best);
  for (PlaceIndex place : transition.any_of) add_all(producers_[place]);
  if (transition.join == no_index) return;
  for (const auto& reach : net_.joins[transition.join].watched)
    if (marking[reach.place] != 0) add_all(consumers_[reach.place]);
}

void MarkingGraph::close_set(const Marking& marking) {
  for (std::size_t i = 0; i < set_.size(); ++i) {
    const TransitionIndex t = set_[i];
    if (can_fire(net_, net_.transitions[t], marking))
      add_all(wiring_[t].interferes);
    else
      enable(net_.transitions[t], marking);
  }
}

// A net that is too large for one search is too large for the next: those get little time.
void MarkingGraph::give_up() {
  truncated_ = true;
  limit_ = std::min(limit_, 1'000u);
}

void MarkingGraph::search(const Marking& from, TransitionIndex goal, std::vector<Move>& found) {
  // The last byte counts the instances that began on the way: one that shows nothing need not have begun, so that before
  // a visible step one for each body does, and none where an instance that is there can take the step.
  absl::flat_hash_set<Marking, BytesHash, BytesEqual> seen{from + char{0}};
  std::vector<Marking> open{from + char{0}};
  Marking after;
  while (!open.empty()) {
    Marking here = std::move(open.back());
    open.pop_back();
    const char begun = here.back();
    here.pop_back();
    const bool there = can_fire(net_, net_.transitions[goal], here);
    if (there) {
      if (fire(net_, net_.transitions[goal], here, after))
        found.push_back({goal, intern(after)});
      else
        give_up();
    }
    begin_set();
    add_to_set(goal);
    close_set(here);
    for (TransitionIndex t : set_) {
      const Transition& transition = net_.transitions[t];
      if (transition.step != no_index || (transition.further && (there || begun >= bodies_))) continue;
      if (!can_fire(net_, transition, here)) continue;
      if (!fire(net_, transition, here, after) || seen.size() >= limit_) {
        give_up();
        continue;
      }
      const bool near = possible(net_.transitions[goal], after);
      after.push_back(static_cast<char>(begun + (transition.further ? 1 : 0)));
      if (seen.insert(after).second && near) open.push_back(after);
    }
  }
}

const std::vector<MarkingGraph::Move>& MarkingGraph::moves(MarkingId id) {
  Node& node = nodes_[id];
  if (node.moves_known) return node.moves;
  std::vector<Move> found;
  for (TransitionIndex goal : visible_)
    if (possible(net_.transitions[goal], *markings_[id])) search(*markings_[id], goal, found);
  std::sort(found.begin(), found.end(), [](const Move& a, const Move& b) {
    return a.transition != b.transition ? a.transition < b.transition : a.to < b.to;
  });
  found.erase(std::unique(found.begin(), found.end(),
                          [](const Move& a, const Move& b) { return a.transition == b.transition && a.to == b.to; }),
              found.end());
  node.moves = std::move(found);
  node.moves_known = true;
  return node.moves;
}

// Adds what must happen on the way to a final marking; false where nothing can.
bool MarkingGraph::aim_at(const Marking& marking, const Marking* final) {
  const std::vector<TransitionIndex>* best = nullptr;
  for (PlaceIndex place = 0; place < marking.size(); ++place) {
    const unsigned held = static_cast<unsigned char>(marking[place]);
    if (final == nullptr && !net_.places[place].counts) continue;
    const unsigned wanted = final == nullptr ? 0 : static_cast<unsigned char>((*final)[place]);
    if (held == wanted) continue;
    const auto& helpers = held > wanted ? consumers_[place] : producers_[place];
    if (helpers.empty()) return false;
    if (best == nullptr || helpers.size() < best->size()) best = &helpers;
  }
  if (best != nullptr) add_all(*best);
  return true;
}

bool MarkingGraph::aim_at_end(const Marking& marking) {
  if (net_.finals.empty()) return aim_at(marking, nullptr);
  bool any = false;
  for (const Marking& final : net_.finals) any |= aim_at(marking, &final);
  return any;
}

static Outcome outcome_of(const Net& net, const Marking& marking) {
  Outcome outcome = Outcome::completed;
  for (PlaceIndex place = 0; place < marking.size(); ++place) {
    if (net.places[place].outcome == 0 || marking[place] == 0) continue;
    const auto marked = static_cast<Outcome>(net.places[place].outcome - 1);
    if (outcome == Outcome::completed || marked == Outcome::failed) outcome = marked;
  }
  return outcome;
}

MarkingGraph::Ending MarkingGraph::search_end(const Marking& from) {
  Ending ending;
  absl::flat_hash_set<Marking, BytesHash, BytesEqual> seen{from};
  std::vector<Marking> open{from};
  Marking after;
  while (!open.empty()) {
    const Marking here = std::move(open.back());
    open.pop_back();
    if (is_final(net_, here)) {
      const Outcome outcome = outcome_of(net_, here);
      // Where silent steps lead to several ends, the better one is assumed until an event says otherwise.
      if (!ending.possible || outcome < ending.outcome) ending = {true, outcome};
      if (ending.outcome == Outcome::completed) return ending;
    }
    begin_set();
    if (!aim_at_end(here)) continue;
    close_set(here);
    for (TransitionIndex t : set_) {
      if (net_.transitions[t].step != no_index || net_.transitions[t].further) continue;
      if (!can_fire(net_, net_.transitions[t], here)) continue;
      if (!fire(net_, net_.transitions[t], here, after) || seen.size() >= limit_) {
        give_up();
        continue;
      }
      if (seen.insert(after).second) open.push_back(after);
    }
  }
  return ending;
}

MarkingGraph::Ending MarkingGraph::ending(MarkingId id) {
  if (!nodes_[id].ending_known) {
    nodes_[id].ending = search_end(*markings_[id]);
    nodes_[id].ending_known = true;
  }
  return nodes_[id].ending;
}

}  // namespace laban::monitor
