// bus/client/fleeting.cpp - what waits goes out in as few frames as possible; what finds no room is dropped.
#include "bus/client/fleeting.hpp"

#include <optional>
#include <utility>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::client {
namespace {

constexpr std::size_t waiting_events_max = 16'384;
constexpr std::size_t waiting_bytes_max = 16u << 20;
constexpr std::size_t frame_bytes = 256u << 10;
constexpr std::chrono::milliseconds retry_pause{1};

}  // namespace

bool FleetingOut::append(const NewEvent& event) {
  const auto bytes = codec::envelope_bytes(event);
  {
    const std::lock_guard lock{mutex_};
    const bool room =
        waiting_events_ == 0 || (waiting_events_ < waiting_events_max && waiting_bytes_ + bytes <= waiting_bytes_max);
    if (path_ != Path::none && room && bytes <= codec::fleeting_frame_bytes_max - frame_bytes) {
      if (waiting_.empty() || waiting_.back().bytes() + bytes > frame_bytes) {
        waiting_bytes_ += waiting_.emplace_back(memory_->take()).bytes();
      }
      auto& frame = waiting_.back();
      waiting_bytes_ -= frame.bytes();
      frame.add(event, bytes);
      waiting_bytes_ += frame.bytes();
      ++waiting_events_;
      return true;
    }
  }
  ++dropped_;
  return false;
}

void FleetingOut::welcomed(const codec::Welcome& welcome) {
  // A part that joins later hears of a session that has been there before it; only the hub's own welcome has addresses.
  if (!welcome.feeds.empty()) endpoint_ = welcome.ingest;
  path_ = endpoint_.empty() ? Path::none : Path::known;
}

void FleetingOut::gone() {
  const std::lock_guard lock{mutex_};
  path_ = Path::none;
  dropped_ += waiting_events_;
  waiting_.clear();
  waiting_events_ = 0;
  waiting_bytes_ = 0;
  frame_.reset();
}

bool FleetingOut::flush(Speaker& speaker) {
  if (path_ == Path::none) {
    gone();
    return true;
  }
  if (path_ == Path::known) {
    const std::lock_guard lock{mutex_};
    if (waiting_.empty()) return true;  // whoever says nothing of this kind costs the hub no connection
    path_ = Path::connecting;
    speaker.connect_ingest(endpoint_);
  }
  const bool ready = speaker.ingest_ready();
  path_ = ready ? Path::open : Path::connecting;
  if (!ready) return true;
  blocked_ = false;
  for (take(); frame_; take()) {
    if (!speaker.say_ingest(frame_)) {
      // Full: what waits stays in its place, and who comes then finds no room.
      blocked_ = true;
      retry_at_ = Clock::now() + retry_pause;
      return true;
    }
    gave();
  }
  return true;
}

void FleetingOut::take() {
  std::optional<codec::FleetingBuilder> builder;
  {
    const std::lock_guard lock{mutex_};
    if (frame_ || waiting_.empty()) return;
    builder = std::move(waiting_.front());
    waiting_.pop_front();
  }
  frame_events_ = builder->size();
  frame_bytes_ = builder->bytes();
  frame_ = memory_->share(builder->finish(source_));
}

void FleetingOut::gave() {
  sent_ += frame_events_;
  frame_.reset();
  const std::lock_guard lock{mutex_};
  waiting_events_ -= frame_events_;
  waiting_bytes_ -= frame_bytes_;
}

bool FleetingOut::has_work() const {
  if (path_ == Path::connecting || blocked_) return false;  // the transport wakes when the hub listens
  const std::lock_guard lock{mutex_};
  return frame_ || !waiting_.empty();
}

Clock::time_point FleetingOut::deadline() const {
  return blocked_ ? retry_at_ : Clock::time_point::max();
}

void FleetingOut::add_to(BusStats& stats) const {
  stats.fleeting_sent += sent_;
  stats.fleeting_dropped += dropped_;
}

}  // namespace laban::client
