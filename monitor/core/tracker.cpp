// monitor/core/tracker.cpp - events to instances, and what others read of them.
#include "monitor/core/tracker.hpp"

#include <algorithm>
#include <cstring>

#include "monitor/core/topic.hpp"
#include "monitor/core/tracker_fold.hpp"

namespace laban::monitor {

Tracker::Tracker(TrackerOptions options) : fold_(std::make_unique<Fold>(options)) {}
Tracker::~Tracker() = default;

static std::uint32_t family_of(std::vector<Family>& families, const std::string& id) {
  for (std::uint32_t i = 0; i < families.size(); ++i)
    if (families[i].id == id) return i;
  families.push_back({id, {}});
  return static_cast<std::uint32_t>(families.size() - 1);
}

static void read_deadlines(Tracked& tracked) {
  const Definition& definition = *tracked.definition;
  const ProcessModel& model = definition.model();
  tracked.deadline.resize(definition.steps().size());
  tracked.pairs_from.resize(definition.labels());
  tracked.pairs_to.resize(definition.labels());
  std::vector<std::uint32_t> label_of_node(model.nodes.size(), no_index);
  for (StepIndex step = 0; step < definition.steps().size(); ++step) {
    const NodeIndex node = definition.steps()[step].node;
    if (node == no_index) continue;
    label_of_node[node] = definition.label_of(step);
    tracked.deadline[step] = model.nodes[node].deadline;
    tracked.has_deadlines |= model.nodes[node].deadline.has_value();
  }
  for (std::uint32_t pair = 0; pair < model.pair_deadlines.size(); ++pair) {
    const std::uint32_t from = label_of_node[model.pair_deadlines[pair].from];
    const std::uint32_t to = label_of_node[model.pair_deadlines[pair].to];
    if (from == no_index || to == no_index) continue;
    tracked.pairs_from[from].push_back(pair);
    tracked.pairs_to[to].push_back(pair);
    tracked.has_deadlines = true;
  }
}

DefinitionIndex Tracker::activate(std::unique_ptr<Definition> definition) {
  Fold& fold = *fold_;
  const auto index = static_cast<DefinitionIndex>(fold.tracked.size());
  const std::uint32_t family = family_of(fold.families, definition->id());
  for (DefinitionIndex older : fold.families[family].versions) fold.tracked[older].active = false;
  fold.families[family].versions.push_back(index);
  for (const std::string& type : definition->types()) {
    auto& list = fold.families_of_type[type];
    if (std::find(list.begin(), list.end(), family) == list.end()) list.push_back(family);
  }
  const bool wide = fold.options.everything_in_scope || !definition->model().scope_patterns.empty();
  auto& by_pattern = fold.families_by_pattern;
  if (wide && std::find(by_pattern.begin(), by_pattern.end(), family) == by_pattern.end()) by_pattern.push_back(family);
  Tracked tracked;
  tracked.definition = std::move(definition);
  tracked.family = family;
  read_deadlines(tracked);
  fold.tracked.push_back(std::move(tracked));
  return index;
}

void Tracker::retire(DefinitionIndex definition) {
  fold_->tracked[definition].active = false;
}
std::size_t Tracker::definitions() const {
  return fold_->tracked.size();
}
Definition& Tracker::definition(DefinitionIndex index) {
  return *fold_->tracked[index].definition;
}
bool Tracker::is_active(DefinitionIndex index) const {
  return fold_->tracked[index].active;
}
void Tracker::set_recall(Recall recall) {
  fold_->recall = std::move(recall);
}

void Tracker::note_gap() {
  Fold& fold = *fold_;
  fold.any_gap = true;
  for (InstanceIndex slot = 0; slot < fold.slots; ++slot)
    if (fold.hot(slot).used && is_live(fold.hot(slot).phase)) fold.hot(slot).lived_across_gap = true;
}

// --- instances and keys

std::string_view Tracker::Fold::key(InstanceIndex slot) const {
  const Hot& one = hot(slot);
  if (one.key_length <= Hot::inline_key) return {one.key, one.key_length};
  return extras[cold(slot).extras]->key;
}

InstanceIndex Tracker::Fold::find(std::uint32_t family, std::string_view wanted, std::uint64_t key_hash) const {
  return table.find(key_hash, [&](InstanceIndex slot) {
    return tracked[hot(slot).definition].family == family && key(slot) == wanted;
  });
}

InstanceIndex Tracker::Fold::add(DefinitionIndex definition, std::string_view wanted) {
  InstanceIndex slot = slots;
  if (!free_slots.empty()) {
    slot = free_slots.back();
    free_slots.pop_back();
  } else {
    if (slots % chunk_size == 0) {
      hot_chunks.emplace_back(new Hot[chunk_size]);
      cold_chunks.emplace_back(new Cold[chunk_size]);
    }
    ++slots;
  }
  hot(slot) = Hot{};
  cold(slot) = Cold{};
  Hot& one = hot(slot);
  one.used = true;
  one.definition = definition;
  if (wanted.size() <= Hot::inline_key) {
    one.key_length = static_cast<std::uint16_t>(wanted.size());
    if (!wanted.empty()) std::memcpy(one.key, wanted.data(), wanted.size());
  } else {
    one.key_length = 0xffff;
    more(slot).key = wanted;
  }
  if (tracked[definition].definition->labels() > 64)
    more(slot).seen.resize((tracked[definition].definition->labels() + 63) / 64);
  ++count;
  return slot;
}

void Tracker::Fold::remove(InstanceIndex slot) {
  const std::uint64_t key_hash = hash(tracked[hot(slot).definition].family, key(slot));
  table.erase(key_hash, slot);
  if (cold(slot).extras != no_index) {
    free_extras.push_back(cold(slot).extras);
    extras[cold(slot).extras].reset();
  }
  hot(slot) = Hot{};
  cold(slot) = Cold{};
  free_slots.push_back(slot);
  --count;
}

Extras& Tracker::Fold::more(InstanceIndex slot) {
  std::uint32_t& index = cold(slot).extras;
  if (index == no_index) {
    if (free_extras.empty()) {
      index = static_cast<std::uint32_t>(extras.size());
      extras.emplace_back();
    } else {
      index = free_extras.back();
      free_extras.pop_back();
    }
    extras[index] = std::make_unique<Extras>();
    hot(slot).has_extras = true;
  }
  return *extras[index];
}

const Extras* Tracker::Fold::extra(InstanceIndex slot) const {
  return hot(slot).has_extras ? extras[cold(slot).extras].get() : nullptr;
}

SeenLabels Tracker::Fold::seen(InstanceIndex slot) {
  if (tracked[hot(slot).definition].definition->labels() > 64) return SeenLabels(more(slot).seen.data());
  return SeenLabels(&cold(slot).seen);
}

bool Tracker::Fold::has_seen(InstanceIndex slot, std::uint32_t label) const {
  const Extras* more = extra(slot);
  const std::uint64_t word = more != nullptr && !more->seen.empty() ? more->seen[label / 64] : cold(slot).seen;
  return word >> (label % 64) & 1;
}

Position Tracker::Fold::take_position(InstanceIndex slot) {
  const Hot& one = hot(slot);
  Position position;
  position.state = one.state;
  position.step = one.step;
  position.last = one.last;
  position.events = one.events;
  position.incomplete = one.incomplete;
  if (one.has_extras) position.doubt = std::move(extras[cold(slot).extras]->doubt);
  return position;
}

void Tracker::Fold::put_position(InstanceIndex slot, Position&& position) {
  Hot& one = hot(slot);
  one.state = position.state;
  one.step = position.step;
  one.last = position.last;
  one.events = position.events;
  one.incomplete = position.incomplete;
  if (position.used_excuse) one.lived_across_gap = false;
  if (position.doubt) more(slot).doubt = std::move(position.doubt);
}

// --- events

bool Tracker::Fold::in_scope(const Tracked& one, const Observation& event) const {
  if (options.everything_in_scope) return true;
  const ProcessModel& model = one.definition->model();
  if (!model.scope_exchange.empty() && model.scope_exchange != event.exchange) return false;
  if (model.scope_patterns.empty()) return one.definition->meaning(event.type, event.source).symbol != no_symbol;
  return std::any_of(model.scope_patterns.begin(), model.scope_patterns.end(),
                     [&](const std::string& pattern) { return fits_pattern(pattern, event.routing_key); });
}

DefinitionIndex Tracker::Fold::active_version(std::uint32_t family) const {
  const auto& versions = families[family].versions;
  for (auto version = versions.rbegin(); version != versions.rend(); ++version)
    if (tracked[*version].active) return *version;
  return 0xffff;
}

void Tracker::observe(const Observation& event, std::vector<Change>& changes) {
  Fold& fold = *fold_;
  if (event.offset != 0) {
    if (event.offset <= fold.last_offset) {
      ++fold.duplicates;
      return;
    }
    fold.last_offset = event.offset;
  }
  fold.advance(event.time, changes);
  const std::size_t before = changes.size();
  const auto found = fold.families_of_type.find(event.type);
  if (found != fold.families_of_type.end())
    for (std::uint32_t family : found->second) fold.observe_family(family, event, changes);
  for (std::uint32_t family : fold.families_by_pattern)
    if (found == fold.families_of_type.end() ||
        std::find(found->second.begin(), found->second.end(), family) == found->second.end())
      fold.observe_family(family, event, changes);
  if (changes.size() == before) ++fold.out_of_scope;
}

void Tracker::observe(std::span<const Observation> events, std::vector<Change>& changes) {
  static constexpr std::size_t ahead = 16;
  for (std::size_t at = 0; at < events.size(); at += ahead) {
    const auto some = events.subspan(at, std::min(ahead, events.size() - at));
    fold_->fetch_ahead(some);
    for (const Observation& event : some) observe(event, changes);
  }
}

// Two passes, so that the misses of the table overlap, and then those of the records.
void Tracker::Fold::fetch_ahead(std::span<const Observation> events) const {
  std::array<std::uint64_t, 64> hashes;
  std::size_t known = 0;
  for (const Observation& event : events) {
    const auto found = families_of_type.find(event.type);
    if (found == families_of_type.end()) continue;
    for (const std::uint32_t family : found->second) {
      if (known == hashes.size()) break;
      hashes[known] = hash(family, event.key);
      table.prefetch(hashes[known++]);
    }
  }
  for (std::size_t i = 0; i < known; ++i) {
    const InstanceIndex slot = table.first_candidate(hashes[i]);
    if (slot == KeyTable::none) continue;
    __builtin_prefetch(&hot(slot));
    __builtin_prefetch(&cold(slot));
    __builtin_prefetch(reinterpret_cast<const char*>(&cold(slot)) + 63);
  }
}

void Tracker::Fold::observe_family(std::uint32_t family, const Observation& event, std::vector<Change>& changes) {
  const std::string& field = tracked[families[family].versions.back()].definition->model().correlation;
  if (field.empty() || event.fields == nullptr) return observe_key(family, event.key, event, changes);
  for (const std::string& value : (*event.fields)(field)) observe_key(family, value, event, changes);
}

void Tracker::Fold::observe_key(std::uint32_t family, std::string_view wanted, const Observation& event,
                                std::vector<Change>& changes) {
  if (wanted.empty()) return;
  InstanceIndex slot = find(family, wanted, hash(family, wanted));
  const auto& versions = families[family].versions;
  for (auto version = versions.rbegin(); slot == no_instance && recall && version != versions.rend(); ++version) {
    const auto bytes = recall(*tracked[*version].definition, wanted);
    if (bytes) slot = restore(*version, *bytes);
  }
  if (slot != no_instance) {
    Tracked& one = tracked[hot(slot).definition];
    if (!in_scope(one, event)) return;
    const Meaning meaning = one.definition->meaning(event.type, event.source);
    const bool again = !is_live(hot(slot).phase) && one.definition->model().reruns && meaning.symbol != no_symbol &&
                       one.definition->is_start(meaning.symbol) &&
                       one.definition->automaton().next(hot(slot).state, meaning.symbol).state == no_state;
    const DefinitionIndex next = again ? active_version(family) : DefinitionIndex{0xffff};
    if (next == 0xffff) return apply(slot, event, meaning, false, changes);
    // The next run. What was provisional in the last one is final now.
    Change last = snapshot(slot);
    const unsigned owed_before = owed(slot);
    Position position = take_position(slot);
    last.settled = follower(hot(slot).definition).settle(position);
    put_position(slot, std::move(position));
    last.event = false;
    finish(last, owed_before, changes);
    const std::uint32_t run = cold(slot).run + 1;
    const InstanceIndex fresh = begin(next, wanted, event);
    table.replace(hash(family, wanted), slot, fresh);
    cold(fresh).run = run;
    return apply(fresh, event, tracked[next].definition->meaning(event.type, event.source), true, changes);
  }
  const DefinitionIndex version = active_version(family);
  if (version == 0xffff || !in_scope(tracked[version], event)) return;
  const Meaning meaning = tracked[version].definition->meaning(event.type, event.source);
  if (meaning.symbol == no_symbol && !options.everything_in_scope) return;
  slot = begin(version, wanted, event);
  table.insert(hash(family, wanted), slot);
  apply(slot, event, meaning, true, changes);
}

InstanceIndex Tracker::Fold::begin(DefinitionIndex definition, std::string_view wanted, const Observation& event) {
  const InstanceIndex slot = add(definition, wanted);
  cold(slot).started_at = cold(slot).last_event_at = event.time;
  cold(slot).first_offset = event.offset;
  hot(slot).began_after_gap = any_gap;
  return slot;
}

void Tracker::Fold::apply(InstanceIndex slot, const Observation& event, Meaning meaning, bool started,
                          std::vector<Change>& changes) {
  Change change = snapshot(slot);
  const unsigned owed_before = owed(slot);
  Hot& one = hot(slot);
  Cold& rest = cold(slot);
  Tracked& of = tracked[one.definition];
  const bool was_live = is_live(one.phase);
  const StateId state_before = one.state;
  const Time last_event = rest.last_event_at;
  if (!started && was_live) learn(one.definition, one.state, event.time - last_event);

  const Follower follow = follower(one.definition);
  Position position = take_position(slot);
  const bool excused = one.lived_across_gap || (started && one.began_after_gap);
  const StepIndex matched = follow.observe(position, seen(slot), {meaning, event.type, event.offset, excused});
  change.started = started;
  change.step = matched;
  change.step_took = started ? std::chrono::nanoseconds{0} : event.time - last_event;
  const Outlook& outlook = of.definition->automaton().outlook(position.state);
  if (position.doubt) change.settled = follow.settle_clear_ones(position);
  put_position(slot, std::move(position));
  if (matched != no_index) {
    if (one.has_extras) more(slot).step_since.reset();
  } else if (!more(slot).step_since) {
    more(slot).step_since = last_event;
  }
  if (!was_live && !more(slot).ended_at) more(slot).ended_at = last_event;
  rest.last_event_at = event.time;
  rest.last_offset = event.offset;
  ++of.totals.events;
  if (of.has_deadlines) note_waiting(slot, started ? no_state : state_before, matched, event.time);
  if (was_live || one.state != state_before) one.phase = phase_after(slot, outlook, false);
  if (is_live(one.phase) && one.has_extras) more(slot).ended_at.reset();
  one.flags = flags_at(slot, std::max(now, event.time));
  arm(slot);
  finish(change, owed_before, changes);
}

unsigned Tracker::Fold::owed(InstanceIndex slot) const {
  const Hot& one = hot(slot);
  const Definition& definition = *tracked[one.definition].definition;
  if (!definition.compensates() || (one.phase != InstanceState::compensating && one.phase != InstanceState::failed))
    return 0;
  unsigned steps = 0;
  for (std::uint32_t label = 0; label < definition.labels(); ++label)
    if (definition.undone_by(label) != no_index && has_seen(slot, label) &&
        !has_seen(slot, definition.undone_by(label)))
      ++steps;
  return steps;
}

InstanceState Tracker::Fold::phase_after(InstanceIndex slot, const Outlook& outlook, bool ended_by_silence) const {
  const Definition& definition = *tracked[hot(slot).definition].definition;
  bool undone = false, kept = false;
  if (definition.compensates()) {
    for (std::uint32_t label = 0; label < definition.labels(); ++label) {
      if (definition.undone_by(label) == no_index || !has_seen(slot, label)) continue;
      (has_seen(slot, definition.undone_by(label)) ? undone : kept) = true;
    }
  }
  if (!outlook.must_end && !(ended_by_silence && outlook.may_end))
    return undone ? InstanceState::compensating : InstanceState::running;
  if (outlook.outcome == Outcome::failed) return InstanceState::failed;
  if (outlook.outcome == Outcome::compensated || (undone && !kept)) return InstanceState::compensated;
  return InstanceState::completed;
}

Verdict Tracker::Fold::verdict(InstanceIndex slot) const {
  const Extras* more = extra(slot);
  if (more != nullptr && more->doubt != nullptr) {
    const Doubt& doubt = *more->doubt;
    if (!doubt.settled.empty() || doubt.forgotten > 0 || !doubt.explanations.front().misfits.empty())
      return Verdict::deviating;
  }
  return hot(slot).incomplete ? Verdict::incomplete : Verdict::conforming;
}

Change Tracker::Fold::snapshot(InstanceIndex slot) const {
  Change change;
  change.instance = slot;
  change.definition = hot(slot).definition;
  change.before = hot(slot).phase;
  change.verdict_before = verdict(slot);
  change.flags_before = hot(slot).flags;
  change.previous_step = hot(slot).step;
  return change;
}

void Tracker::Fold::finish(Change& change, unsigned owed_before, std::vector<Change>& changes) {
  const InstanceIndex slot = change.instance;
  const Hot& one = hot(slot);
  change.after = one.phase;
  change.verdict = verdict(slot);
  change.flags = one.flags;
  const bool was_live = change.started || is_live(change.before), lives = is_live(change.after);
  change.ended = was_live && !lives;
  change.reopened = !was_live && lives;
  if (change.ended) change.took = cold(slot).last_event_at - cold(slot).started_at;

  Totals& totals = tracked[change.definition].totals;
  totals.started += change.started || change.reopened ? 1 : 0;
  if (!change.started) {
    --totals.instances[static_cast<std::size_t>(change.before)];
    --totals.verdict[static_cast<std::size_t>(change.verdict_before)];
    for (std::size_t flag = 0; flag < 2; ++flag) totals.flagged[flag] -= change.flags_before >> flag & 1;
    totals.compensations_owed -= owed_before;
  }
  ++totals.instances[static_cast<std::size_t>(change.after)];
  ++totals.verdict[static_cast<std::size_t>(change.verdict)];
  for (std::size_t flag = 0; flag < 2; ++flag) totals.flagged[flag] += change.flags >> flag & 1;
  const unsigned owed_after = owed(slot);
  totals.compensations_owed += owed_after;
  change.owed = static_cast<int>(owed_after) - static_cast<int>(change.started ? 0 : owed_before);
  totals.ended[static_cast<std::size_t>(change.after)] += change.ended ? 1 : 0;
  for (DeviationKind kind : change.settled) ++totals.deviations[static_cast<std::size_t>(kind)];
  const bool nothing = !change.event && change.settled.empty() && change.before == change.after &&
                       change.flags_before == change.flags && change.verdict_before == change.verdict;
  if (!nothing) changes.push_back(std::move(change));
}

// --- reading

std::size_t Tracker::size() const {
  return fold_->count;
}

InstanceIndex Tracker::find(DefinitionIndex definition, std::string_view key) const {
  const std::uint32_t family = fold_->tracked[definition].family;
  const InstanceIndex slot = fold_->find(family, key, fold_->hash(family, key));
  return slot != no_instance && fold_->hot(slot).definition == definition ? slot : no_instance;
}

InstanceState Tracker::state(InstanceIndex instance) const {
  return fold_->hot(instance).phase;
}

std::string_view Tracker::key(InstanceIndex instance) const {
  return fold_->key(instance);
}
std::uint32_t Tracker::run(InstanceIndex instance) const {
  return fold_->cold(instance).run;
}
StepIndex Tracker::step(InstanceIndex instance) const {
  return fold_->hot(instance).step;
}

void Tracker::each(const std::function<void(InstanceIndex)>& visit) const {
  for (InstanceIndex slot = 0; slot < fold_->slots; ++slot)
    if (fold_->hot(slot).used) visit(slot);
}

const Totals& Tracker::totals(DefinitionIndex definition) const {
  return fold_->tracked[definition].totals;
}
std::uint64_t Tracker::duplicates() const {
  return fold_->duplicates;
}
std::uint64_t Tracker::out_of_scope() const {
  return fold_->out_of_scope;
}
std::uint64_t Tracker::offset() const {
  return fold_->last_offset;
}

InstanceView Tracker::view(InstanceIndex instance) const {
  Fold& fold = *fold_;
  const Hot& one = fold.hot(instance);
  const Cold& rest = fold.cold(instance);
  const Extras* more = fold.extra(instance);
  Tracked& of = fold.tracked[one.definition];
  Definition& definition = *of.definition;
  InstanceView view;
  view.key = fold.key(instance);
  view.definition = one.definition;
  view.run = rest.run;
  view.id = view.key;
  bool shared = rest.run > 1;
  for (std::uint32_t family = 0; family < fold.families.size() && !shared; ++family)
    shared = family != of.family && fold.find(family, view.key, fold.hash(family, view.key)) != no_instance;
  if (shared) view.id = definition.id() + ':' + view.key;
  if (rest.run > 1) view.id += '~' + std::to_string(rest.run);
  view.state = one.phase;
  view.verdict = fold.verdict(instance);
  view.flags = one.flags;
  if (one.step != no_index) view.steps.push_back(definition.steps()[one.step].name);
  for (StepIndex step : definition.automaton().outlook(one.state).expected)
    view.expected.push_back(definition.steps()[step].name);
  view.events = one.events;
  view.started_at = rest.started_at;
  view.last_event_at = rest.last_event_at;
  view.step_since = more != nullptr && more->step_since ? *more->step_since : rest.last_event_at;
  if (!is_live(one.phase)) view.ended_at = more != nullptr && more->ended_at ? *more->ended_at : rest.last_event_at;
  view.first_offset = rest.first_offset;
  view.last_offset = rest.last_offset;
  Position position = fold.take_position(instance);
  view.deviations = fold.follower(one.definition).deviations(position);
  fold.put_position(instance, std::move(position));
  for (std::uint32_t label = 0; definition.compensates() && label < definition.labels(); ++label) {
    const std::uint32_t undo = definition.undone_by(label);
    if (undo == no_index || !fold.has_seen(instance, label)) continue;
    view.done.push_back(definition.label(label));
    if (fold.has_seen(instance, undo))
      view.undone.push_back(definition.label(label));
    else if (one.phase == InstanceState::compensating || one.phase == InstanceState::failed)
      view.owed.push_back(definition.label(label));
  }
  view.approximate = definition.automaton().approximate();
  return view;
}

void Tracker::forget(InstanceIndex instance) {
  fold_->remove(instance);
}

}  // namespace laban::monitor
