// monitor/core/automaton.hpp - the lazily determinised automaton of a net: a state is the set of markings that the events
// so far can have led to, a step is one table read once it was taken before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::monitor {

using StateId = std::uint32_t;
inline constexpr StateId no_state = 0xffffffff;

// A class of events that mean the same to a definition: the steps that they can stand for.
using Symbol = std::uint32_t;
inline constexpr Symbol no_symbol = 0xffffffff;  // an activity that the definition lacks

struct AutomatonLimits {
  std::uint32_t markings_a_state = 20'000;
  std::uint32_t states = 200'000;
  std::uint32_t searched_markings = 50'000;  // silent search from one marking
  std::uint32_t repair_markings = 4'000;     // search for the way around a deviation
  std::uint32_t repair_steps = 12;           // at most so many skipped steps are named
};

// Where an event that misfits can resume: the steps skipped on the way, fewest first.
struct Repair {
  struct Way {
    StateId state = no_state;  // after the event
    StepIndex step = no_index;
    std::vector<StepIndex> missing;
    std::vector<StepIndex> instead;  // where one step is missing: others that would do as well
  };
  std::vector<Way> ways;  // empty: no way, the event is one too many
};

// What holds in a state, found once.
struct Outlook {
  std::vector<StepIndex> expected;       // required steps that can come, by name, one for each name
  std::vector<StepIndex> can_come;       // expected and optional ones
  bool may_end = false;                  // a proper end is possible without a further event
  bool must_end = false;                 // ... and no required step can come
  Outcome outcome = Outcome::completed;  // of that end
};

// Threads: one at a time; the tables grow as they are read. Errors: none; limits mark it approximate.
class Automaton {
 public:
  // symbols: for each symbol the steps that it can stand for. A step's beginning is its own symbol (`begins`).
  struct SymbolSteps {
    std::vector<StepIndex> steps;
    bool begins = false;
  };
  struct Edge {
    StateId state;   // no_state: the event misfits here
    StepIndex step;  // what it was matched with
  };

  Automaton(Net net, std::vector<SymbolSteps> symbols, AutomatonLimits limits = {});
  ~Automaton();
  Automaton(const Automaton&) = delete;
  Automaton& operator=(const Automaton&) = delete;

  static constexpr StateId start = 0;

  // The hot path.
  Edge next(StateId state, Symbol symbol) {
    const Edge& edge = edges_[std::size_t{state} * width_ + symbol];
    return edge.step == unexplored ? explore(state, symbol) : edge;
  }
  const Edge* row(StateId state) const { return &edges_[std::size_t{state} * width_]; }

  const Outlook& outlook(StateId state);
  const Repair& repair(StateId state, Symbol symbol);

  // For an instance of which events were lost: wherever it can be after `symbol`, whatever came unseen since `from`, as
  // one state; no_state where nothing explains it.
  StateId resumed_at(StateId from, Symbol symbol);

  // Fewest required steps to a proper end; no_index where there is none within the limits.
  std::uint32_t distance_to_end(StateId state);
  // Required steps without which no proper end can be reached from here.
  const std::vector<StepIndex>& must_come(StateId state);

  // A state as bytes that mean the same to every automaton of the same net, and back; no_state for bytes of another.
  std::string_view encode(StateId state);
  StateId decode(std::string_view bytes);

  const Net& net() const;
  std::size_t states() const;
  std::size_t markings() const;
  bool approximate() const;

 private:
  struct Tables;
  static constexpr StepIndex unexplored = 0xfffffffe;
  Edge explore(StateId state, Symbol symbol);
  void grow();  // a row for every state

  std::unique_ptr<Tables> tables_;
  std::vector<Edge> edges_;
  std::size_t width_ = 0;
};

}  // namespace laban::monitor
