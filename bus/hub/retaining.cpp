// bus/hub/retaining.cpp - asks queues and cursors, drops segments, tells who lost.
#include "bus/hub/retaining.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace laban::hub {
namespace {

using Held = journal::RetentionResult::Held;

constexpr int segments_a_tick = 4;                     // then live traffic gets its turn
constexpr auto live_pause = std::chrono::seconds{60};  // between copies of segments that are mostly live
constexpr auto retention_warning_pause = std::chrono::minutes{10};
constexpr std::uint64_t checkpoints_in_log = 4;

std::string_view name_of(Held held) {
  switch (held) {
    case Held::nothing:
      break;
    case Held::floor:
      return "cursor";
    case Held::checkpoint:
      return "checkpoint";
    case Held::backup:
      return "backup";
    case Held::live_events:
      return "queues";
    case Held::disk:
      return "disk";
  }
  return {};
}

// The first event that a durable cursor wants, and whose it is; ~0 for none.
std::uint64_t floor_of(const Broker& broker, std::string_view* who = nullptr) {
  std::uint64_t floor = ~0ull;
  for (const auto& [name, cursor] : broker.cursors()) {
    if (cursor.observer || cursor.offset + 1 >= floor) continue;
    floor = cursor.offset + 1;
    if (who != nullptr) *who = name;
  }
  return floor;
}

}  // namespace

std::uint64_t Retaining::checkpoint_bytes(const HubOptions& options) {
  const auto& keep = options.keep;
  const auto limit = keep.bytes == 0 ? keep.bytes_at_most : keep.bytes;
  return limit == 0 ? options.checkpoint_bytes : std::min(options.checkpoint_bytes, limit / checkpoints_in_log);
}

bool Retaining::tick(Clock::time_point now) {
  const auto& keep = core_.options.keep;
  if (keep.bytes == 0 && keep.age.count() == 0 && keep.bytes_at_most == 0) return false;
  if (core_.journal.position() < resume_position_ && now < resume_at_) return false;
  journal::RetentionResult result;
  for (int i = 0; i < segments_a_tick; ++i) {
    result = drop_one();
    if (result.segments != 0) {
      const codec::Note note = codec::Retained{result.first_lost, result.last_lost, result.carried};
      group_.add_note(note);
      (void)core_.broker.apply(note, core_.now());
      tell_cursors(result);
    }
    if (!result.more) break;
  }
  core_.log_held = name_of(result.held);
  resume_position_ = 0;
  if (result.held == Held::live_events) {
    resume_position_ = core_.journal.position() + core_.options.segment_bytes;
    resume_at_ = now + live_pause;
  }
  say_what_holds(result, now);
  return result.more;
}

journal::Retention Retaining::wish(std::uint64_t bytes_max, std::uint64_t floor) {
  journal::Retention retention;
  retention.bytes_max = bytes_max;
  retention.floor = floor;
  retention.is_live = [this](std::uint64_t offset) {
    if (!live_known_) collect_live();
    return std::binary_search(live_.begin(), live_.end(), offset);
  };
  return retention;
}

journal::RetentionResult Retaining::drop_one() {
  const auto& keep = core_.options.keep;
  live_known_ = false;
  auto normal = wish(keep.bytes, floor_of(core_.broker));
  if (keep.age.count() != 0) normal.before = core_.now() - keep.age;
  auto result = core_.journal.retain(normal);
  // Beyond this a cursor that nobody moves would fill the disk and stop everybody.
  if (result.segments == 0 && keep.bytes_at_most != 0 && (result.held == Held::floor || result.held == Held::nothing)) {
    auto forced = core_.journal.retain(wish(keep.bytes_at_most, ~0ull));
    if (forced.segments != 0 || forced.held != Held::nothing) result = std::move(forced);
  }
  live_.clear();
  live_.shrink_to_fit();
  return result;
}

// Everything that a queue still has to deliver: ready, unacknowledged, delayed, parked.
void Retaining::collect_live() {
  live_known_ = true;
  live_.clear();
  const auto last = core_.journal.oldest_last();
  core_.broker.each_queue([&](QueueEntry& entry) {
    entry.queue.each_offset([&](std::uint64_t offset) {
      if (offset <= last) live_.push_back(offset);
    });
  });
  std::sort(live_.begin(), live_.end());
  live_.erase(std::unique(live_.begin(), live_.end()), live_.end());
}

void Retaining::tell_cursors(const journal::RetentionResult& result) {
  if (result.last_lost == 0) return;
  for (const auto& [name, cursor] : core_.broker.cursors()) {
    if (cursor.offset >= result.last_lost) continue;
    Loss loss;
    loss.why = "retention";
    loss.whose = "cursor";
    loss.who = name;
    loss.from = std::max(cursor.offset + 1, result.first_lost);
    loss.to = result.last_lost;
    loss.count = loss.to - loss.from + 1;
    loss.detail = cursor.observer ? "an observer's cursor does not hold the log" : "the log is at its outer limit";
    publishing_.lose_later(loss);  // there may be many cursors
  }
}

void Retaining::say_what_holds(const journal::RetentionResult& result, Clock::time_point now) {
  if (result.held != Held::floor && result.held != Held::disk) return;
  if (now < next_warning_) return;
  next_warning_ = now + retention_warning_pause;
  if (result.held == Held::disk)
    return spdlog::warn("laban hub: the log cannot let go of its oldest: {}", result.reason);
  std::string_view who;
  const auto floor = floor_of(core_.broker, &who);
  spdlog::warn(
      "laban hub: the log keeps {} MiB, more than it was told to, since cursor '{}' has not read offset {}: let its "
      "reader "
      "go on, or delete it with laban cursors --delete",
      core_.journal.stats().log_bytes >> 20, who, floor);
}

}  // namespace laban::hub
