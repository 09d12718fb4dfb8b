// bus/client/subscription_reports.cpp - what a subscription tells the hub: its cursor, and what its own policy dropped; and what
// it hears beside the log.
#include <algorithm>

#include "bus/client/subscription.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::client {

using namespace std::chrono_literals;

namespace {

constexpr auto drops_pause = 1s;  // between two lines for the hub's ledger

std::string_view name_of(Overflow policy) {
  switch (policy) {
    case Overflow::spill:
      break;
    case Overflow::drop_oldest:
      return "dropOldest";
    case Overflow::drop_newest:
      return "dropNewest";
    case Overflow::disconnect:
      return "disconnect";
  }
  return "spill";
}

}  // namespace

// Events at most once ride beside the stored ones: they move no position, and what was lost of them is counted alone.
void Subscription::hand_on_fleeting(codec::FeedBatch& batch, const SharedFrame& frame) {
  if (options_.fleeting && next_fleeting_ && batch.fleeting_before > *next_fleeting_) {
    fleeting_missed_ += batch.fleeting_before - *next_fleeting_;
  }
  const bool known = next_fleeting_ && batch.fleeting_before < *next_fleeting_;  // an older batch, or the same again
  if (!known) next_fleeting_ = batch.fleeting_before + batch.fleeting.size();
  if (known || batch.fleeting.empty() || !options_.fleeting) return;
  {
    const std::lock_guard lock{mutex_};
    if (error_ || held_ || is_full()) {
      fleeting_dropped_ += batch.fleeting.size();
      return;
    }
    buffered_events_ += batch.fleeting.size();
    buffered_bytes_ += frame->size();
    FeedChunk chunk;
    chunk.frame = frame;
    chunk.events = std::move(batch.fleeting);
    chunk.fleeting = true;
    buffer_.push_back(std::move(chunk));
  }
  signal_.raise();
}

void Subscription::note_drops(const std::vector<codec::Recorded>& events) {
  if (events.empty()) return;
  if (drops_.count == 0) drops_.from = events.front().offset;
  drops_.from = std::min(drops_.from, events.front().offset);
  drops_.to = std::max(drops_.to, events.back().offset);
  drops_.count += events.size();
  EventFields fields;
  for (const auto& event : events) {
    if (drops_.keys.size() >= codec::dropped_keys_max) return;
    if (!codec::read_envelope(event.envelope, fields)) continue;
    const auto key = fields.key();
    if (std::find(drops_.keys.begin(), drops_.keys.end(), key) == drops_.keys.end()) drops_.keys.emplace_back(key);
  }
}

bool Subscription::say_drops(Speaker& speaker, bool at_once) {
  if (drops_.count == 0 || (!at_once && Clock::now() < next_drops_)) return true;
  codec::Dropped dropped{number_, drops_.from, drops_.to, drops_.count, name_of(options_.overflow), {}};
  dropped.keys.assign(drops_.keys.begin(), drops_.keys.end());
  if (!speaker.say(codec::ClientMessage{dropped})) return false;
  drops_ = {};
  next_drops_ = Clock::now() + drops_pause;
  return true;
}

bool Subscription::wants_to_save() const {
  return !options_.cursor.empty() && saving_ == 0 && saved_ != position_ + 1;
}

// A cursor that is not known yet is saved at once, so that the log is kept for it from the start: where it began, because
// what was handled since is the application's to save.
bool Subscription::say_position(Speaker& speaker) {
  if (!wants_to_save() || !merge_.ready()) return true;
  const std::uint64_t position = position_ + 1;
  const bool due =
      save_wanted_ == position || (options_.save_every.count() != 0 && saved_ != 0 && Clock::now() >= next_save_);
  if (!due && saved_ != 0) return true;
  const std::uint64_t saving = due ? position : begin_;
  const codec::SaveCursor cursor{options_.cursor, saving - 1, options_.observer};
  if (!speaker.say(codec::ClientMessage{codec::Request{number_, cursor}})) return false;
  saving_ = saving;
  next_save_ = Clock::now() + options_.save_every;
  return true;
}

bool Subscription::save(std::chrono::milliseconds wait, const std::function<void()>& nudge) {
  if (options_.cursor.empty()) return false;
  const auto end = Clock::now() + wait;
  const std::uint64_t wanted = position_ + 1;
  for (;;) {
    const auto seen = signal_.count();
    check();
    if (saved_ == wanted) return true;
    if (Clock::now() >= end) return false;
    save_wanted_ = wanted;
    nudge();
    signal_.wait(seen, std::min(end, Clock::now() + 20ms), {});
  }
}

}  // namespace laban::client
