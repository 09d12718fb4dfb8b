// bus/hub/erasing.hpp - makes what was published of one process instance unreadable, wherever the log has it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "bus/hub/core.hpp"
#include "bus/hub/dispatch.hpp"
#include "bus/hub/group.hpp"
#include "bus/hub/publishing.hpp"

namespace laban::hub {

// An erasure is a note in the log when it is asked for and another one when it is done; what lies between is repeated after a
// crash. A piece of log at a time, so that traffic goes on.
//
// Threads: belongs to the hub's thread. tick() is called between two groups: it writes to the log itself.
class Erasing {
 public:
  Erasing(Core& core, Group& group, Publishing& publishing, Dispatch& dispatch)
      : core_(core), group_(group), publishing_(publishing), dispatch_(dispatch) {}

  bool wanted() const { return !core_.broker.erasures().empty(); }
  // True where it can go on at once.
  bool tick(Clock::time_point now);

 private:
  struct Found {
    std::string instance;
    std::uint64_t position = 0;                // gone over until here
    std::vector<std::uint64_t> offsets;        // of its events
    std::unordered_set<std::uint64_t> copied;  // hashes of their ids, to know copies behind dead-letter exchanges by
  };
  std::optional<std::vector<std::byte>> without_payload(const codec::ErasureBegun& erasure,
                                                        const journal::Record& record);
  void finish(const codec::ErasureBegun& erasure);
  void wait(Clock::time_point now, const std::string& why);

  Core& core_;
  Group& group_;
  Publishing& publishing_;
  Dispatch& dispatch_;
  Found found_;
  Clock::time_point resume_at_{};
  Clock::time_point next_warning_{};
};

}  // namespace laban::hub
