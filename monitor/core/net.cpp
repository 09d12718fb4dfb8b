// monitor/core/net.cpp - the token game: when a transition may fire and what it leaves behind.
#include "monitor/core/net.hpp"

namespace laban::monitor {

static unsigned tokens(const Marking& marking, PlaceIndex place) {
  return static_cast<unsigned char>(marking[place]);
}

// BPMN's rule: the join waits while a token elsewhere could still arrive by an incoming flow that has none, unless that
// token could as well arrive by one that has.
static bool join_may_fire(const InclusiveJoin& join, const Transition& transition, const Marking& marking) {
  std::uint64_t held = 0;
  for (std::size_t i = 0; i < transition.any_of.size(); ++i)
    if (tokens(marking, transition.any_of[i]) > 0) held |= std::uint64_t{1} << i;
  if (held == 0) return false;
  for (const auto& reach : join.watched)
    if (tokens(marking, reach.place) > 0 && (reach.flows & held) == 0 && (reach.flows & ~held) != 0) return false;
  return true;
}

bool can_fire(const Net& net, const Transition& transition, const Marking& marking) {
  for (std::size_t i = 0; i < transition.take.size(); ++i) {
    const PlaceIndex place = transition.take[i];
    unsigned wanted = 1;
    for (std::size_t j = 0; j < i; ++j) wanted += transition.take[j] == place ? 1 : 0;
    if (tokens(marking, place) < wanted) return false;
  }
  for (PlaceIndex place : transition.need)
    if (tokens(marking, place) == 0) return false;
  for (PlaceIndex place : transition.empty)
    if (tokens(marking, place) > 0) return false;
  return transition.join == no_index || join_may_fire(net.joins[transition.join], transition, marking);
}

bool fire(const Net& net, const Transition& transition, const Marking& before, Marking& after) {
  after = before;
  for (PlaceIndex place : transition.take) after[place] = static_cast<char>(tokens(after, place) - 1);
  for (PlaceIndex place : transition.any_of)
    if (tokens(after, place) > 0) after[place] = static_cast<char>(tokens(after, place) - 1);
  for (PlaceIndex place : transition.clear) after[place] = 0;
  for (PlaceIndex place : transition.put) {
    const unsigned held = tokens(after, place);
    if (net.places[place].saturates && held > 0) continue;
    if (held >= max_tokens) return false;
    after[place] = static_cast<char>(held + 1);
  }
  return true;
}

bool is_final(const Net& net, const Marking& marking) {
  for (const Marking& final : net.finals)
    if (final == marking) return true;
  if (!net.finals.empty()) return false;
  for (PlaceIndex place = 0; place < net.places.size(); ++place)
    if (net.places[place].counts && tokens(marking, place) > 0) return false;
  return true;
}

}  // namespace laban::monitor
