// bus/hub/retaining.hpp - lets the oldest log go: what queues hold moves forward, what a durable cursor wants stays, and
// whoever loses something is told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bus/hub/core.hpp"
#include "bus/hub/group.hpp"
#include "bus/hub/publishing.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread. Called between two groups: it writes to the log itself.
class Retaining {
 public:
  Retaining(Core& core, Group& group, Publishing& publishing) : core_(core), group_(group), publishing_(publishing) {}

  // Drops a segment or a few; true where more is to go at once.
  bool tick(Clock::time_point now);

  // The log would let go what only a checkpoint still holds.
  bool wants_checkpoint() const { return core_.log_held == "checkpoint"; }

  // How much log may lie between two checkpoints so that retention can keep to its size.
  static std::uint64_t checkpoint_bytes(const HubOptions& options);

 private:
  journal::Retention wish(std::uint64_t bytes_max, std::uint64_t floor);
  journal::RetentionResult drop_one();
  void collect_live();
  void tell_cursors(const journal::RetentionResult& result);
  void say_what_holds(const journal::RetentionResult& result, Clock::time_point now);

  Core& core_;
  Group& group_;
  Publishing& publishing_;
  std::vector<std::uint64_t> live_;  // in the oldest segment, sorted
  bool live_known_ = false;
  std::uint64_t resume_position_ = 0;  // nearly all was live: go on when the log has grown so far
  Clock::time_point resume_at_{};      // or by then
  Clock::time_point next_warning_{};
};

}  // namespace laban::hub
