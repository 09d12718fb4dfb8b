// monitor/core/automaton.cpp - subset construction on demand, and what is known of each state.
#include "monitor/core/automaton.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "monitor/core/marking_graph.hpp"

namespace laban::monitor {

using Markings = std::vector<MarkingId>;

struct Automaton::Tables {
  struct State {
    Markings markings;  // sorted; empty in the state that is lost to a limit
    bool lost = false;
    std::optional<Outlook> outlook;
    std::map<Symbol, Repair> repairs;
    std::optional<std::uint32_t> distance;
    std::optional<std::vector<StepIndex>> must;
    std::string encoded;
  };

  Tables(Net given, std::vector<SymbolSteps> words, AutomatonLimits bounds)
      : net(std::move(given)), symbols(std::move(words)), limits(bounds), graph(net, bounds.searched_markings) {
    fires.assign(symbols.size(), std::vector<bool>(net.transitions.size(), false));
    for (Symbol symbol = 0; symbol < symbols.size(); ++symbol)
      for (TransitionIndex t = 0; t < net.transitions.size(); ++t) {
        const Transition& transition = net.transitions[t];
        const auto& steps = symbols[symbol].steps;
        fires[symbol][t] = transition.step != no_index && transition.begins == symbols[symbol].begins &&
                           std::find(steps.begin(), steps.end(), transition.step) != steps.end();
      }
  }

  StateId intern(Markings markings);
  StateId lost_state();
  bool reached(MarkingId from, Symbol symbol, Markings& into, StepIndex& step);
  void find_repair(const State& state, Symbol symbol, Repair& repair);
  static void merge_ways(Repair& repair);
  void look_out(const State& state, Outlook& outlook);
  std::uint32_t find_distance(const State& state);
  bool ends_without(const State& state, std::uint32_t avoided, std::uint32_t& visited);

  Net net;
  std::vector<SymbolSteps> symbols;
  AutomatonLimits limits;
  MarkingGraph graph;
  std::vector<std::vector<bool>> fires;  // by symbol and transition
  std::deque<State> states;
  std::map<Markings, StateId> ids;
  std::map<std::pair<StateId, Symbol>, StateId> resumed;
  StateId lost = no_state;
  bool approximate = false;
};

Automaton::Automaton(Net net, std::vector<SymbolSteps> symbols, AutomatonLimits limits)
    : tables_(std::make_unique<Tables>(std::move(net), std::move(symbols), limits)), width_(tables_->symbols.size()) {
  tables_->intern({tables_->graph.intern(tables_->net.initial)});
  grow();
}

Automaton::~Automaton() = default;

StateId Automaton::Tables::intern(Markings markings) {
  std::sort(markings.begin(), markings.end());
  markings.erase(std::unique(markings.begin(), markings.end()), markings.end());
  if (markings.size() > limits.markings_a_state) {
    markings.resize(limits.markings_a_state);
    approximate = true;
  }
  if (const auto found = ids.find(markings); found != ids.end()) return found->second;
  if (states.size() >= limits.states) return lost_state();
  const auto id = static_cast<StateId>(states.size());
  states.emplace_back();
  states.back().markings = markings;
  ids.emplace(std::move(markings), id);
  return id;
}

// Past the limit of states an instance is no longer judged: every event fits, and the definition says so.
StateId Automaton::Tables::lost_state() {
  approximate = true;
  if (lost != no_state) return lost;
  lost = static_cast<StateId>(states.size());
  states.emplace_back();
  states.back().lost = true;
  states.back().outlook = Outlook{{}, {}, true, false, Outcome::completed};
  return lost;
}

// Adds the markings that an event leads to from one marking.
bool Automaton::Tables::reached(MarkingId from, Symbol symbol, Markings& into, StepIndex& step) {
  bool any = false;
  for (const auto& move : graph.moves(from)) {
    if (!fires[symbol][move.transition]) continue;
    any = true;
    into.push_back(move.to);
    step = std::min(step, net.transitions[move.transition].step);
  }
  return any;
}

void Automaton::grow() {
  const std::size_t wanted = tables_->states.size() * width_;
  if (edges_.size() >= wanted) return;
  edges_.resize(wanted, Edge{no_state, unexplored});
}

Automaton::Edge Automaton::explore(StateId state, Symbol symbol) {
  Edge edge{no_state, no_index};
  if (tables_->states[state].lost) {
    edge = {state, tables_->symbols[symbol].steps.front()};
  } else {
    Markings after;
    StepIndex step = no_index;
    for (MarkingId marking : tables_->states[state].markings) tables_->reached(marking, symbol, after, step);
    if (!after.empty()) edge = {tables_->intern(std::move(after)), step};
  }
  grow();
  edges_[std::size_t{state} * width_ + symbol] = edge;
  return edge;
}

void Automaton::Tables::look_out(const State& state, Outlook& outlook) {
  std::set<StepIndex> steps;
  std::map<std::string, StepIndex> expected;
  bool first = true;
  for (MarkingId marking : state.markings) {
    for (const auto& move : graph.moves(marking)) steps.insert(net.transitions[move.transition].step);
    const auto ending = graph.ending(marking);
    if (!ending.possible) continue;
    if (first || ending.outcome < outlook.outcome) outlook.outcome = ending.outcome;
    first = false;
    outlook.may_end = true;
  }
  for (StepIndex step : steps) {
    outlook.can_come.push_back(step);
    if (net.steps[step].required) expected.emplace(net.steps[step].name, step);
  }
  for (const auto& [name, step] : expected) outlook.expected.push_back(step);
  outlook.must_end = outlook.may_end && outlook.expected.empty();
}

const Outlook& Automaton::outlook(StateId id) {
  auto& state = tables_->states[id];
  if (!state.outlook) {
    Outlook outlook;
    tables_->look_out(state, outlook);
    state.outlook = std::move(outlook);
  }
  return *state.outlook;
}

// Breadth first over the required steps: the fewest that make the event possible. Ways that skip different steps are
// kept apart, so that a late arrival of one can be told.
void Automaton::Tables::find_repair(const State& state, Symbol symbol, Repair& repair) {
  struct Found {
    MarkingId marking;
    std::vector<StepIndex> missing;  // in order
  };
  static constexpr std::size_t most_ways = 16;
  std::set<MarkingId> seen(state.markings.begin(), state.markings.end());
  std::vector<Found> level;
  for (MarkingId marking : state.markings) level.push_back({marking, {}});
  for (std::uint32_t depth = 0; depth < limits.repair_steps && !level.empty() && repair.ways.empty(); ++depth) {
    std::vector<Found> next;
    std::map<std::vector<StepIndex>, std::size_t> ways;  // by the sorted missing steps
    std::vector<Markings> results;
    for (const Found& here : level) {
      const auto moves = graph.moves(here.marking);
      for (const auto& move : moves) {
        const Transition& transition = net.transitions[move.transition];
        if (!net.steps[transition.step].required || seen.size() > limits.repair_markings) continue;
        if (!seen.insert(move.to).second) continue;
        Found there{move.to, here.missing};
        if (there.missing.empty() || there.missing.back() != transition.step || !transition.begins)
          there.missing.push_back(transition.step);
        Markings after;
        StepIndex step = no_index;
        if (reached(move.to, symbol, after, step)) {
          auto sorted = there.missing;
          std::sort(sorted.begin(), sorted.end());
          const auto [way, is_new] = ways.emplace(sorted, repair.ways.size());
          if (is_new && repair.ways.size() == most_ways) {
            ways.erase(way);
            continue;
          }
          if (is_new) {
            repair.ways.push_back({no_state, step, there.missing, {}});
            results.emplace_back();
          }
          auto& into = results[way->second];
          into.insert(into.end(), after.begin(), after.end());
          repair.ways[way->second].step = std::min(repair.ways[way->second].step, step);
        }
        next.push_back(std::move(there));
      }
    }
    for (std::size_t way = 0; way < results.size(); ++way) repair.ways[way].state = intern(std::move(results[way]));
    level = std::move(next);
  }
  merge_ways(repair);
}

// Choices that lead to the same state are one way, with one step or another missing.
void Automaton::Tables::merge_ways(Repair& repair) {
  static constexpr std::size_t most_kept = 3;
  std::stable_sort(repair.ways.begin(), repair.ways.end(),
                   [](const auto& a, const auto& b) { return a.missing < b.missing; });
  std::vector<Repair::Way> merged;
  for (Repair::Way& way : repair.ways) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const Repair::Way& other) {
      return other.state == way.state && other.missing.size() == 1 && way.missing.size() == 1;
    });
    if (same != merged.end())
      same->instead.push_back(way.missing.front());
    else if (merged.size() < most_kept)
      merged.push_back(std::move(way));
  }
  repair.ways = std::move(merged);
}

const Repair& Automaton::repair(StateId id, Symbol symbol) {
  auto& repairs = tables_->states[id].repairs;
  if (const auto found = repairs.find(symbol); found != repairs.end()) return found->second;
  Repair repair;
  if (!tables_->states[id].lost) tables_->find_repair(tables_->states[id], symbol, repair);
  grow();
  return tables_->states[id].repairs.emplace(symbol, std::move(repair)).first->second;
}

StateId Automaton::resumed_at(StateId from, Symbol symbol) {
  if (tables_->states[from].lost) return from;
  const std::pair<StateId, Symbol> key{from, symbol};
  if (const auto found = tables_->resumed.find(key); found != tables_->resumed.end()) return found->second;
  Markings open = tables_->states[from].markings, after;
  std::set<MarkingId> seen(open.begin(), open.end());
  StepIndex step = no_index;
  for (std::size_t i = 0; i < open.size(); ++i) {
    tables_->reached(open[i], symbol, after, step);
    if (seen.size() >= tables_->limits.markings_a_state) continue;
    for (const auto& move : tables_->graph.moves(open[i]))
      if (seen.insert(move.to).second) open.push_back(move.to);
  }
  const StateId state = after.empty() ? no_state : tables_->intern(std::move(after));
  grow();
  tables_->resumed.emplace(key, state);
  return state;
}

std::uint32_t Automaton::Tables::find_distance(const State& state) {
  Markings level = state.markings;
  std::set<MarkingId> seen(level.begin(), level.end());
  for (std::uint32_t distance = 0; !level.empty(); ++distance) {
    Markings next;
    for (MarkingId marking : level)
      if (graph.ending(marking).possible) return distance;
    for (MarkingId marking : level)
      for (const auto& move : graph.moves(marking))
        if (net.steps[net.transitions[move.transition].step].required && seen.size() < limits.repair_markings &&
            seen.insert(move.to).second)
          next.push_back(move.to);
    level = std::move(next);
  }
  return no_index;
}

std::uint32_t Automaton::distance_to_end(StateId id) {
  auto& state = tables_->states[id];
  if (!state.distance) state.distance = state.lost ? no_index : tables_->find_distance(state);
  return *state.distance;
}

bool Automaton::Tables::ends_without(const State& state, std::uint32_t avoided, std::uint32_t& visited) {
  Markings open = state.markings;
  std::set<MarkingId> seen(open.begin(), open.end());
  while (!open.empty()) {
    const MarkingId here = open.back();
    open.pop_back();
    if (graph.ending(here).possible || ++visited > limits.repair_markings) return true;
    for (const auto& move : graph.moves(here)) {
      const Step& step = net.steps[net.transitions[move.transition].step];
      if (step.name != net.steps[avoided].name && step.required && seen.insert(move.to).second) open.push_back(move.to);
    }
  }
  return false;
}

const std::vector<StepIndex>& Automaton::must_come(StateId id) {
  auto& state = tables_->states[id];
  if (state.must) return *state.must;
  std::vector<StepIndex> must;
  std::set<std::string> names;
  if (!state.lost && distance_to_end(id) != no_index) {
    for (StepIndex step = 0; step < tables_->net.steps.size(); ++step) {
      std::uint32_t visited = 0;
      if (tables_->net.steps[step].required && names.insert(tables_->net.steps[step].name).second &&
          !tables_->ends_without(state, step, visited))
        must.push_back(step);
    }
  }
  state.must = std::move(must);
  return *state.must;
}

// A number in seven bits a byte, low ones first.
static void put_number(std::string& out, std::uint32_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

static bool take_number(std::string_view& in, std::uint32_t& number) {
  number = 0;
  for (unsigned shift = 0; !in.empty() && shift < 32; shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    number |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// Each marking as pairs of (distance from the place before, tokens), ended by a zero distance; places count from 1.
std::string_view Automaton::encode(StateId id) {
  auto& state = tables_->states[id];
  if (!state.encoded.empty()) return state.encoded;
  std::vector<std::string> parts;
  for (MarkingId marking_id : state.markings) {
    const Marking& marking = tables_->graph.marking(marking_id);
    std::string part;
    PlaceIndex last = 0;
    for (PlaceIndex place = 0; place < marking.size(); ++place) {
      if (marking[place] == 0) continue;
      put_number(part, place + 1 - last);
      put_number(part, static_cast<unsigned char>(marking[place]));
      last = place + 1;
    }
    put_number(part, 0);
    parts.push_back(std::move(part));
  }
  std::sort(parts.begin(), parts.end());
  put_number(state.encoded, static_cast<std::uint32_t>(parts.size()));
  for (const std::string& part : parts) state.encoded += part;
  return state.encoded;
}

StateId Automaton::decode(std::string_view bytes) {
  std::uint32_t count = 0;
  if (!take_number(bytes, count)) return no_state;
  if (count == 0) {
    const StateId lost = bytes.empty() ? tables_->lost_state() : no_state;
    grow();
    return lost;
  }
  Markings markings;
  for (std::uint32_t i = 0; i < count; ++i) {
    Marking marking(tables_->net.places.size(), 0);
    std::uint32_t step = 0, held = 0;
    std::size_t place = 0;
    for (;;) {
      if (!take_number(bytes, step)) return no_state;
      if (step == 0) break;
      place += step;
      if (!take_number(bytes, held) || place > marking.size() || held == 0 || held > max_tokens) return no_state;
      marking[place - 1] = static_cast<char>(held);
    }
    markings.push_back(tables_->graph.intern(marking));
  }
  if (!bytes.empty()) return no_state;
  const StateId state = tables_->intern(std::move(markings));
  grow();
  return state;
}

const Net& Automaton::net() const {
  return tables_->net;
}
std::size_t Automaton::states() const {
  return tables_->states.size();
}
std::size_t Automaton::markings() const {
  return tables_->graph.size();
}
bool Automaton::approximate() const {
  return tables_->approximate || tables_->graph.truncated() || tables_->net.approximate;
}

}  // namespace laban::monitor
