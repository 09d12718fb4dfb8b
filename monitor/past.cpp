// monitor/past.cpp - from a checkpoint and changes to an instant.
#include "monitor/past.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "laban/error.hpp"
#include "monitor/core/byte_codec.hpp"
#include "monitor/core/causal_order.hpp"
#include "monitor/edge/history/changes.hpp"
#include "monitor/past_view.hpp"

namespace laban::monitor {
namespace {

constexpr std::chrono::seconds kept_for{15};
constexpr std::size_t made_max = 4;             // instants that are kept for the next question
constexpr std::size_t made_rows_max = 500'000;  // ... with no more rows than these, but for the last one

struct Counts {
  Totals totals;
  Statistics statistics;
};

void write(ByteWriter& out, const Totals& totals) {
  out.number(totals.events);
  out.number(totals.started);
  out.numbers(totals.ended);
  out.numbers(totals.instances);
  out.numbers(totals.verdict);
  out.numbers(totals.deviations);
  out.numbers(totals.flagged);
  out.number(totals.compensations_owed);
}

template <class Array>
void read(ByteReader& in, Array& array) {
  const bool fits = in.number() == array.size();
  while (!fits && in.good()) in.number();  // reads as nothing
  for (auto& one : array) one = in.number();
}

void read(ByteReader& in, Totals& totals) {
  totals.events = in.number();
  totals.started = in.number();
  read(in, totals.ended);
  read(in, totals.instances);
  read(in, totals.verdict);
  read(in, totals.deviations);
  read(in, totals.flagged);
  totals.compensations_owed = in.number();
}

// What retention took is counted again: at each instant that can be asked for it is taken away.
void add_removed(Statistics& statistics, const std::vector<std::uint64_t>& removed, bool add) {
  for (std::size_t i = 0; i < removed.size() && i < statistics.cells.size(); ++i) {
    statistics.cells[i] += add ? removed[i] : -removed[i];
    statistics.instances[i % buckets] += add ? removed[i] : -removed[i];
  }
}

std::vector<Counts> decode_counts(const std::string& bytes, const Snapshot& newest) {
  std::vector<Counts> out;
  for (const auto& definition : newest.definitions)
    out.push_back({{}, Statistics(definition->facts->step_names.size())});
  if (bytes.empty()) return out;
  ByteReader in(bytes);
  const std::uint64_t count = in.at_most(out.size());
  bool good = true;
  for (std::size_t i = 0; i < count && good; ++i) {
    read(in, out[i].totals);
    good = in.good() && out[i].statistics.restore(in.text());
  }
  if (!good || !in.good())
    throw Error(Errc::storage, "a checkpoint of the past cannot be read: the store is damaged, move it away");
  return out;
}

// In the order in which the witness did it, so that sums are the same to the last bit.
void recount(Counts& counts, const Recount& change) {
  Totals& totals = counts.totals;
  totals.started += static_cast<std::uint64_t>(change.started);
  for (std::size_t i = 0; i < instance_states; ++i) totals.ended[i] += static_cast<std::uint64_t>(change.ended[i]);
  for (std::size_t i = 0; i < deviation_kinds; ++i)
    totals.deviations[i] += static_cast<std::uint64_t>(change.deviations[i]);
  Statistics& statistics = counts.statistics;
  for (const auto& passed : change.passed_before) {
    --statistics.passed[passed.step];
    if (passed.took) statistics.step_duration[passed.step].remove(*passed.took);
  }
  for (const auto took : change.took_before) statistics.duration.remove(took);
  for (const auto& passed : change.passed) {
    ++statistics.passed[passed.step];
    if (passed.took) statistics.step_duration[passed.step].add(*passed.took);
  }
  for (const auto took : change.took) statistics.duration.add(took);
}

void count(Counts& counts, const ChangeRecord& change, const InstanceRow* before, const InstanceRow& after) {
  Totals& totals = counts.totals;
  const auto place = [](auto value) { return static_cast<std::size_t>(value); };
  totals.events += change.event ? 1 : 0;
  const bool ended_anew = change.ended && !change.started && !is_live(change.before.state);
  totals.started += change.started || change.reopened || ended_anew ? 1 : 0;
  if (before != nullptr) {
    --totals.instances[place(change.before.state)];
    --totals.verdict[place(change.before.verdict)];
    for (std::size_t flag = 0; flag < 2; ++flag) totals.flagged[flag] -= change.before.flags >> flag & 1;
    counts.statistics.leave(before->bucket, before->steps);
  }
  ++totals.instances[place(change.after.state)];
  ++totals.verdict[place(change.after.verdict)];
  for (std::size_t flag = 0; flag < 2; ++flag) totals.flagged[flag] += change.after.flags >> flag & 1;
  totals.compensations_owed += static_cast<std::uint64_t>(static_cast<std::int64_t>(change.owed));
  totals.ended[place(change.after.state)] += change.ended ? 1 : 0;
  for (const auto kind : change.settled) ++totals.deviations[place(kind)];
  Statistics& statistics = counts.statistics;
  statistics.enter(after.bucket, after.steps);
  if (change.ended) statistics.duration.add(change.took);
  if (change.event && change.matched != no_index) {
    ++statistics.passed[change.matched];
    if (!change.started) statistics.step_duration[change.matched].add(change.step_took);
  }
  if (change.recount) recount(counts, *change.recount);
}

auto place_of(const InstanceName& name) {
  return std::tie(name.definition, name.key, name.run);
}

[[noreturn]] void too_far_back() {
  throw Error(Errc::usage,
              "that is further back than this monitor remembers: ask for a later instant, or keep more with --keep");
}

[[noreturn]] void damaged(const ChangeRecord& change) {
  throw Error(Errc::storage, "change " + std::to_string(change.number) + " of " + change.name.key +
                                 " follows nothing: the store is damaged, move it away");
}

struct NameHash {
  std::size_t operator()(const InstanceName& name) const {
    return std::hash<std::string>{}(name.key) * 31 + name.definition * 7919u + name.run;
  }
};

}  // namespace

std::string encode_counts(const Snapshot& counts) {
  std::string bytes;
  ByteWriter out(bytes);
  out.number(counts.definitions.size());
  for (const auto& definition : counts.definitions) {
    write(out, definition->totals);
    Statistics whole = definition->statistics;
    add_removed(whole, definition->removed, true);
    out.text(whole.save());
  }
  return bytes;
}

const InstanceRow* PastInstant::find(const InstanceName& name) const {
  const auto at = std::lower_bound(
      rows.begin(), rows.end(), name,
      [](const InstanceRow& row, const InstanceName& wanted) { return place_of(row.name) < place_of(wanted); });
  return at != rows.end() && at->name == name ? &*at : nullptr;
}

Published Past::at(const Published& newest, std::uint64_t offset) {
  if (offset >= newest.counts->offset) return newest;
  const std::uint64_t forgotten = newest.view->head().forgotten;
  const auto horizon = forgotten > 0 ? newest.view->checkpoint(forgotten) : std::nullopt;
  if (horizon && offset < horizon->offset) too_far_back();
  return published(newest, find(newest, newest.view->change_at(offset), offset));
}

Published Past::at(const Published& newest, Time time) {
  const std::uint64_t forgotten = newest.view->head().forgotten;
  const auto horizon = forgotten > 0 ? newest.view->checkpoint(forgotten) : std::nullopt;
  if (horizon && time < horizon->clock) too_far_back();
  const std::uint64_t change = newest.view->change_at(time);
  if (change >= newest.view->head().changes) return newest;
  return published(newest, find(newest, change, 0));
}

std::shared_ptr<const PastInstant> Past::find(const Published& newest, std::uint64_t change, std::uint64_t offset) {
  const StoreView& view = *newest.view;
  const std::uint64_t forgotten = view.head().forgotten;
  if (change < forgotten) too_far_back();
  const std::lock_guard lock(mutex_);
  let_old_ones_go();
  for (const auto& instant : made_) {
    if (instant->change == change && (offset == 0 || instant->offset == offset)) return instant;
  }
  Checkpoint from = view.checkpoint(change).value_or(Checkpoint{});
  if (from.change == 0 && forgotten > 0)
    throw Error(Errc::storage, "the checkpoint of the past is missing: the store is damaged, move it away");
  auto counts = decode_counts(from.counts, *newest.counts);
  std::unordered_map<InstanceName, InstanceRow, NameHash> live;
  if (from.change != 0)
    view.each_checkpoint_row(from.change, [&](InstanceRow&& row) { live.insert_or_assign(row.name, std::move(row)); });
  auto out = std::make_shared<PastInstant>();
  out->store = newest.view;
  out->made_at = std::chrono::steady_clock::now();
  out->change = change;
  out->clock = from.clock;
  out->offset = from.offset;
  Time last_event{};
  view.each_change(from, change, [&](const ChangeRecord& record) {
    if (record.name.definition >= counts.size()) damaged(record);
    std::optional<InstanceRow> before;
    const auto known = live.find(record.name);
    if (!record.started) {
      if (known != live.end()) {
        before = known->second;
      } else {
        before = view.replaced(record.number, record.name);
      }
      if (!before) damaged(record);
    }
    InstanceRow after = before.value_or(InstanceRow{});
    carry(after, record);
    count(counts[record.name.definition], record, before ? &*before : nullptr, after);
    out->clock = std::max(out->clock, record.time);
    out->offset = record.offset;
    if (record.event) last_event = std::max(last_event, record.time);
    if (is_live(after.bucket.state)) {
      live.insert_or_assign(record.name, std::move(after));
    } else if (known != live.end()) {
      live.erase(known);
    }
  });
  if (offset != 0) out->offset = offset;
  for (auto& [name, row] : live) out->rows.push_back(std::move(row));
  view.each_replaced(change, [&](InstanceRow&& row) { out->rows.push_back(std::move(row)); });

  std::sort(out->rows.begin(), out->rows.end(),
            [](const InstanceRow& a, const InstanceRow& b) { return place_of(a.name) < place_of(b.name); });

  auto told = std::make_shared<Snapshot>(*newest.counts);
  told->offset = told->head = out->offset;
  told->last_event_at = last_event == Time{} ? out->clock : last_event;
  told->hub_time = out->clock;
  told->events_per_second = 0;
  told->gaps = 0;
  for (const auto& gap : view.gaps(out->offset)) told->gaps += gap.lost;
  told->definitions.clear();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const DefinitionCounts& now = *newest.counts->definitions[i];
    if (now.facts->after_offset > out->offset) break;  // in order of their activation
    auto then = std::make_shared<DefinitionCounts>(now);
    then->active = now.active || now.retired_after > out->offset;
    then->totals = counts[i].totals;
    then->statistics = std::move(counts[i].statistics);
    add_removed(then->statistics, now.removed, false);
    told->definitions.push_back(std::move(then));
  }
  out->counts = std::move(told);
  made_.push_front(out);
  std::size_t rows = 0;
  for (auto instant = made_.begin(); instant != made_.end();) {
    rows += (*instant)->rows.size();
    const auto number = static_cast<std::size_t>(std::distance(made_.begin(), instant));
    instant = number > 0 && (number >= made_max || rows > made_rows_max) ? made_.erase(instant) : std::next(instant);
  }
  return out;
}

void Past::let_old_ones_go() {
  const auto oldest = std::chrono::steady_clock::now() - kept_for;
  std::erase_if(made_, [&](const auto& instant) { return instant->made_at < oldest; });
}

void Past::tidy() {
  const std::lock_guard lock(mutex_);
  let_old_ones_go();
}

Published Past::published(const Published& newest, std::shared_ptr<const PastInstant> instant) {
  auto counts = instant->counts;
  auto store = instant->store;
  return {std::move(counts), make_past_view(std::move(store), std::move(instant), catalogue_, tracking_),
          newest.services};
}

static Observation observation_of(std::string_view key, const EventSummary& event) {
  Observation seen;
  seen.key = key;
  seen.type = event.type;
  seen.source = event.source;
  seen.offset = event.offset;
  seen.time = event.recorded;
  return seen;
}

std::optional<Refolded> refold(const ProcessModel& model, const TrackerOptions& options, const std::string& key,
                               const std::vector<EventSummary>& events, const std::vector<GapRecord>& gaps,
                               Time clock) {
  std::vector<Finding> findings;
  TrackerOptions all = options;
  all.everything_in_scope = true;  // what was in scope then is what the instance has
  Tracker tracker(all);
  const auto definition = tracker.activate(Definition::of(model, findings));
  std::vector<Change> changes;
  std::vector<StepIndex> steps(events.size(), no_index);
  std::vector<std::size_t> followed;
  std::unordered_set<std::string_view> named;  // as causes
  const auto note_steps = [&] {
    auto at = followed.end() - std::count_if(changes.begin(), changes.end(), [](const auto& one) { return one.event; });
    for (const auto& change : changes)
      if (change.event) steps[*at++] = change.step;
    changes.clear();
  };
  auto gap = gaps.begin();
  for (std::size_t i = 0; i < events.size(); ++i) {
    for (; gap != gaps.end() && gap->after_offset < events[i].offset; ++gap) tracker.note_gap();
    tracker.observe(observation_of(key, events[i]), changes);
    followed.push_back(i);
    note_steps();
    // A cause that came after what it caused: all of it anew, as the witness does.
    if (!events[i].causation.empty()) named.insert(events[i].causation);
    if (!named.contains(events[i].id)) continue;
    std::vector<Placed> placed;
    for (const auto one : followed) placed.push_back({events[one].offset, events[one].id, events[one].causation});
    std::vector<std::size_t> fresh;
    std::vector<Observation> observations;
    for (const std::size_t place : causal_order(placed)) {
      fresh.push_back(followed[place]);
      observations.push_back(observation_of(key, events[fresh.back()]));
    }
    if (fresh == followed || !tracker.refold(tracker.find(definition, key), observations, changes)) continue;
    followed = std::move(fresh);
    note_steps();
  }
  if (gap != gaps.end()) tracker.note_gap();
  tracker.advance(clock, changes);
  const auto instance = tracker.find(definition, key);
  if (instance == no_instance) return std::nullopt;
  Refolded out{tracker.view(instance), {}, std::move(steps)};
  tracker.save(instance, out.bytes);
  return out;
}

}  // namespace laban::monitor
