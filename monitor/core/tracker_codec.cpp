// monitor/core/tracker_codec.cpp - instances and totals as bytes, so that a monitor goes on where it was.
#include <utility>

#include "monitor/core/byte_codec.hpp"
#include "monitor/core/tracker_fold.hpp"

namespace laban::monitor {

static constexpr std::uint64_t instance_form = 2;
// Without where the last gap was; without what is usual in a state.
static constexpr std::uint64_t totals_form = 3, totals_form_without_gap = 2, totals_form_without_usual = 1;

namespace {

void write(ByteWriter& out, const Misfit& misfit) {
  out.number(static_cast<std::uint64_t>(misfit.kind));
  out.number(misfit.index);
  out.number(misfit.offset);
  out.number(misfit.symbol);
  out.text(misfit.type);
  out.numbers(misfit.missing);
  out.numbers(misfit.expected);
  out.numbers(misfit.instead);
  out.numbers(misfit.ahead_of);
}

Misfit read_misfit(ByteReader& in) {
  Misfit misfit;
  misfit.kind = static_cast<DeviationKind>(in.at_most(deviation_kinds - 1));
  misfit.index = in.small();
  misfit.offset = in.number();
  misfit.symbol = in.small();
  misfit.type = in.text();
  in.numbers(misfit.missing);
  in.numbers(misfit.expected);
  in.numbers(misfit.instead);
  in.numbers(misfit.ahead_of);
  return misfit;
}

void write(ByteWriter& out, const Doubt& doubt, Automaton& automaton) {
  out.number(doubt.settled.size());
  for (const Misfit& misfit : doubt.settled) write(out, misfit);
  out.number(doubt.forgotten);
  out.number(doubt.since);
  out.number(doubt.explanations.size());
  for (const Explanation& explanation : doubt.explanations) {
    out.text(automaton.encode(explanation.state));
    out.number(explanation.cost);
    out.number(explanation.misfits.size());
    for (const Misfit& misfit : explanation.misfits) write(out, misfit);
  }
}

std::unique_ptr<Doubt> read_doubt(ByteReader& in, Automaton& automaton) {
  auto doubt = std::make_unique<Doubt>();
  for (std::size_t n = in.count(); n > 0; --n) doubt->settled.push_back(read_misfit(in));
  doubt->forgotten = in.small();
  doubt->since = in.small();
  for (std::size_t n = in.count(); n > 0; --n) {
    Explanation explanation;
    explanation.state = automaton.decode(in.text());
    if (explanation.state == no_state) return nullptr;
    explanation.cost = in.small();
    for (std::size_t m = in.count(); m > 0; --m) explanation.misfits.push_back(read_misfit(in));
    doubt->explanations.push_back(std::move(explanation));
  }
  return in.good() && !doubt->explanations.empty() ? std::move(doubt) : nullptr;
}

bool fits(const Misfit& misfit, const Definition& definition) {
  if (misfit.symbol != no_symbol && misfit.symbol >= definition.symbols()) return false;
  for (const auto* steps : {&misfit.missing, &misfit.expected, &misfit.instead, &misfit.ahead_of})
    for (StepIndex step : *steps)
      if (step >= definition.steps().size()) return false;
  return true;
}

bool fits(const Doubt& doubt, const Definition& definition) {
  for (const Misfit& misfit : doubt.settled)
    if (!fits(misfit, definition)) return false;
  for (const Explanation& explanation : doubt.explanations)
    for (const Misfit& misfit : explanation.misfits)
      if (!fits(misfit, definition)) return false;
  return true;
}

void write_optional(ByteWriter& out, const std::optional<Time>& time) {
  out.number(time ? 1 : 0);
  if (time) out.time(*time);
}

std::optional<Time> read_optional(ByteReader& in) {
  if (in.at_most(1) == 0) return std::nullopt;
  return in.time();
}

}  // namespace

void Tracker::save(InstanceIndex instance, std::string& bytes) const {
  Fold& fold = *fold_;
  const Hot& one = fold.hot(instance);
  const Cold& rest = fold.cold(instance);
  Automaton& automaton = fold.tracked[one.definition].definition->automaton();
  ByteWriter out(bytes);
  out.number(instance_form);
  out.text(fold.key(instance));
  out.text(automaton.encode(one.state));
  out.number(one.step);
  out.number(one.last);
  out.number(one.events);
  out.number(static_cast<std::uint64_t>(one.phase));
  out.number(one.flags);
  out.number((one.incomplete ? 1u : 0u) | (one.lived_across_gap ? 2u : 0u) | (one.began_after_gap ? 4u : 0u));
  out.time(rest.started_at);
  out.time(rest.last_event_at);
  out.number(rest.first_offset);
  out.number(rest.last_offset);
  out.number(rest.seen);
  out.number(rest.run);
  out.number(rest.due);
  const Extras* more = fold.extra(instance);
  const auto waiting = fold.waiting(instance);
  out.number(more == nullptr && waiting.empty() ? 0 : 1);
  if (more == nullptr && waiting.empty()) return;
  static const Extras none;
  if (more == nullptr) more = &none;
  out.numbers(more->seen);
  out.number(waiting.size());
  for (const auto& one_step : waiting) {
    out.number(one_step.step);
    out.time(one_step.since);
  }
  out.number(more->between.size());
  for (const auto& between : more->between) {
    out.number(between.pair);
    out.time(between.since);
  }
  write_optional(out, more->step_since);
  write_optional(out, more->ended_at);
  out.numbers(more->reopened);
  out.number(more->doubt == nullptr ? 0 : 1);
  if (more->doubt != nullptr) write(out, *more->doubt, automaton);
}

StateId Tracked::state_of(std::string_view encoded) {
  const auto known = decoded.find(encoded);
  if (known != decoded.end()) return known->second;
  const StateId state = definition->automaton().decode(encoded);
  if (state != no_state && decoded.size() < most_decoded) decoded.emplace(encoded, state);
  return state;
}

InstanceIndex Tracker::restore(DefinitionIndex definition, std::string_view bytes) {
  return fold_->restore(definition, bytes);
}

InstanceIndex Tracker::Fold::restore(DefinitionIndex index, std::string_view bytes) {
  Tracked& of = tracked[index];
  Definition& definition = *of.definition;
  ByteReader in(bytes);
  if (in.number() != instance_form) return no_instance;
  const std::string_view wanted = in.text();
  Hot one;
  one.state = of.state_of(in.text());
  if (!in.good() || one.state == no_state) return no_instance;
  one.step = in.small();
  one.last = in.small();
  one.events = in.small();
  one.phase = static_cast<InstanceState>(in.at_most(instance_states - 1));
  one.flags = static_cast<std::uint8_t>(in.at_most(3));
  const std::uint64_t marks = in.at_most(7);
  Cold rest;
  rest.started_at = in.time();
  rest.last_event_at = in.time();
  rest.first_offset = in.number();
  rest.last_offset = in.number();
  rest.seen = in.number();
  rest.run = in.small();
  rest.due = in.small();
  Extras more;
  const bool has_more = in.at_most(1) == 1;
  if (has_more) {
    in.numbers(more.seen);
    for (std::size_t n = in.count(); n > 0; --n) {
      const auto step = static_cast<StepIndex>(in.small());
      more.waiting.push_back({step, in.time()});
    }
    for (std::size_t n = in.count(); n > 0; --n) {
      const auto pair = in.small();
      more.between.push_back({pair, in.time()});
    }
    more.step_since = read_optional(in);
    more.ended_at = read_optional(in);
    in.at_most(instance_states);
    for (auto& ends : more.reopened) ends = in.small();
    if (in.at_most(1) == 1) {
      more.doubt = read_doubt(in, definition.automaton());
      if (more.doubt == nullptr || !fits(*more.doubt, definition)) return no_instance;
    }
  }
  const bool wide = definition.labels() > 64;
  if (!in.good() || !in.at_end() || wanted.empty() || (one.step != no_index && one.step >= definition.steps().size()) ||
      (one.last != no_symbol && one.last >= definition.symbols()) ||
      (wide && more.seen.size() != (definition.labels() + 63) / 64))
    return no_instance;
  for (const auto& waiting : more.waiting)
    if (waiting.step >= of.deadline.size() || !of.deadline[waiting.step]) return no_instance;
  for (const auto& between : more.between)
    if (between.pair >= definition.model().pair_deadlines.size()) return no_instance;

  const std::uint64_t key_hash = hash(of.family, wanted);
  InstanceIndex known = find(of.family, wanted, key_hash);
  if (known != no_instance && cold(known).run == rest.run) {
    remove(known);
    known = no_instance;
  }
  const InstanceIndex slot = add(index, wanted);
  Hot& here = hot(slot);
  here.state = one.state;
  here.step = one.step;
  here.last = one.last;
  here.events = one.events;
  here.phase = one.phase;
  here.flags = one.flags;
  here.incomplete = (marks & 1) != 0;
  // A gap is not stored with each instance that lives then: those whose last event was before it lived across it.
  here.lived_across_gap = (marks & 2) != 0 || (any_gap && is_live(one.phase) && rest.last_offset <= gap_after);
  here.began_after_gap = (marks & 4) != 0;
  rest.extras = cold(slot).extras;
  cold(slot) = rest;
  const auto waiting = std::exchange(more.waiting, {});
  if (here.has_extras || !more.seen.empty() || !more.between.empty() || more.step_since || more.ended_at ||
      more.doubt || more.reopened != Extras{}.reopened) {
    more.key = this->more(slot).key;
    this->more(slot) = std::move(more);
    note_doubt(slot);
  }
  if (!waiting.empty()) set_waiting(slot, waiting);
  note_clocks(slot);
  if (known == no_instance)
    table.insert(key_hash, slot);
  else if (cold(known).run < rest.run)
    table.replace(key_hash, known, slot);
  if (clock_set) take_up_timer(slot);
  return slot;
}

std::string Tracker::save_totals() const {
  Fold& fold = *fold_;
  std::string bytes;
  ByteWriter out(bytes);
  out.number(totals_form);
  out.number(fold.last_offset);
  out.number(fold.gap_after);
  out.number(fold.duplicates);
  out.number(fold.out_of_scope);
  out.number((fold.any_gap ? 1u : 0u) | (fold.clock_set ? 2u : 0u));
  out.time(fold.now);
  out.time(fold.epoch);
  out.number(fold.tracked.size());
  for (const Tracked& of : fold.tracked) {
    out.text(of.definition->id());
    out.text(of.definition->version());
    const Totals& totals = of.totals;
    out.number(totals.events);
    out.number(totals.started);
    out.numbers(totals.ended);
    out.numbers(totals.instances);
    out.numbers(totals.verdict);
    out.numbers(totals.deviations);
    out.numbers(totals.flagged);
    out.number(totals.compensations_owed);
    std::size_t learned = 0;
    for (const Dwell& dwell : of.dwell) learned += dwell.total() > 0 ? 1 : 0;
    out.number(learned);
    for (StateId state = 0; state < of.dwell.size(); ++state) {
      if (of.dwell[state].total() == 0) continue;
      out.text(of.definition->automaton().encode(state));
      out.numbers(of.dwell[state].counts());
      out.number(of.dwell[state].usual_at());
      out.number(static_cast<std::uint64_t>(of.dwell[state].usual().count()));
    }
  }
  return bytes;
}

template <class Array>
static void read_array(ByteReader& in, Array& array) {
  in.at_most(array.size());
  for (auto& one : array) one = in.number();
}

bool Tracker::restore_totals(std::string_view bytes) {
  Fold& fold = *fold_;
  ByteReader in(bytes);
  const std::uint64_t form = in.number();
  if (form < totals_form_without_usual || form > totals_form) return false;
  const std::uint64_t offset = in.number(), gap_after = form > totals_form_without_gap ? in.number() : 0;
  const std::uint64_t duplicates = in.number(), out_of_scope = in.number(), marks = in.at_most(3);
  const Time now = in.time(), epoch = in.time();
  std::vector<std::pair<DefinitionIndex, Totals>> read;
  std::vector<std::vector<Dwell>> dwells;
  for (std::size_t n = in.count(); n > 0; --n) {
    const std::string_view id = in.text(), version = in.text();
    DefinitionIndex index = 0xffff;
    for (DefinitionIndex i = 0; i < fold.tracked.size(); ++i)
      if (fold.tracked[i].definition->id() == id && fold.tracked[i].definition->version() == version) index = i;
    Totals totals;
    totals.events = in.number();
    totals.started = in.number();
    read_array(in, totals.ended);
    read_array(in, totals.instances);
    read_array(in, totals.verdict);
    read_array(in, totals.deviations);
    read_array(in, totals.flagged);
    totals.compensations_owed = in.number();
    std::vector<Dwell> dwell;
    for (std::size_t learned = in.count(); learned > 0; --learned) {
      const std::string_view encoded = in.text();
      const StateId state = index == 0xffff ? no_state : fold.tracked[index].definition->automaton().decode(encoded);
      std::vector<std::uint32_t> counts;
      in.numbers(counts);
      const bool has_usual = form > totals_form_without_usual;
      const std::uint32_t usual_at = has_usual ? in.small() : 0;
      const std::chrono::nanoseconds usual{has_usual ? static_cast<std::int64_t>(in.number()) : 0};
      if (!in.good() || counts.size() != Dwell::buckets) return false;
      if (state == no_state) continue;
      if (state >= dwell.size()) dwell.resize(state + 1);
      for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) dwell[state].restore(bucket, counts[bucket]);
      dwell[state].restore_usual(usual_at, usual);
    }
    if (index == 0xffff) continue;
    read.emplace_back(index, totals);
    dwells.push_back(std::move(dwell));
  }
  if (!in.good() || !in.at_end()) return false;
  fold.last_offset = offset;
  fold.gap_after = gap_after;
  fold.duplicates = duplicates;
  fold.out_of_scope = out_of_scope;
  fold.any_gap = (marks & 1) != 0;
  if ((marks & 2) != 0) {
    fold.set_clock(now);
    fold.epoch = epoch;
    fold.wheel.start_at(static_cast<Tick>((now - epoch) / std::chrono::milliseconds{100}));
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    fold.tracked[read[i].first].totals = read[i].second;
    fold.tracked[read[i].first].dwell = std::move(dwells[i]);
  }
  for (InstanceIndex slot = 0; fold.clock_set && slot < fold.slots; ++slot)
    if (fold.hot(slot).used) fold.take_up_timer(slot);
  return true;
}

}  // namespace laban::monitor
