// monitor/stream.hpp - what changed, to everyone who watches: rendered once, four times a second at most, whatever the number
// of readers and the rate of events.
//
// Threads:  offer() on the feed's; readers on theirs.
// Delivery: a reader gets everything as it is when it comes, then each tick; one that falls far behind starts again with
//           everything. Counts are whole each time, so that nothing adds up wrongly.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monitor/api.hpp"

namespace laban::monitor {

class ChangeStream {
 public:
  explicit ChangeStream(const Api& api) : api_(api) {}

  // True where a tick is due, so that who offers can be spared the work otherwise.
  bool due() const;
  void offer(const Published& published, std::vector<InstanceRow> changed, bool more);

  std::unique_ptr<EventSource> open(const Board& board);

 private:
  class Source;
  struct Tick {
    std::uint64_t number;
    std::shared_ptr<const std::string> text;
  };

  static constexpr std::chrono::milliseconds interval{250};
  static constexpr std::size_t ticks_max = 40;  // ten seconds

  const Api& api_;
  mutable std::mutex mutex_;
  std::condition_variable ticked_;
  std::deque<Tick> ticks_;
  std::uint64_t last_number_ = 0;
  std::chrono::steady_clock::time_point last_tick_{};
  std::shared_ptr<const Snapshot> last_;
};

}  // namespace laban::monitor
