// bench/engine_bench.cpp - the bare engine over a million live instances.
#include "bench/engine_bench.hpp"

#include <absl/container/flat_hash_map.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>

#include "monitor/core/definition.hpp"
#include "monitor/core/hash.hpp"
#include "monitor/core/key_table.hpp"

namespace laban::bench {

using namespace monitor;

namespace {

constexpr std::size_t key_size = 36;
constexpr std::size_t batch = 32;

// An event as it lies in a receive buffer.
struct Frame {
  char key[key_size];
  std::uint32_t symbol;
};

struct alignas(64) Record {
  StateId state = Automaton::start;
  char key[key_size];
};

// Blocks of parallel and exclusive parts and loops, one after the other: enough for more than a hundred states.
ProcessModel process() {
  ProcessModel model;
  model.id = "bench";
  const auto add = [&](NodeKind kind) {
    Node node;
    node.kind = kind;
    node.id = "n" + std::to_string(model.nodes.size());
    if (kind == NodeKind::task) {
      node.name = "step " + std::to_string(model.nodes.size());
      node.types = {node.name};
      node.shows = Shows::required;
    }
    model.nodes.push_back(node);
    return static_cast<NodeIndex>(model.nodes.size() - 1);
  };
  const auto connect = [&](NodeIndex from, NodeIndex to) {
    Flow flow;
    flow.from = from;
    flow.to = to;
    model.flows.push_back(flow);
  };
  NodeIndex last = add(NodeKind::start_event);
  for (int block = 0; block < 8; ++block) {
    const auto kind = block % 2 == 0 ? NodeKind::parallel_gateway : NodeKind::exclusive_gateway;
    const NodeIndex merge = add(NodeKind::exclusive_gateway), split = add(kind), join = add(kind),
                    again = add(NodeKind::exclusive_gateway);
    connect(last, merge);
    connect(merge, split);
    for (int branch = 0; branch < 3; ++branch) {
      const NodeIndex one = add(NodeKind::task), two = add(NodeKind::task);
      connect(split, one);
      connect(one, two);
      connect(two, join);
    }
    connect(join, again);
    if (block % 3 == 0) connect(again, merge);
    last = again;
  }
  connect(last, add(NodeKind::end_event));
  return model;
}

std::uint64_t mix(std::uint64_t index, bool fits) {
  return fold_multiply(index * 2 + (fits ? 1 : 0) + 0x9e37, 0xbf58476d1ce4e5b9);
}

void write_key(char* into, std::uint64_t instance) {
  static const char digits[] = "0123456789abcdef";
  std::uint64_t bits = fold_multiply(instance + 1, 0x9e3779b97f4a7c15);
  for (std::size_t i = 0; i < key_size; ++i) {
    if (i == 16) bits = instance * 0x100000001b3;
    into[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : digits[bits & 15];
    if (into[i] != '-') bits = bits >> 4 | bits << 60;
  }
}

// Each instance walks through the process at random; one that is at its end begins again.
std::vector<Frame> stream(Definition& definition, const Settings& settings) {
  std::mt19937_64 random(7);
  std::vector<Frame> frames(settings.count);
  std::vector<StateId> at(settings.keys, Automaton::start);
  Automaton& automaton = definition.automaton();
  const auto symbols = static_cast<std::uint32_t>(definition.symbols());
  std::vector<std::vector<std::uint32_t>> possible;
  for (Frame& frame : frames) {
    const std::uint64_t instance = random() % settings.keys;
    write_key(frame.key, instance);
    StateId& state = at[instance];
    if (automaton.outlook(state).must_end) state = Automaton::start;
    if (state >= possible.size()) possible.resize(state + 1);
    auto& choices = possible[state];
    for (Symbol symbol = 0; choices.empty() && symbol < symbols; ++symbol)
      for (Symbol one = 0; one < symbols; ++one)
        if (automaton.next(state, one).state != no_state) choices.push_back(one);
    frame.symbol =
        random() % 50 == 0 ? static_cast<std::uint32_t>(random() % symbols) : choices[random() % choices.size()];
    const auto edge = automaton.next(state, frame.symbol);
    if (edge.state != no_state) state = edge.state;
  }
  return frames;
}

class Engine {
 public:
  explicit Engine(Definition& definition) : automaton_(definition.automaton()) {}

  // Three passes over a batch: what the next one reads is on its way from memory meanwhile.
  void observe(const Frame* frames, std::size_t count) {
    std::uint64_t hashes[batch];
    for (std::size_t i = 0; i < count; ++i) {
      hashes[i] = hash_bytes({frames[i].key, key_size});
      table_.prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t candidate = table_.first_candidate(hashes[i]);
      if (candidate != KeyTable::none) __builtin_prefetch(&record(candidate));
    }
    for (std::size_t i = 0; i < count; ++i) step(frames[i], hashes[i]);
  }
  std::uint64_t checksum() const { return checksum_; }
  std::size_t instances() const { return used_; }

 private:
  static constexpr std::uint32_t chunk = 1u << 16;

  Record& record(std::uint32_t number) { return chunks_[number / chunk][number % chunk]; }

  void step(const Frame& frame, std::uint64_t hash) {
    std::uint32_t number = table_.find(
        hash, [&](std::uint32_t other) { return std::memcmp(record(other).key, frame.key, key_size) == 0; });
    if (number == KeyTable::none) {
      if (used_ % chunk == 0) chunks_.emplace_back(new Record[chunk]);
      number = used_++;
      std::memcpy(record(number).key, frame.key, key_size);
      table_.insert(hash, number);
    }
    StateId& state = record(number).state;
    auto edge = automaton_.next(state, frame.symbol);
    if (edge.state == no_state && is_end(state)) edge = automaton_.next(state = Automaton::start, frame.symbol);
    const bool fits = edge.state != no_state;
    if (fits) state = edge.state;
    checksum_ += mix(events_++, fits);
  }

  bool is_end(StateId state) {
    if (state >= ends_.size()) ends_.resize(state + 1, 2);
    if (ends_[state] == 2) ends_[state] = automaton_.outlook(state).must_end ? 1 : 0;
    return ends_[state] == 1;
  }

  Automaton& automaton_;
  KeyTable table_;
  std::vector<std::unique_ptr<Record[]>> chunks_;
  std::vector<std::uint8_t> ends_;
  std::uint32_t used_ = 0;
  std::uint64_t events_ = 0, checksum_ = 0;
};

// The same verdicts from first principles: a set of markings an instance, closed under silent steps.
class NaiveEngine {
 public:
  explicit NaiveEngine(const Definition& definition) : definition_(definition), net_(definition.net()) {}

  void observe(const Frame& frame) {
    auto& markings = instances_[std::string(frame.key, key_size)];
    if (markings.empty()) markings = closed({net_.initial});
    auto next = after(markings, frame.symbol);
    if (next.empty() && at_end(markings)) next = after(markings = closed({net_.initial}), frame.symbol);
    checksum_ += mix(events_++, !next.empty());
    if (!next.empty()) markings = std::move(next);
  }
  std::uint64_t checksum() const { return checksum_; }

 private:
  std::set<Marking> closed(std::set<Marking> markings) const {
    std::vector<Marking> open(markings.begin(), markings.end());
    Marking to;
    while (!open.empty()) {
      const Marking from = open.back();
      open.pop_back();
      for (const Transition& transition : net_.transitions)
        if (transition.step == no_index && can_fire(net_, transition, from) && fire(net_, transition, from, to) &&
            markings.insert(to).second)
          open.push_back(to);
    }
    return markings;
  }
  std::set<Marking> after(const std::set<Marking>& markings, Symbol symbol) const {
    std::set<Marking> next;
    const StepIndex step = definition_.steps_of(symbol).front();
    Marking to;
    for (const Marking& from : markings)
      for (const Transition& transition : net_.transitions)
        if (transition.step == step && can_fire(net_, transition, from) && fire(net_, transition, from, to))
          next.insert(to);
    return closed(std::move(next));
  }
  bool at_end(const std::set<Marking>& markings) const {
    bool end = false;
    for (const Marking& marking : markings) {
      end |= is_final(net_, marking);
      for (const Transition& transition : net_.transitions)
        if (transition.step != no_index && can_fire(net_, transition, marking)) return false;
    }
    return end;
  }

  const Definition& definition_;
  const Net& net_;
  std::unordered_map<std::string, std::set<Marking>> instances_;
  std::uint64_t events_ = 0, checksum_ = 0;
};

// What a programmer would write in an hour: a map and a table.
class BareEngine {
 public:
  BareEngine(Definition& definition, std::size_t instances) : symbols_(definition.symbols()) {
    Automaton& automaton = definition.automaton();
    for (StateId state = 0; state < automaton.states(); ++state) {  // grows as it is walked
      for (Symbol symbol = 0; symbol < symbols_; ++symbol) next_.push_back(automaton.next(state, symbol).state);
      ends_.push_back(automaton.outlook(state).must_end);
    }
    states_.reserve(instances);
  }

  void observe(const Frame* frames, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Key key;
      std::memcpy(key.data(), frames[i].key, key_size);
      StateId& state = states_.try_emplace(key, Automaton::start).first->second;
      StateId next = next_[state * symbols_ + frames[i].symbol];
      if (next == no_state && ends_[state]) next = next_[(state = Automaton::start) * symbols_ + frames[i].symbol];
      if (next != no_state) state = next;
      checksum_ += mix(events_++, next != no_state);
    }
  }
  std::uint64_t checksum() const { return checksum_; }
  std::size_t instances() const { return states_.size(); }

 private:
  using Key = std::array<char, key_size>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return hash_bytes({key.data(), key.size()}); }
  };

  std::size_t symbols_;
  std::vector<StateId> next_;
  std::vector<bool> ends_;
  absl::flat_hash_map<Key, StateId, KeyHash> states_;
  std::uint64_t events_ = 0, checksum_ = 0;
};

template <class AnyEngine>
std::uint64_t run(AnyEngine& engine, const std::vector<Frame>& frames, std::size_t count,
                  std::vector<std::uint64_t>* samples) {
  using Clock = std::chrono::steady_clock;
  for (std::size_t at = 0; at < count; at += batch) {
    const std::size_t size = std::min(batch, count - at);
    const bool sampled = samples != nullptr && at / batch % 64 == 0;
    const auto begin = sampled ? Clock::now() : Clock::time_point{};
    engine.observe(&frames[at], size);
    if (sampled)
      samples->push_back(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count()) / size);
  }
  return engine.checksum();
}

// Once to bring all instances to life, once to measure: one that begins is dearer than one that goes on.
template <class AnyEngine>
void measure(AnyEngine& engine, const std::vector<Frame>& frames, EngineMeasurement& result) {
  run(engine, frames, frames.size(), nullptr);
  std::vector<std::uint64_t> samples;
  const auto begin = std::chrono::steady_clock::now();
  result.checksum = run(engine, frames, frames.size(), &samples);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.events = frames.size();
  result.latency = percentiles(samples);
  result.instances = engine.instances();
}

}  // namespace

EngineMeasurement engine(const Settings& settings, std::uint64_t naive_events) {
  std::vector<Finding> findings;
  const auto definition = Definition::of(process(), findings);
  const std::vector<Frame> frames = stream(*definition, settings);
  EngineMeasurement result;
  result.name = "engine";
  result.settings = settings;
  result.settings.size = sizeof(Frame);

  result.checked = std::min<std::uint64_t>(naive_events, frames.size());
  NaiveEngine naive(*definition);
  for (std::uint64_t i = 0; i < result.checked; ++i) naive.observe(frames[i]);
  Engine prefix(*definition);
  result.agrees = run(prefix, frames, result.checked, nullptr) == naive.checksum();

  Engine measured(*definition);
  measure(measured, frames, result);
  result.states = definition->automaton().states();
  return result;
}

EngineMeasurement bare_engine(const Settings& settings) {
  std::vector<Finding> findings;
  const auto definition = Definition::of(process(), findings);
  const std::vector<Frame> frames = stream(*definition, settings);
  EngineMeasurement result;
  result.name = "flat map and table";
  result.settings = settings;
  result.settings.size = sizeof(Frame);
  BareEngine measured(*definition, settings.keys);
  measure(measured, frames, result);
  result.states = definition->automaton().states();
  return result;
}

}  // namespace laban::bench
