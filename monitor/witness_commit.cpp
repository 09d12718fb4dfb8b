// monitor/witness_commit.cpp - what waits, in one batch with the offset.
#include <algorithm>
#include <functional>
#include <utility>

#include "monitor/edge/history/encoding.hpp"
#include "monitor/witness_fold.hpp"

namespace laban::monitor {

static constexpr std::size_t changed_max = 200;

InstanceRow Witness::Fold::row_of(const InstanceView& now, InstanceIndex instance) const {
  InstanceRow row;
  row.name = {now.definition, now.key, now.run};
  row.bucket = {now.state, now.verdict, static_cast<std::uint8_t>(now.flags & (flag_stuck | flag_late))};
  row.first_offset = now.first_offset;
  row.last_offset = now.last_offset;
  row.started_at = now.started_at;
  row.last_event_at = now.last_event_at;
  row.step_since = now.step_since;
  row.ended_at = now.ended_at.value_or(Time{});
  row.events = now.events;
  if (const StepIndex step = tracker.step(instance); step != no_index) row.steps = {static_cast<std::uint16_t>(step)};
  row.since = head.changes;
  return row;
}

void Witness::Fold::wait(InstanceIndex instance, const EventSummary& event) {
  std::uint32_t& newest = kept_of(instance).pending;
  events.push_back({event, newest});
  newest = static_cast<std::uint32_t>(events.size() - 1);
}

void Witness::Fold::pending_of(InstanceIndex instance, std::vector<const EventSummary*>& out) const {
  out.clear();
  if (instance >= kept.size()) return;
  for (auto at = kept[instance].pending; at != Kept::nothing; at = events[at].before)
    out.push_back(&events[at].summary);
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
}

std::optional<InstanceRow> Witness::Fold::row_before(const Kept& place, const InstanceName& name) {
  if (!place.known) {
    const auto found = recalled.empty() ? recalled.end() : recalled.find(store::name_key(name));
    if (found == recalled.end()) return std::nullopt;
    std::optional<InstanceRow> row = std::move(found->second);
    recalled.erase(found);
    return row;
  }
  InstanceRow row;
  row.name = name;
  row.bucket = bucket_at(place.bucket);
  row.started_at = place.started;
  row.last_event_at = place.last_event;
  row.ended_at = place.ended;
  if (place.step != no_cell_step) row.steps = {place.step};
  return row;
}

void Witness::Fold::remember(Kept& place, const InstanceRow& row) {
  place.started = row.started_at;
  place.last_event = row.last_event_at;
  place.ended = row.ended_at;
  place.bucket = static_cast<std::uint8_t>(index_of(row.bucket));
  place.known = true;
  place.step = cell_step(row.steps);
}

void Witness::Fold::commit_instance(StoreBatch& batch, InstanceIndex instance) {
  Kept& place = kept[instance];
  place.dirty = false;
  const auto ended = ended_now.find(instance);
  InstanceRow row = ended != ended_now.end() ? ended->second.row : row_of(tracker.view(instance), instance);
  const auto before = row_before(place, row.name);
  pending_of(instance, storing);
  place.pending = Kept::nothing;
  for (const EventSummary* event : storing) {
    const std::string& subject = event->subject;
    const auto known =
        subject.empty() ? place.subject : static_cast<std::uint32_t>(std::hash<std::string>{}(subject)) | 1u;
    batch.add_event(row.name, *event, known != place.subject);
    place.subject = known;
  }
  std::string bytes;
  tracker.save(instance, bytes);
  batch.put(row, bytes, before ? &*before : nullptr);
  Statistics& statistics = entries[row.name.definition].statistics;
  if (before) statistics.leave(before->bucket, before->steps);
  statistics.enter(row.bucket, row.steps);
  remember(place, row);
  const bool held = ended != ended_now.end() && ended->second.open;
  if (held != place.held) batch.hold(row.name, held);
  place.held = held;
  if (changed.size() < changed_max) {
    changed.push_back(std::move(row));
  } else {
    more_changed = true;
  }
}

// Everything but the instances themselves.
void Witness::Fold::put_parts(StoreBatch& batch) {
  for (const auto index : fresh_definitions) batch.put_definition(index, entries[index].stored);
  let_go(batch);
  if (accepted_changed) {
    batch.put_part(accepted_part, save(accepted));
    accepted_seen = std::make_shared<const std::vector<AcceptedRule>>(accepted);
    accepted_changed = false;
  }
  for (auto& entry : entries) {
    if (!entry.dirty) continue;
    batch.put_statistics(entry.facts->index, entry.statistics.save());
    batch.put_part(forecast_part + std::to_string(entry.facts->index), entry.forecast.save());
  }
  services.save(batch);
  if (std::exchange(missing_moved, false)) {
    store::Writer out;
    missing.each([&](std::uint64_t hash) { out.number(hash); });
    batch.put_part(missing_part, out.take());
  }
  batch.put_totals(tracker.save_totals());
  for (const auto& entry : log) batch.add_log(entry);
  for (const auto& block : journal.take()) batch.add_changes(block);
  for (const auto& [row, until] : replaced) batch.put_replaced(row, until);
  for (const auto& gap : lost) batch.add_gap(gap);
}

void Witness::Fold::let_stored_go() {
  // Ended instances are the store's from now on, unless later events may still judge them.
  for (const auto instance : dirty) {
    Kept& place = kept[instance];
    if (is_live(bucket_at(place.bucket).state) || place.held) continue;
    tracker.forget(instance);
    place = {};
  }
  dirty.clear();
  events.clear();
  log.clear();
  fresh_definitions.clear();
  ended_now.clear();
  replaced.clear();
  lost.clear();
  observed = 0;
  moved = false;
}

void Witness::Fold::count() {
  for (auto& entry : entries) {
    if (!entry.dirty && entry.counts) continue;
    auto counts = std::make_shared<DefinitionCounts>();
    counts->facts = entry.facts;
    counts->active = !entry.stored.retired;
    counts->retired_after = entry.stored.retired_after;
    counts->approximate = tracker.definition(entry.facts->index).automaton().approximate();
    counts->totals = tracker.totals(entry.facts->index);
    counts->statistics = entry.statistics;
    counts->removed = entry.removed;
    counts->forecast = entry.forecast;
    entry.counts = std::move(counts);
    entry.dirty = false;
  }
}

void Witness::commit() {
  Fold& fold = *fold_;
  auto batch = fold.store.begin();
  for (const auto instance : fold.dirty) fold.commit_instance(*batch, instance);
  fold.put_parts(*batch);
  fold.store.commit(std::move(batch), fold.head);
  fold.head = fold.store.head();
  fold.let_stored_go();
  ++fold.commits;
  fold.view = fold.store.view();
  fold.count();
}

}  // namespace laban::monitor
