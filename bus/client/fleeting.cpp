// bus/client/fleeting.cpp - what waits goes out in as few frames as possible; what finds no room is dropped.
#include "bus/client/fleeting.hpp"

#include <utility>

#include "bus/codec/codec.hpp"

namespace laban::client {
namespace {

constexpr std::size_t waiting_events_max = 16'384;
constexpr std::size_t waiting_bytes_max = 16u << 20;
constexpr std::size_t frame_bytes = 256u << 10;
constexpr std::chrono::milliseconds retry_pause{1};

}  // namespace

bool FleetingOut::append(codec::Frame& envelope) {
  const auto bytes = envelope.size();
  {
    const std::lock_guard lock{mutex_};
    const bool room =
        waiting_.empty() || (waiting_.size() < waiting_events_max && waiting_bytes_ + bytes <= waiting_bytes_max);
    if (path_ != Path::none && room && bytes <= codec::fleeting_frame_bytes_max - frame_bytes) {
      waiting_bytes_ += bytes;
      waiting_.push_back(std::move(envelope));
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
  dropped_ += waiting_.size();
  waiting_.clear();
  waiting_bytes_ = 0;
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
  for (auto out = take(); !out.empty(); out = take()) {
    codec::Fleeting fleeting{source_, {}};
    for (const codec::Frame& envelope : std::as_const(out)) fleeting.events.push_back(envelope.bytes());
    if (!speaker.say_ingest(std::make_shared<const codec::Frame>(codec::encode(fleeting)))) {
      // Full: what waits stays in its place, and who comes then finds no room.
      blocked_ = true;
      retry_at_ = Clock::now() + retry_pause;
      give_back(std::move(out));
      return true;
    }
    sent_ += out.size();
  }
  return true;
}

// A frame's worth of what waits.
std::vector<codec::Frame> FleetingOut::take() {
  const std::lock_guard lock{mutex_};
  std::vector<codec::Frame> out;
  std::size_t bytes = 0;
  while (!waiting_.empty() && (out.empty() || bytes + waiting_.front().size() <= frame_bytes)) {
    bytes += waiting_.front().size();
    out.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= bytes;
  return out;
}

void FleetingOut::give_back(std::vector<codec::Frame> frames) {
  const std::lock_guard lock{mutex_};
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    waiting_bytes_ += frame->size();
    waiting_.push_front(std::move(*frame));
  }
}

bool FleetingOut::has_work() const {
  if (path_ == Path::connecting || blocked_) return false;  // the transport wakes when the hub listens
  const std::lock_guard lock{mutex_};
  return !waiting_.empty();
}

Clock::time_point FleetingOut::deadline() const {
  return blocked_ ? retry_at_ : Clock::time_point::max();
}

void FleetingOut::add_to(BusStats& stats) const {
  stats.fleeting_sent += sent_;
  stats.fleeting_dropped += dropped_;
}

}  // namespace laban::client
