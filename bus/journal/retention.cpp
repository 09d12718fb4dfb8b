// bus/journal/retention.cpp - checkpoints are saved, old segments go, what is still live in them moves
// forward.
#include <algorithm>
#include <utility>

#include "bus/journal/impl.hpp"
#include "bus/journal/recovery.hpp"

namespace laban::journal {
namespace {

constexpr std::size_t checkpoints_kept = 2;            // should one be damaged, the other still has its log
constexpr std::uint64_t carry_group_bytes = 64 << 10;  // one of them is read back for one event, again and again

// The checksum of the batch that ends at the position; nothing where no batch ends there.
std::optional<std::uint32_t> checksum_before(Segments& segments, const Head& head, std::uint64_t position) {
  if (position == head.position) return head.previous;
  if (position > head.position || position < segments.oldest().header.base) return {};
  auto& segment = segments[segments.at_position(position)];
  if (position == segment.header.base || position == segment.first_position()) return segment.header.previous;
  if (position < segment.first_position()) return {};
  if (segments.open(segment) != 0) return {};
  BatchWalker walker{*segment.file, segment.header, position, segment.end, std::nullopt, BatchWalker::Check::headers};
  if (walker.next() != BatchWalker::Step::batch) return {};
  return walker.header().previous;
}

}  // namespace

std::string Journal::save_checkpoint(std::uint64_t position, std::span<const std::byte> state) {
  auto& appender = impl_->appender;
  if (position > appender.head().synced && appender.sync() != Appender::Outcome::ok) return appender.reason();
  if (position == 0) position = first_position();
  const auto previous = checksum_before(impl_->segments, appender.head(), position);
  if (!previous)
    return "no batch of the log ends at position " + std::to_string(position) + ": give one that position() returned";
  CheckpointHeader header;
  header.previous = *previous;
  header.log_id = log_id();
  header.generation = generation();
  header.position = position;
  header.carried = impl_->carried.size();
  header.state_bytes = state.size();
  if (const int error = store_checkpoint(impl_->files, impl_->directory, header, impl_->carried, state))
    return "the checkpoint cannot be written to " + impl_->directory + ": " + error_text(error) +
           ": make room or check the disk; the log itself is whole";

  auto& kept = impl_->checkpoint_positions;
  kept.erase(std::remove(kept.begin(), kept.end(), position), kept.end());
  kept.insert(std::upper_bound(kept.begin(), kept.end(), position, std::greater<>{}), position);
  if (impl_->backups.use_count() > 1) return {};  // a backup may be about to copy the older ones
  if (kept.size() > checkpoints_kept) kept.resize(checkpoints_kept);
  for (const auto old : list_checkpoints(impl_->files, impl_->directory))
    if (std::find(kept.begin(), kept.end(), old) == kept.end())
      impl_->files.remove(checkpoint_path(impl_->directory, old));
  return {};
}

std::optional<Checkpoint> Journal::latest_checkpoint() {
  for (const auto position : impl_->checkpoint_positions) {
    std::string why;
    auto stored = load_checkpoint(impl_->files, impl_->directory, position, why);
    if (stored) return Checkpoint{position, std::move(stored->state)};
  }
  return {};
}

namespace {

struct Carrying {
  std::vector<CarriedEntry> entries;
  std::uint64_t bytes = 0;
  std::string problem;
};

// Copies what is live in the segment behind the log's end and syncs it.
template <class IsLive>
Carrying carry(Segments& segments, Appender& appender, Segment& segment, IsLive is_live) {
  Carrying carrying;
  Group group;
  group.clear();
  const auto flush = [&] {
    if (group.empty() || !carrying.problem.empty()) return;
    std::vector<std::uint64_t> offsets;
    if (appender.write(group, 0) != Appender::Outcome::ok) carrying.problem = appender.reason();
    // The batch lies where the log ended before it.
    const auto position = appender.head().position - group.batch().size();
    for (auto entry = carrying.entries.rbegin(); entry != carrying.entries.rend() && entry->position == 0; ++entry)
      entry->position = position;
    group.clear();
  };
  if (const int error = segments.open(segment)) {
    carrying.problem = "cannot open " + segments.path(segment) + ": " + error_text(error);
    return carrying;
  }
  const auto file = segment.file;
  BatchWalker walker{*file, segment.header, segment.first_position(), segment.end, segment.header.previous};
  auto step = walker.next();
  for (; step == BatchWalker::Step::batch && carrying.problem.empty(); step = walker.next()) {
    visit_records(walker.header(), walker.bytes(), [&](const Record& record) {
      if (record.offset == 0 || !is_live(record)) return;
      group.add_carried(record);
      carrying.entries.push_back({record.offset, 0});
      carrying.bytes += record.body.size();
    });
    if (group.body_bytes() >= carry_group_bytes) flush();
  }
  flush();
  if (carrying.problem.empty() && step != BatchWalker::Step::end)
    carrying.problem = segments.damage(segment, walker.position(), segment.header.next_offset, walker.reason()).text();
  if (carrying.problem.empty() && appender.sync() != Appender::Outcome::ok) carrying.problem = appender.reason();
  return carrying;
}

using Held = RetentionResult::Held;

void hold(RetentionResult& result, Held held, std::string reason) {
  result.held = held;
  result.reason = std::move(reason);
}

// Whether the oldest segment may not go, and why.
bool is_held(const Segments& segments, const Retention& retention, const std::vector<std::uint64_t>& checkpoints,
             bool backup_runs, RetentionResult& result) {
  const auto& oldest = segments[0].header;
  const auto& next = segments[1].header;
  const bool has_events = next.next_offset > oldest.next_offset;
  if (has_events && next.next_offset - 1 >= retention.floor) {
    hold(result, Held::floor, "event " + std::to_string(retention.floor) + " is still wanted");
  } else if (checkpoints.empty() || checkpoints.back() < next.base) {
    hold(result, Held::checkpoint, "no checkpoint covers it yet");
  } else if (backup_runs) {
    hold(result, Held::backup, "a backup is being copied");
  }
  return result.held != Held::nothing;
}

bool too_much(const Segments& segments, const Retention& retention) {
  if (segments.size() < 2) return false;
  if (retention.bytes_max > 0 && segments.used_bytes() > retention.bytes_max) return true;
  return segments[1].header.recordedtime < retention.before.time_since_epoch().count();
}

}  // namespace

RetentionResult Journal::retain(const Retention& retention) {
  RetentionResult result;
  auto& segments = impl_->segments;
  auto& appender = impl_->appender;
  if (!too_much(segments, retention)) return result;
  if (appender.failed()) return hold(result, Held::disk, appender.reason()), result;
  const bool backup_runs = impl_->backups.use_count() > 1;
  if (is_held(segments, retention, impl_->checkpoint_positions, backup_runs, result)) return result;

  const auto header = segments.oldest().header;
  const auto next = segments[1].header;
  const auto used = segments.oldest().end - header.base;
  auto carrying = carry(segments, appender, segments.oldest(), [&](const Record& record) {
    if (record.carried && impl_->carried_position(record.offset) != record.position)
      return false;  // there is a later copy
    return retention.is_live && retention.is_live(record.offset);
  });
  if (!carrying.problem.empty()) return hold(result, Held::disk, carrying.problem), result;

  // Only now, with the copies on the disk, may the originals go.
  const auto path = segments.path(segments.oldest());
  const bool reusable = segments.oldest().file_bytes == impl_->options.segment_bytes;
  if (!(reusable && impl_->spares.recycle(path))) {
    if (const int error = impl_->files.remove(path))
      return hold(result, Held::disk, "cannot remove " + path + ": " + error_text(error)), result;
  }
  impl_->files.sync_directory(impl_->directory);
  segments.drop_oldest();
  result.carried = carrying.entries.size();
  merge_carried(impl_->carried, std::move(carrying.entries));
  const auto first = segments.oldest().header.base;
  std::erase_if(impl_->carried, [&](const CarriedEntry& entry) { return entry.position < first; });
  result.segments = 1;
  if (next.next_offset > header.next_offset) {
    result.first_lost = header.next_offset;
    result.last_lost = next.next_offset - 1;
  }
  if (!too_much(segments, retention)) return result;
  // Where most of it was live, dropping the next one frees little: the caller waits for its queues to empty.
  if (!is_held(segments, retention, impl_->checkpoint_positions, false, result) && carrying.bytes >= used / 2)
    hold(result, Held::live_events, "most of the oldest segment was still live");
  result.more = result.held == Held::nothing;
  return result;
}

}  // namespace laban::journal
