// tests/support/lossy_wire.hpp - a transport that loses, delays, repeats and reorders, by seed and by kind of frame.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace laban::test {

enum class FrameKind { conversation, feed_request, feed_batch, heartbeat };
inline constexpr std::size_t frame_kinds = 4;

// What may become of frames of one kind. Probabilities are in per mille, so that a third is a third.
struct Treatment {
  unsigned lose = 0;
  unsigned repeat = 0;
  std::uint64_t delay_max = 0;     // in ticks
  bool reorder = false;            // else later ones wait for delayed ones, as on a connection
  std::size_t underway_max = ~0u;  // the high-water mark: what goes beyond is lost
};

// Threads: belongs to one thread.
template <class Frame>
class LossyWire {
 public:
  explicit LossyWire(std::uint64_t seed) : random_(seed) {}

  void treat(FrameKind kind, Treatment treatment) { of(kind).treatment = treatment; }

  void send(FrameKind kind, const Frame& frame, std::uint64_t now) {
    auto& lane = of(kind);
    if (lane.underway >= lane.treatment.underway_max || happens(lane.treatment.lose)) {
      ++lost_;
      return;
    }
    for (int copies = happens(lane.treatment.repeat) ? 2 : 1; copies > 0; --copies) {
      auto due = now + (lane.treatment.delay_max == 0 ? 0 : random_() % (lane.treatment.delay_max + 1));
      if (!lane.treatment.reorder) due = lane.last_due = std::max(lane.last_due, due);
      ++lane.underway;
      underway_.push_back({due, next_++, kind, frame});
      std::push_heap(underway_.begin(), underway_.end(), later);
    }
  }

  // The next frame that is due.
  std::optional<Frame> receive(std::uint64_t now) {
    if (underway_.empty() || underway_.front().due > now) return {};
    std::pop_heap(underway_.begin(), underway_.end(), later);
    auto frame = std::move(underway_.back().frame);
    --of(underway_.back().kind).underway;
    underway_.pop_back();
    return frame;
  }

  // Nothing that is underway arrives.
  void cut() {
    lost_ += underway_.size();
    underway_.clear();
    for (auto& lane : lanes_) lane.underway = lane.last_due = 0;
  }

  std::uint64_t lost() const { return lost_; }

 private:
  struct Lane {
    Treatment treatment;
    std::size_t underway = 0;
    std::uint64_t last_due = 0;
  };
  struct Underway {
    std::uint64_t due = 0;
    std::uint64_t number = 0;
    FrameKind kind{};
    Frame frame;
  };
  static bool later(const Underway& a, const Underway& b) {
    return std::pair{a.due, a.number} > std::pair{b.due, b.number};
  }
  Lane& of(FrameKind kind) { return lanes_[static_cast<std::size_t>(kind)]; }
  bool happens(unsigned per_mille) { return per_mille != 0 && random_() % 1000 < per_mille; }

  std::mt19937_64 random_;
  std::array<Lane, frame_kinds> lanes_{};
  std::vector<Underway> underway_;
  std::uint64_t next_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace laban::test
