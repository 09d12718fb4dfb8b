// monitor/core/timing_wheel.hpp - what is due when: four wheels of 256 slots, a tenth of a second to years. Setting a timer
// is a push, and a far one is looked at four times in its life.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace laban::monitor {

using Tick = std::uint32_t;

// Threads: one. Ticks only grow.
class TimingWheel {
 public:
  struct Entry {
    std::uint32_t who;
    Tick due;
  };

  Tick now() const { return now_; }
  // To begin somewhere else than at zero, while nothing is set.
  void start_at(Tick now) { now_ = now; }

  void set(std::uint32_t who, Tick due) {
    if (due <= now_) due = now_ + 1;
    put({who, due});
  }

  // Calls fire(entries) for each tick until then in which something is due. fire may set new ones, and change its entries.
  template <class Fire>
  void advance(Tick until, Fire fire) {
    while (now_ < until) {
      const Tick step = quiet_ticks();
      if (step > 1) {
        // Nothing below the next turn of a higher wheel: go there at once.
        const Tick left = until - now_;
        if (step > left) {
          now_ = until;
          return;
        }
        now_ += step;
      } else {
        ++now_;
      }
      cascade();
      auto& slot = wheels_[0][now_ & 255];
      if (slot.empty()) continue;
      due_.swap(slot);
      counts_[0] -= due_.size();
      fire(due_);
      due_.clear();
    }
  }

 private:
  static constexpr int levels = 4;

  // How far the clock can go before a slot that holds something could come up.
  Tick quiet_ticks() const {
    int level = 0;
    while (level < levels && counts_[static_cast<std::size_t>(level)] == 0) ++level;
    if (level == 0) return 1;
    if (level == levels) return 0xffffffff - now_;
    const Tick turn = Tick{1} << (8 * level);
    return turn - (now_ & (turn - 1));
  }

  void put(const Entry& entry) {
    const Tick away = entry.due ^ now_;
    int level = 0;
    while (level < levels - 1 && (away >> (8 * (level + 1))) != 0) ++level;
    wheels_[static_cast<std::size_t>(level)][(entry.due >> (8 * level)) & 255].push_back(entry);
    ++counts_[static_cast<std::size_t>(level)];
  }

  void cascade() {
    for (int level = levels - 1; level > 0; --level) {
      if ((now_ & ((Tick{1} << (8 * level)) - 1)) != 0) continue;
      auto& slot = wheels_[static_cast<std::size_t>(level)][(now_ >> (8 * level)) & 255];
      if (slot.empty()) continue;
      std::vector<Entry> moved;
      moved.swap(slot);
      counts_[static_cast<std::size_t>(level)] -= moved.size();
      for (const Entry& entry : moved) put(entry);
    }
  }

  Tick now_ = 0;
  std::array<std::array<std::vector<Entry>, 256>, levels> wheels_;
  std::array<std::size_t, levels> counts_{};
  std::vector<Entry> due_;
};

}  // namespace laban::monitor
