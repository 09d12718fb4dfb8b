// bus/hub/losses.hpp - the ledger: whatever is lost has a line on laban.lost, a counter and one warning.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/hub/core.hpp"

namespace laban::hub {

class Publishing;

// Who lost what, and why.
struct Loss {
  std::string_view why;    // a label: expired, purged, retention, refused, overflow …
  std::string_view whose;  // queue, cursor, publisher, subscription, parking
  std::string who;         // its name
  bool sequences = false;  // from and to count a publisher's events; else they are offsets
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t count = 0;
  std::vector<std::string> keys{};  // partition keys of some
  std::string detail{};
  std::vector<std::uint64_t> offsets{};  // where they are not a range
};

// Threads:  belongs to the hub's thread.
// Delivery: a line goes through the log like any event. What is told at once goes with the group that is being gathered;
//           what is told later (refusals, dropped events: anybody can cause any number of them) is added up and written
//           once in a while, so that a flood of it costs a few lines, and not before the log can be written.
class Losses {
 public:
  static constexpr std::size_t keys_max = 16;

  explicit Losses(Core& core) : core_(core) {}

  void tell(Publishing& publishing, const Loss& loss);
  void tell_later(const Loss& loss);
  // Writes what was added up, where the log takes it.
  void flush(Publishing& publishing);

 private:
  void warn(const Loss& loss);

  Core& core_;
  std::map<std::pair<std::string, std::string>, Loss> later_;  // by label and name
  struct Warned {
    Clock::time_point next{};
    std::uint64_t silent = 0;  // losses since the last warning
  };
  std::map<std::pair<std::string, std::string>, Warned> warned_;
};

// Adds a key that is not among them yet, up to the limit.
void add_key(std::vector<std::string>& keys, std::string_view key);

}  // namespace laban::hub
