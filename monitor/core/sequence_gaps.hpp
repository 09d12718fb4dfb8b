// monitor/core/sequence_gaps.hpp - the events that a publisher numbered and that never came, found by their numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace laban::monitor {

// Of one source. Several producers may speak for it, each with a dense numbering of its own that the events don't name: so
// a number continues whichever numbering it fits, and only one that fits none is a gap in the one just below it.
// Threads: one.
class SequenceGaps {
 public:
  static constexpr std::size_t producers_max = 8;

  // In the order of the bus. Returns how many are missing before this one; 0 for an event without a number.
  std::uint64_t observe(std::uint64_t sequence) {
    if (sequence == 0) return 0;
    std::size_t below = count_;
    for (std::size_t i = 0; i < count_; ++i) {
      if (last_[i] + 1 == sequence) {
        advance(i, sequence);
        return 0;
      }
      if (last_[i] < sequence && (below == count_ || last_[i] > last_[below])) below = i;
    }
    if (sequence == 1 || below == count_ || unsure_ > 0) {
      if (unsure_ > 0 && sequence != 1) --unsure_;
      open(sequence);
      return 0;
    }
    // A numbering that was given up for a newer one may be the one that goes on here: nothing can be told any more.
    const std::uint64_t missing = crowded_ ? 0 : sequence - last_[below] - 1;
    advance(below, sequence);
    missing_ += missing;
    return missing;
  }
  // Events of anyone may have passed unseen: the next unknown numbers begin where they are.
  void unsure() { unsure_ = producers_max / 2; }

  std::uint64_t missing() const { return missing_; }

  // What is kept: each number is one call of write.
  template <class Write>
  void save(Write write) const {
    write(missing_);
    write(std::uint64_t{unsure_} << 1 | (crowded_ ? 1 : 0));
    write(count_);
    for (std::size_t i = 0; i < count_; ++i) write(last_[i]);
  }
  template <class Read>
  bool restore(Read read) {
    missing_ = read();
    const std::uint64_t marks = read();
    crowded_ = (marks & 1) != 0;
    unsure_ = static_cast<std::uint32_t>(marks >> 1);
    count_ = read();
    if (count_ > producers_max) return false;
    for (std::size_t i = 0; i < count_; ++i) last_[i] = read();
    return true;
  }

 private:
  // The one that spoke last stands last.
  void advance(std::size_t at, std::uint64_t sequence) {
    for (; at + 1 < count_; ++at) last_[at] = last_[at + 1];
    last_[at] = sequence;
  }
  void open(std::uint64_t sequence) {
    if (count_ == producers_max) {
      crowded_ = true;
      advance(0, sequence);
      return;
    }
    last_[count_++] = sequence;
  }

  std::array<std::uint64_t, producers_max> last_{};
  std::size_t count_ = 0;
  std::uint32_t unsure_ = 0;
  bool crowded_ = false;
  std::uint64_t missing_ = 0;
};

}  // namespace laban::monitor
