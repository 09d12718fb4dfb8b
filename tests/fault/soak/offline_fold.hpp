// tests/fault/soak/offline_fold.hpp - the monitor's table computed again, in this process, from the hub's log alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/hub_log.hpp"

namespace laban::soak {

struct FoldedInstance {
  std::string state;
  std::string verdict;
  std::uint32_t events = 0;
  bool operator==(const FoldedInstance&) const = default;
};

// By instance, for the process that the demo runs.
std::map<std::string, FoldedInstance> fold_offline(const std::vector<test::LoggedEvent>& log);

}  // namespace laban::soak
