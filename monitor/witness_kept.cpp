// monitor/witness_kept.cpp - what the witness remembers beside the present: changes, accepted deviations, and what it lets go.
#include <algorithm>

#include "monitor/core/byte_codec.hpp"
#include "monitor/witness_fold.hpp"

namespace laban::monitor {

// What the past is made of: the change, and of what had ended the row that it was until now.
void Witness::Fold::record(const Change& change, std::uint64_t offset, Time time, std::optional<Recount>&& recount) {
  ChangeRecord out;
  out.number = ++head.changes;
  out.offset = offset;
  out.time = time;
  out.name = {change.definition, std::string(tracker.key(change.instance)), tracker.run(change.instance)};
  const auto bucket = [](InstanceState state, Verdict verdict, std::uint8_t flags) {
    return Bucket{state, verdict, static_cast<std::uint8_t>(flags & (flag_stuck | flag_late))};
  };
  out.before = bucket(change.before, change.verdict_before, change.flags_before);
  out.after = bucket(change.after, change.verdict, change.flags);
  out.event = change.event;
  out.started = change.started;
  out.ended = change.ended;
  out.reopened = change.reopened;
  out.matched = change.event ? change.step : no_index;
  if (const StepIndex step = tracker.step(change.instance); step != no_index)
    out.steps = {static_cast<std::uint16_t>(step)};
  out.step_took = change.step_took;
  out.took = change.took;
  out.settled = change.settled;
  out.owed = change.owed;
  out.recount = std::move(recount);
  head.clock = std::max(head.clock, time);
  journal.add(out, head.clock);
  if (!change.started && !is_live(change.before)) {
    const auto here = ended_now.find(change.instance);
    if (here != ended_now.end()) {
      replaced.emplace_back(std::move(here->second.row), out.number);
    } else if (auto stored = store.instance(out.name)) {
      replaced.emplace_back(std::move(stored->row), out.number);
    }
  }
  if (is_live(change.after)) {
    ended_now.erase(change.instance);
  } else {
    ended_now.insert_or_assign(change.instance, ended_view(change.instance));
  }
}

Witness::Fold::Ended Witness::Fold::ended_view(InstanceIndex instance) const {
  const InstanceView now = tracker.view(instance);
  const auto open = [](const Deviation& deviation) { return !deviation.settled; };
  return {row_of(now, instance), std::any_of(now.deviations.begin(), now.deviations.end(), open)};
}

std::vector<std::string> Witness::accept(const std::vector<Acceptance>& rules) {
  Fold& fold = *fold_;
  std::vector<std::string> said;
  const auto tell = [&](const char* what, const Acceptance& rule) {
    said.push_back(std::string(what) + " deviations of " + rule.process + " after offset " +
                   std::to_string(fold.head.offset) + ": " + rule.reason);
    fold.accepted_changed = true;
  };
  for (std::size_t i = 0; i < fold.accepted.size(); ++i) {
    AcceptedRule& one = fold.accepted[i];
    if (one.withdrawn_after || std::find(rules.begin(), rules.end(), one.rule) != rules.end()) continue;
    one.withdrawn_after = fold.head.offset;
    fold.log.push_back({LogEntry::Kind::withdraw, fold.head.offset, {}, 0, i, 0});
    tell("no longer lets pass", one.rule);
  }
  for (const auto& rule : rules) {
    const auto same = [&](const AcceptedRule& one) { return !one.withdrawn_after && one.rule == rule; };
    if (std::any_of(fold.accepted.begin(), fold.accepted.end(), same)) continue;
    fold.log.push_back({LogEntry::Kind::accept, fold.head.offset, {}, 0, fold.accepted.size(), 0});
    fold.accepted.push_back({rule, fold.head.offset, std::nullopt});
    tell("lets pass", rule);
  }
  return said;
}

void Witness::remove(const std::vector<InstanceRow>& rows) {
  fold_->leaving.insert(fold_->leaving.end(), rows.begin(), rows.end());
}

void Witness::forget_past(const Checkpoint& until) {
  fold_->forgetting = until;
}

void Witness::Fold::let_go(StoreBatch& batch) {
  std::vector<DefinitionIndex> touched;
  for (const auto& row : leaving) {
    const auto stored = store.instance(row.name);
    if (!stored || stored->row.since != row.since || is_live(stored->row.bucket.state)) continue;
    if (tracker.find(row.name.definition, row.name.key) != no_instance) continue;
    Entry& entry = entries[row.name.definition];
    const std::vector<std::uint64_t> before = entry.statistics.cells;
    entry.statistics.leave(stored->row.bucket, stored->row.steps);
    entry.removed.resize(before.size());
    for (std::size_t i = 0; i < before.size(); ++i) entry.removed[i] += before[i] - entry.statistics.cells[i];
    entry.dirty = true;
    ++removals;
    batch.remove(stored->row);
    touched.push_back(row.name.definition);
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  for (const auto index : touched) {
    std::string bytes;
    ByteWriter out(bytes);
    out.numbers(entries[index].removed);
    batch.put_part(removed_part + std::to_string(index), bytes);
  }
  leaving.clear();
  if (!forgetting) return;
  batch.forget_past(*forgetting);
  head.forgotten = forgetting->change;
  forgetting.reset();
}

}  // namespace laban::monitor
