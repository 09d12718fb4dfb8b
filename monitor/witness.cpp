// monitor/witness.cpp - events in.
#include "monitor/witness.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "laban/error.hpp"
#include "monitor/core/byte_codec.hpp"
#include "monitor/core/soundness.hpp"
#include "monitor/edge/history/encoding.hpp"
#include "monitor/witness_fold.hpp"

namespace laban::monitor {

// --- definitions

DefinitionIndex Witness::Fold::activate(const LibraryEntry& entry, StoredDefinition stored) {
  ProcessModel model = entry.model;
  model.version = stored.version;
  std::vector<Finding> findings;
  auto definition = Definition::of(model, findings);
  Entry out;
  out.facts = std::make_shared<DefinitionFacts>();
  out.facts->id = model.id;
  out.facts->version = stored.version;
  out.facts->name = model.name.empty() ? model.id : model.name;
  out.facts->after_offset = stored.after_offset;
  out.facts->sound = check_soundness(definition->net(), &model).sound;
  for (const auto& step : definition->steps()) {
    out.facts->step_names.push_back(step.name);
    out.facts->step_ids.push_back(step.id);
  }
  out.statistics = Statistics(out.facts->step_names.size());
  out.stored = std::move(stored);
  const DefinitionIndex index = tracker.activate(std::move(definition));
  assert(index == entries.size());
  out.facts->index = index;
  entries.push_back(std::move(out));
  on_activate(index, model, entry.text, entry.file);
  return index;
}

std::vector<std::string> Witness::adopt(const std::vector<LibraryEntry>& library) {
  Fold& fold = *fold_;
  std::vector<std::string> said;
  const auto newest = [&](const std::string& id) -> Fold::Entry* {
    for (auto at = fold.entries.rbegin(); at != fold.entries.rend(); ++at) {
      if (at->facts->id == id) return &*at;
    }
    return nullptr;
  };
  for (const auto& entry : library) {
    Fold::Entry* before = newest(entry.model.id);
    if (before && !before->stored.retired && before->stored.text == entry.text) continue;
    StoredDefinition stored{entry.model.id, entry.model.version, entry.file, entry.text, fold.head.offset, false, 0};
    // The same version word for another text, or again after a break: told apart by a number.
    const auto taken = [&](const std::string& version) {
      return std::any_of(fold.entries.begin(), fold.entries.end(),
                         [&](const auto& e) { return e.facts->id == stored.id && e.facts->version == version; });
    };
    for (int number = 2; taken(stored.version); ++number)
      stored.version = entry.model.version + "+" + std::to_string(number);
    if (before) {
      before->stored.retired = before->dirty = true;
      before->stored.retired_after = fold.head.offset;
    }
    if (before) fold.fresh_definitions.push_back(before->facts->index);
    const auto index = fold.activate(entry, stored);
    fold.fresh_definitions.push_back(index);
    fold.log.push_back({LogEntry::Kind::activate, fold.head.offset, {}, index, 0, 0});
    said.push_back("follows " + stored.id + " version " + stored.version + " of " + stored.file + " after offset " +
                   std::to_string(fold.head.offset));
  }
  for (auto& entry : fold.entries) {
    const bool there =
        std::any_of(library.begin(), library.end(), [&](const auto& e) { return e.model.id == entry.facts->id; });
    if (there || entry.stored.retired) continue;
    entry.stored.retired = entry.dirty = true;
    entry.stored.retired_after = fold.head.offset;
    fold.tracker.retire(entry.facts->index);
    fold.fresh_definitions.push_back(entry.facts->index);
    fold.log.push_back({LogEntry::Kind::retire, fold.head.offset, {}, entry.facts->index, 0, 0});
    said.push_back("begins no new instances of " + entry.facts->id + ": " + entry.stored.file + " is gone");
  }
  return said;
}

// --- the start

void Witness::Fold::load() {
  head = store.head();
  for (const auto& stored : store.definitions()) {
    std::vector<std::string> said;
    std::vector<LibraryEntry> found;
    try {
      found = entries_of(stored.text, stored.file, said);
    } catch (const Error& error) {
      throw Error(Errc::storage, "the store has a definition that this release cannot read (" +
                                     std::string(error.what()) + "): use the release that stored it");
    }
    const auto entry = std::find_if(found.begin(), found.end(), [&](const auto& e) { return e.model.id == stored.id; });
    if (entry == found.end())
      throw Error(Errc::storage, "the store has a definition of " + stored.id +
                                     " whose text lacks it: the store is damaged, move it away");
    const auto index = activate(*entry, stored);
    if (stored.retired) tracker.retire(index);
    const auto statistics = store.statistics(index);
    if (statistics && !entries[index].statistics.restore(*statistics)) {
      throw Error(Errc::storage,
                  "the store's counts of " + stored.id + " cannot be read: the store is damaged, move it away");
    }
  }
  store.each_part(accepted_part, [&](std::string_view, std::string_view bytes) {
    if (!monitor::restore(bytes, accepted))
      throw Error(Errc::storage, "the store's accepted deviations cannot be read: the store is damaged, move it away");
  });
  accepted_seen = std::make_shared<const std::vector<AcceptedRule>>(accepted);
  store.each_part(removed_part, [&](std::string_view name, std::string_view bytes) {
    const std::size_t index = std::stoul(std::string(name.substr(removed_part.size())));
    ByteReader in(bytes);
    if (index >= entries.size()) return;
    in.numbers(entries[index].removed);
    for (const auto n : entries[index].removed) removals += n;
  });
  const std::string totals = store.totals();
  if (!totals.empty() && !tracker.restore_totals(totals)) {
    throw Error(Errc::storage,
                "the store's totals cannot be read: the store is damaged or of a later release, move it away");
  }
  std::uint64_t live = 0, counted = 0;
  store.each_open([&](const StoredInstance& instance) {
    restore(instance);
    live += is_live(instance.row.bucket.state) ? 1 : 0;
  });
  for (const auto& entry : entries)
    for (std::size_t state = 0; state < instance_states; ++state)
      if (is_live(static_cast<InstanceState>(state))) counted += tracker.totals(entry.facts->index).instances[state];
  if (live != counted)
    throw Error(Errc::storage, "the store has " + std::to_string(live) + " live instances and counts " +
                                   std::to_string(counted) + ": the store is damaged, move it away");
  tracker.set_recall([this](const Definition& definition, std::string_view key) -> std::optional<std::string> {
    for (const auto& entry : entries) {
      if (&tracker.definition(entry.facts->index) != &definition) continue;
      auto found = store.latest(entry.facts->index, key);
      if (!found) return std::nullopt;
      recalled.insert_or_assign(store::name_key(found->row.name), std::move(found->row));
      return std::move(found->bytes);
    }
    return std::nullopt;
  });
  services.load(store);
  for (auto& entry : entries) {
    std::uint64_t ended = 0;
    for (const auto n : tracker.totals(entry.facts->index).ended) ended += n;
    const std::string part = forecast_part + std::to_string(entry.facts->index);
    store.each_part(part, [&](std::string_view name, std::string_view bytes) {
      if (name == part && !entry.forecast.restore(bytes, ended))
        throw Error(Errc::storage, "the store's forecasts of " + entry.facts->id +
                                       " cannot be read: the store is damaged, move it away");
    });
  }
  store.each_part(missing_part, [&](std::string_view, std::string_view bytes) {
    store::Reader in(bytes);
    while (in.good() && !in.rest().empty()) missing.add(in.number());
  });
  view = store.view();
}

void Witness::Fold::restore(const StoredInstance& instance) {
  const auto index = tracker.restore(instance.row.name.definition, instance.bytes);
  if (index == no_instance) {
    throw Error(Errc::storage, "instance " + instance.row.name.key +
                                   " cannot be taken up from the store: the store is damaged, move it away");
  }
  Kept& place = kept_of(index);
  remember(place, instance.row);
  place.held = !is_live(instance.row.bucket.state);
}

Kept& Witness::Fold::kept_of(InstanceIndex instance) {
  if (instance >= kept.size()) kept.resize(std::max<std::size_t>(instance + 1, kept.size() * 3 / 2));
  return kept[instance];
}

// --- events

void Witness::Fold::touch(InstanceIndex instance) {
  Kept& place = kept_of(instance);
  if (place.dirty) return;
  place.dirty = true;
  dirty.push_back(instance);
}

void Witness::Fold::apply(const Change& change, const EventSummary* event, std::uint64_t offset, Time time,
                          bool waits) {
  touch(change.instance);
  if (!waits) record(change, offset, time);
  Entry& entry = entries[change.definition];
  entry.dirty = true;
  if (change.ended) entry.statistics.duration.add(change.took);
  if (!change.event || event == nullptr) return;
  if (change.step != no_index) {
    ++entry.statistics.passed[change.step];
    if (!change.started && !change.anew) entry.statistics.step_duration[change.step].add(change.step_took);
  }
  if (!waits) {
    wait(change.instance, *event);
    events.back().summary.step = change.step;
  }
  if (!change.started && !change.anew && change.step != no_index && change.previous_step != no_index)
    entry.forecast.pass(change.previous_step, change.step, change.step_took);
  if (change.ended) learn_end(change);
}

void Witness::observe(const Observation& event, EventSummary&& summary) {
  Fold& fold = *fold_;
  const bool knows_cause =
      event.offset <= fold.head.offset ||
      fold.services.observe(event.source, event.type, summary.id, summary.causation, event.time, event.sequence);
  fold.changes.clear();
  fold.tracker.observe(event, fold.changes);
  for (const auto& change : fold.changes) fold.apply(change, &summary, event.offset, event.time);
  // A cause that comes after what it caused: those instances are followed anew, in the order of causes.
  if (!knows_cause) {
    fold.missing.add(summary.causation);
    fold.missing_moved = true;
  }
  if (!fold.missing.empty() && fold.missing.has(summary.id)) {
    std::vector<InstanceIndex> touched;
    for (const auto& change : fold.changes)
      if (change.event && std::find(touched.begin(), touched.end(), change.instance) == touched.end())
        touched.push_back(change.instance);
    for (const auto instance : touched) fold.rewind(instance, event);
  }
  if (event.offset > fold.head.offset) fold.head.offset = event.offset;
  fold.head.last_event_at = std::max(fold.head.last_event_at, event.time);
  ++fold.observed;
  fold.moved = true;
}

void Witness::expect(std::span<const Observation> events) const {
  fold_->tracker.expect(events);
}
bool Witness::reads_fields() const {
  return fold_->tracker.reads_fields();
}

void Witness::advance(Time now) {
  Fold& fold = *fold_;
  fold.changes.clear();
  fold.tracker.advance(now, fold.changes);
  if (fold.changes.empty()) return;
  for (const auto& change : fold.changes) fold.apply(change, nullptr, fold.head.offset, now);
  fold.log.push_back({LogEntry::Kind::advance, fold.head.offset, now, 0, 0, 0});
}

void Witness::gap(std::uint64_t from, std::uint64_t to) {
  fold_->tracker.note_gap();
  fold_->services.note_gap();
  fold_->head.gaps += to - from + 1;
  fold_->lost.push_back({fold_->head.offset, to - from + 1});
  fold_->log.push_back({LogEntry::Kind::gap, fold_->head.offset, {}, 0, from, to});
  reached(to);
}

void Witness::reached(std::uint64_t offset) {
  if (offset <= fold_->head.offset) return;
  fold_->head.offset = offset;
  fold_->moved = true;
}

void Witness::follows(std::uint64_t log_id, std::uint32_t generation) {
  StoreHead& head = fold_->head;
  if (head.log_id != 0 && head.log_id != log_id) {
    throw Error(Errc::storage,
                "the store was built from another hub's log: choose another directory with --data, or the hub that it "
                "was built from with --hub");
  }
  if (head.log_id != 0 && head.generation != generation) {
    throw Error(Errc::storage,
                "the hub's log was restored from a backup since this store was built: move the store away, the monitor "
                "builds a new one from the log" +
                    erased_text());
  }
  fold_->moved = fold_->moved || head.log_id == 0;
  head.log_id = log_id;
  head.generation = generation;
}

// --- what others see

Witness::Witness(Store& store, TrackerOptions options, ActivationListener on_activate)
    : fold_(std::make_unique<Fold>(store, options, std::move(on_activate))) {
  fold_->load();
}

Witness::~Witness() = default;

std::uint64_t Witness::offset() const {
  return fold_->head.offset;
}
std::size_t Witness::pending() const {
  return fold_->observed;
}

bool Witness::dirty() const {
  return fold_->moved || !fold_->leaving.empty() || fold_->forgetting || !fold_->dirty.empty() || !fold_->log.empty() ||
         !fold_->fresh_definitions.empty();
}

Published Witness::publish(const Observing& observing) {
  Fold& fold = *fold_;
  const StoreHead& stored = fold.store.head();
  auto counts = std::make_shared<Snapshot>();
  counts->number = ++fold.snapshots;
  counts->offset = stored.offset;
  counts->head = std::max(observing.head, stored.offset);
  counts->last_event_at = stored.last_event_at;
  counts->hub_time = observing.hub_time;
  counts->gaps = stored.gaps;
  counts->out_of_scope = fold.tracker.out_of_scope();
  counts->duplicates = fold.tracker.duplicates();
  counts->malformed = observing.malformed;
  counts->repaired = observing.repaired;
  counts->commits = fold.commits;
  counts->removals = fold.removals;
  counts->accepted = fold.accepted_seen;
  counts->events_per_second = observing.events_per_second;
  counts->connected = observing.connected;
  counts->ready = observing.ready;
  for (const auto& entry : fold.entries) {
    if (entry.counts) counts->definitions.push_back(entry.counts);
  }
  for (const auto& service : fold.services.seen()->services)
    counts->missing.emplace_back(service->id, service->sequences.missing());
  return {std::move(counts), fold.view, fold.services.seen()};
}

std::vector<InstanceRow> Witness::take_changed(bool& more) {
  more = fold_->more_changed;
  fold_->more_changed = false;
  return std::exchange(fold_->changed, {});
}

}  // namespace laban::monitor
