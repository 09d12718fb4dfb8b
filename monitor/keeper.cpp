// monitor/keeper.cpp - checkpoints and retention.
//
// One rule keeps counts and lists equal at every instant that can be asked for: the past goes back no further than the last
// change of any instance that was let go. So what was let go is missing from each of them alike.
#include "monitor/keeper.hpp"

#include <algorithm>

#include "monitor/past.hpp"

namespace laban::monitor {

namespace {

std::uint64_t live_instances(const Snapshot& counts) {
  std::uint64_t out = 0;
  for (const auto& definition : counts.definitions)
    for (std::size_t i = 0; i < buckets; ++i)
      if (is_live(bucket_at(i).state)) out += definition->statistics.instances[i];
  return out;
}

}  // namespace

LetGo Keeper::look(const Published& at) {
  LetGo out;
  store_.purge();
  checkpoint(at);
  if (!retention_.any()) return out;
  by_age(at, out);
  if (!out.any()) by_size(at, out);
  return out;
}

std::optional<std::chrono::nanoseconds> Keeper::age_of(const std::string& definition) const {
  const auto own = retention_.by_definition.find(definition);
  return own != retention_.by_definition.end() ? std::optional(own->second) : retention_.age;
}

void Keeper::checkpoint(const Published& at) {
  const StoreHead& head = at.view->head();
  const auto last = at.view->checkpoint(head.changes);
  const std::uint64_t since = head.changes - (last ? last->change : 0);
  if (since == 0) return;
  bool due = since >= std::max(changes_, live_instances(*at.counts));
  // Retention goes from checkpoint to checkpoint: eight of them in the shortest time that anything is kept.
  std::optional<std::chrono::nanoseconds> shortest = retention_.age;
  for (const auto& [id, age] : retention_.by_definition) shortest = std::min(age, shortest.value_or(age));
  if (shortest) due = due || !last || head.clock - last->clock >= *shortest / 8;
  if (retention_.bytes) due = due || since >= changes_ / 8;
  if (due) store_.put_checkpoint(*at.view, encode_counts(*at.counts));
}

void Keeper::by_age(const Published& at, LetGo& out) const {
  const StoreHead& head = at.view->head();
  for (const auto& definition : at.counts->definitions) {
    const auto age = age_of(definition->facts->id);
    if (!age || out.rows.size() >= rows_at_once) continue;
    const Time until = head.clock - *age;
    const auto reached = at.view->checkpoint(at.view->change_at(until));
    if (!reached) continue;
    auto rows = at.view->ended_before(definition->facts->index, until, reached->change, rows_at_once - out.rows.size());
    if (rows.empty()) continue;
    out.rows.insert(out.rows.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    const std::uint64_t past = out.past ? out.past->change : head.forgotten;
    if (reached->change > past) out.past = reached;
  }
  if (!retention_.age) return;
  // Without instances to let go, the past itself grows old.
  const auto reached = at.view->checkpoint(at.view->change_at(head.clock - *retention_.age));
  const std::uint64_t past = out.past ? out.past->change : head.forgotten;
  if (reached && reached->change > past) out.past = reached;
}

void Keeper::by_size(const Published& at, LetGo& out) const {
  if (!retention_.bytes || store_.bytes() <= *retention_.bytes) return;
  const StoreHead& head = at.view->head();
  const auto newest = at.view->checkpoint(head.changes);
  if (!newest) return;
  // The oldest of all: the first ones of each definition, and of these the first.
  for (const auto& definition : at.counts->definitions) {
    auto rows = at.view->ended_before(definition->facts->index, head.clock, newest->change, rows_at_once);
    out.rows.insert(out.rows.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }
  std::sort(out.rows.begin(), out.rows.end(),
            [](const InstanceRow& a, const InstanceRow& b) { return a.ended_at < b.ended_at; });
  if (out.rows.size() > rows_at_once) out.rows.resize(rows_at_once);
  if (newest->change > head.forgotten) out.past = newest;
}

}  // namespace laban::monitor
