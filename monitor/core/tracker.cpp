// monitor/core/tracker.cpp - events to instances, and what changes with them.
#include "monitor/core/tracker.hpp"

#include <algorithm>

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
    if (!model.nodes[node].deadline) continue;
    tracked.has_deadlines = true;
    tracked.quickest = std::min<std::chrono::nanoseconds>(tracked.quickest, *model.nodes[node].deadline);
  }
  for (std::uint32_t pair = 0; pair < model.pair_deadlines.size(); ++pair) {
    const std::uint32_t from = label_of_node[model.pair_deadlines[pair].from];
    const std::uint32_t to = label_of_node[model.pair_deadlines[pair].to];
    if (from == no_index || to == no_index) continue;
    tracked.pairs_from[from].push_back(pair);
    tracked.pairs_to[to].push_back(pair);
    tracked.has_deadlines = true;
    tracked.quickest = std::min<std::chrono::nanoseconds>(tracked.quickest, model.pair_deadlines[pair].limit);
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
  tracked.quickest = std::min({fold.options.shortest_stall, fold.options.lateness, fold.options.quiet_end});
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
  fold.gap_after = fold.last_offset;
  for (InstanceIndex slot = 0; slot < fold.slots; ++slot)
    if (fold.hot(slot).used && is_live(fold.hot(slot).phase)) fold.hot(slot).lived_across_gap = true;
}

bool Tracker::Fold::in_scope(const Tracked& one, const Observation& event) const {
  if (options.everything_in_scope || event.definition == one.definition->id()) return true;
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
  if (event.offset != 0 && !(event.late && event.offset <= fold.last_offset)) {
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
  if (!event.definition.empty() && changes.size() == before) {
    for (std::uint32_t family = 0; family < fold.families.size(); ++family)
      if (fold.families[family].id == event.definition) fold.observe_family(family, event, changes);
  }
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

void Tracker::expect(std::span<const Observation> events) const {
  fold_->fetch_ahead(events);
}

bool Tracker::reads_fields() const {
  return std::any_of(fold_->tracked.begin(), fold_->tracked.end(),
                     [](const Tracked& one) { return !one.definition->model().correlation.empty(); });
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
    if (slot != KeyTable::none) fetch(slot);
  }
}

void Tracker::Fold::observe_family(std::uint32_t family, const Observation& event, std::vector<Change>& changes) {
  const std::string& field = tracked[families[family].versions.back()].definition->model().correlation;
  if (field.empty() || event.fields == nullptr) return observe_key(family, event.key, event, changes);
  const auto keys = (*event.fields)(field);
  absl::flat_hash_map<std::string_view, char> told;  // of an instance that is named twice it is one event all the same
  for (const std::string& key : keys)
    if (keys.size() == 1 || told.emplace(key, 0).second) observe_key(family, key, event, changes);
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
  if (meaning.symbol == no_symbol && !options.everything_in_scope && event.definition.empty()) return;
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
  // To the nanosecond, whatever the timers' grain: what the silence before this event has settled is settled.
  if (!started && event.time - cold(slot).last_event_at >= std::min(options.lateness, options.quiet_end))
    pass_silence(slot, event.time, false, changes);
  const bool again = anew.has_value();
  Change change = again ? anew->before : snapshot(slot);
  const unsigned owed_before = again ? anew->owed : owed(slot);
  anew.reset();
  Hot& one = hot(slot);
  Cold& rest = cold(slot);
  Tracked& of = tracked[one.definition];
  const bool was_live = is_live(one.phase);
  const StateId state_before = one.state;
  const Time last_event = rest.last_event_at;
  if (!started && was_live && !refolding) learn(one.definition, one.state, event.time - last_event);

  const Follower follow = follower(one.definition);
  Position position = take_position(slot);
  const bool excused = one.lived_across_gap || (started && one.began_after_gap);
  const StepIndex matched =
      follow.observe(position, seen(slot), {meaning, event.type, event.offset, excused}, change.settled);
  change.started = started && !again;
  change.anew = again;
  if (again) change.previous_step = no_index;
  change.step = matched;
  change.step_took = started ? std::chrono::nanoseconds{0} : event.time - last_event;
  const Outlook& outlook = of.definition->automaton().outlook(position.state);
  if (position.doubt) {
    const auto clear = follow.settle_clear_ones(position);
    change.settled.insert(change.settled.end(), clear.begin(), clear.end());
  }
  put_position(slot, std::move(position));
  if (matched != no_index) {
    if (one.has_extras) more(slot).step_since.reset();
  } else if (!more(slot).step_since) {
    more(slot).step_since = last_event;
  }
  if (!was_live && !more(slot).ended_at) more(slot).ended_at = last_event;
  rest.last_event_at = event.time;
  rest.last_offset = std::max(rest.last_offset, event.offset);  // followed anew, the last one need not be the newest
  ++of.totals.events;
  if (of.has_deadlines) note_waiting(slot, matched, event.time);
  if (was_live || one.state != state_before) one.phase = phase_after(slot, outlook, false);
  if (is_live(one.phase) && one.has_extras) more(slot).ended_at.reset();
  const Time seen_until = std::max(now, event.time);
  one.flags = flags_at(slot, seen_until, silent_too_long(slot, seen_until));
  arm_after_event(slot);
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
  if (hot(slot).deviating) return Verdict::deviating;
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
  change.previous_event = cold(slot).last_event_at;
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
  if (change.anew) {
    change.ended = !lives;
    change.reopened = false;
  }
  const bool ended_anew =  // opened again and ended at once
      !change.anew && !was_live && !lives && change.before != change.after;
  change.ended |= ended_anew;
  if (change.reopened || ended_anew) ++more(slot).reopened[static_cast<std::size_t>(change.before)];
  if (change.ended) change.took = cold(slot).last_event_at - cold(slot).started_at;

  Totals& totals = tracked[change.definition].totals;
  totals.started += change.started || change.reopened || ended_anew ? 1 : 0;
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

}  // namespace laban::monitor
