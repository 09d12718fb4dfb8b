// monitor/core/tracker_view.cpp - what others read of instances and counts.
#include "monitor/core/tracker_fold.hpp"

namespace laban::monitor {

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
Time Tracker::started_at(InstanceIndex instance) const {
  return fold_->cold(instance).started_at;
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
