// monitor/edge/history/changes.cpp - what a change is made of, in a few bytes.
#include "monitor/edge/history/changes.hpp"

#include <utility>

#include "monitor/edge/history/encoding.hpp"

namespace laban::monitor {
namespace {

constexpr std::uint64_t mark_event = 1, mark_started = 2, mark_ended = 4, mark_reopened = 8, mark_step = 16,
                        mark_settled = 32, mark_owed = 64, mark_backwards = 128, mark_recount = 256;

std::uint64_t nanoseconds(std::chrono::nanoseconds span) {
  return static_cast<std::uint64_t>(span.count());
}

std::chrono::nanoseconds span(std::uint64_t value) {
  return std::chrono::nanoseconds{static_cast<std::int64_t>(value)};
}

// Small numbers of either sign in few bytes.
std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

void write(store::Writer& out, const Recount& recount) {
  out.number(recount.first_offset);
  out.number(recount.last_offset);
  for (const Time time : {recount.started_at, recount.last_event_at, recount.step_since, recount.ended_at})
    out.time(time);
  out.number(zigzag(recount.started));
  for (const auto more : recount.ended) out.number(zigzag(more));
  for (const auto more : recount.deviations) out.number(zigzag(more));
  for (const auto* list : {&recount.passed_before, &recount.passed}) {
    out.number(list->size());
    for (const auto& passed : *list) {
      out.number(std::uint64_t{passed.step} << 1 | (passed.took ? 1 : 0));
      if (passed.took) out.number(zigzag(passed.took->count()));
    }
  }
  for (const auto* list : {&recount.took_before, &recount.took}) {
    out.number(list->size());
    for (const auto took : *list) out.number(zigzag(took.count()));
  }
}

Recount read_recount(store::Reader& in) {
  Recount out;
  out.first_offset = in.number();
  out.last_offset = in.number();
  for (Time* time : {&out.started_at, &out.last_event_at, &out.step_since, &out.ended_at}) *time = in.time();
  out.started = unzigzag(in.number());
  for (auto& more : out.ended) more = unzigzag(in.number());
  for (auto& more : out.deviations) more = unzigzag(in.number());
  const auto took = [&] { return std::chrono::nanoseconds{unzigzag(in.number())}; };
  for (auto* list : {&out.passed_before, &out.passed}) {
    for (std::uint64_t n = in.number(); n > 0 && in.good(); --n) {
      const std::uint64_t step = in.number();
      list->push_back({static_cast<StepIndex>(step >> 1), std::nullopt});
      if ((step & 1) != 0) list->back().took = took();
    }
  }
  for (auto* list : {&out.took_before, &out.took})
    for (std::uint64_t n = in.number(); n > 0 && in.good(); --n) list->push_back(took());
  return out;
}

}  // namespace

void ChangeWriter::add(const ChangeRecord& change, Time clock) {
  if (blocks_.empty() || in_block_ == block_changes) {
    blocks_.push_back({change.number, change.offset, clock, {}});
    in_block_ = 0;
    last_offset_ = change.offset;
    last_time_ = {};
  }
  ++in_block_;
  store::Writer out;
  const std::uint64_t marks = (change.event ? mark_event : 0) | (change.started ? mark_started : 0) |
                              (change.ended ? mark_ended : 0) | (change.reopened ? mark_reopened : 0) |
                              (change.matched != no_index ? mark_step : 0) |
                              (change.settled.empty() ? 0 : mark_settled) | (change.owed != 0 ? mark_owed : 0) |
                              (change.time < last_time_ ? mark_backwards : 0) | (change.recount ? mark_recount : 0);
  out.number(marks);
  out.number(change.offset - last_offset_);
  out.number(nanoseconds(change.time < last_time_ ? last_time_ - change.time : change.time - last_time_));
  out.number(change.name.definition);
  out.text(change.name.key);
  out.number(change.name.run);
  out.number(index_of(change.before));
  out.number(index_of(change.after));
  if (change.matched != no_index) out.number(change.matched);
  out.number(change.steps.size());
  for (const auto step : change.steps) out.number(step);
  if (change.event && !change.started) out.number(zigzag(change.step_took.count()));
  if (change.ended) out.number(zigzag(change.took.count()));
  if (!change.settled.empty()) out.number(change.settled.size());
  for (const auto kind : change.settled) out.number(static_cast<std::uint64_t>(kind));
  if (change.owed != 0) out.number(zigzag(change.owed));
  if (change.recount) write(out, *change.recount);
  blocks_.back().bytes += out.take();
  last_offset_ = change.offset;
  last_time_ = change.time;
}

std::vector<ChangeBlock> ChangeWriter::take() {
  in_block_ = 0;
  return std::exchange(blocks_, {});
}

bool read_changes(const ChangeBlock& block, const std::function<bool(const ChangeRecord&)>& visit) {
  store::Reader in(block.bytes);
  std::uint64_t number = block.first_number;
  std::uint64_t offset = block.first_offset;
  Time time{};
  while (in.good() && !in.rest().empty()) {
    ChangeRecord out;
    const std::uint64_t marks = in.number();
    out.number = number++;
    out.offset = offset += in.number();
    const auto moved = span(in.number());
    out.time = time = (marks & mark_backwards) != 0 ? time - moved : time + moved;
    out.name.definition = static_cast<DefinitionIndex>(in.number());
    out.name.key = in.text();
    out.name.run = static_cast<std::uint32_t>(in.number());
    const std::uint64_t before = in.number(), after = in.number();
    if (before >= buckets || after >= buckets) return false;
    out.before = bucket_at(before);
    out.after = bucket_at(after);
    out.event = (marks & mark_event) != 0;
    out.started = (marks & mark_started) != 0;
    out.ended = (marks & mark_ended) != 0;
    out.reopened = (marks & mark_reopened) != 0;
    if ((marks & mark_step) != 0) out.matched = static_cast<StepIndex>(in.number());
    for (std::uint64_t n = in.number(); n > 0 && in.good(); --n)
      out.steps.push_back(static_cast<std::uint16_t>(in.number()));
    if (out.event && !out.started) out.step_took = std::chrono::nanoseconds{unzigzag(in.number())};
    if (out.ended) out.took = std::chrono::nanoseconds{unzigzag(in.number())};
    for (std::uint64_t n = (marks & mark_settled) != 0 ? in.number() : 0; n > 0 && in.good(); --n) {
      const std::uint64_t kind = in.number();
      if (kind >= deviation_kinds) return false;
      out.settled.push_back(static_cast<DeviationKind>(kind));
    }
    if ((marks & mark_owed) != 0) out.owed = static_cast<int>(unzigzag(in.number()));
    if ((marks & mark_recount) != 0) out.recount = read_recount(in);
    if (!in.good()) return false;
    if (!visit(out)) return true;
  }
  return in.good();
}

void carry(InstanceRow& row, const ChangeRecord& change) {
  if (change.started) {
    row = {};
    row.name = change.name;
    row.first_offset = change.offset;
    row.started_at = row.step_since = change.time;
  }
  if (change.event) {
    row.last_offset = change.offset;
    row.last_event_at = change.time;
    ++row.events;
    if (change.matched != no_index) row.step_since = change.time;
  }
  if (change.recount) {
    row.first_offset = change.recount->first_offset;
    row.last_offset = change.recount->last_offset;
    row.started_at = change.recount->started_at;
    row.last_event_at = change.recount->last_event_at;
    row.step_since = change.recount->step_since;
    row.ended_at = change.recount->ended_at;
  } else if (is_live(change.after.state)) {
    row.ended_at = {};
  } else if (change.started || is_live(change.before.state)) {
    row.ended_at = row.last_event_at;
  }
  row.bucket = change.after;
  row.steps = change.steps;
  row.since = change.number;
}

}  // namespace laban::monitor
