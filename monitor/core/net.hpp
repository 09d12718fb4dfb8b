// monitor/core/net.hpp - a process as places, tokens and transitions: what a process model compiles to and a PNML file
// holds. Beside plain transitions there are those that empty places (a cancelled scope), that wait until places are
// empty (the end of a scope), and inclusive joins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

using PlaceIndex = std::uint32_t;
using TransitionIndex = std::uint32_t;
using StepIndex = std::uint32_t;

// Tokens on each place. One byte a place: a place that would hold more than max_tokens makes the net unbounded in
// practice, and the search marks the definition approximate.
using Marking = std::string;
inline constexpr unsigned max_tokens = 100;

// What an event can stand for: one visible node of the process.
struct Step {
  std::string name;
  std::string id;                       // the node's id, for drawing
  NodeIndex node = no_index;            // in the process model; none for a step of a PNML net
  bool required = false;                // false: may show, is then matched, is never expected
  std::vector<std::string> types;       // event types that stand for it
  std::string start_type;               // where it shows twice: the type of its beginning
  std::vector<std::string> publishers;  // empty: anyone may say it
  StepIndex undoes = no_index;          // it compensates that step
};

struct Transition {
  std::vector<PlaceIndex> take;  // a token each; named twice is two tokens
  std::vector<PlaceIndex> put;
  std::vector<PlaceIndex> need;    // must hold a token, which stays
  std::vector<PlaceIndex> empty;   // must hold nothing
  std::vector<PlaceIndex> clear;   // emptied when it fires
  std::vector<PlaceIndex> any_of;  // an inclusive join: takes one from each of these that holds one, at least one
  std::uint32_t join = no_index;   // which inclusive join decides whether it may fire yet
  StepIndex step = no_index;       // silent without
  bool begins = false;             // the beginning of a step that shows twice
  bool further = false;            // one more instance of a body that runs many times at once; soundness looks at one
  NodeIndex node = no_index;
};

// Backward reachability of an inclusive join: for each place that can hold a token which could still get to the join,
// the incoming flows (as bits, in the order of Transition::any_of) that it could arrive by.
struct InclusiveJoin {
  struct Reach {
    PlaceIndex place;
    std::uint64_t flows;
  };
  std::vector<Reach> watched;
};

struct Place {
  std::string name;
  bool counts = true;         // false: bookkeeping that may be left over at a proper end
  bool saturates = false;     // holds one token at most, further ones vanish
  NodeIndex node = no_index;  // where its tokens stand
  std::uint8_t outcome = 0;   // 1 + Outcome, for the mark that an end event leaves
};

struct Net {
  std::vector<Place> places;
  std::vector<Transition> transitions;
  std::vector<InclusiveJoin> joins;
  std::vector<Step> steps;
  Marking initial;
  std::vector<Marking> finals;  // a proper end is exactly one of these; none: no token is left where it counts
  bool approximate = false;     // something was simplified on the way
};

bool can_fire(const Net& net, const Transition& transition, const Marking& marking);

// The marking afterwards; the transition can fire. False where a place would hold more than max_tokens.
bool fire(const Net& net, const Transition& transition, const Marking& before, Marking& after);

bool is_final(const Net& net, const Marking& marking);

// The net of a process. `findings` says what was simplified.
Net compile(const ProcessModel& model, std::vector<Finding>& findings);

}  // namespace laban::monitor
