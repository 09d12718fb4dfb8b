// tests/support/hub_log.hpp - everything that a running hub has stored, read as any subscriber would.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "laban/event.hpp"

namespace laban::test {

struct LoggedEvent {
  std::uint64_t offset = 0;
  Timestamp recordedtime{};
  std::string id, source, type, exchange, routingkey, correlationid, causationid;
};

// From the first event to the newest; throws where that takes longer or something is missing.
std::vector<LoggedEvent> read_hub_log(const std::string& endpoint, std::chrono::milliseconds wait);

// How often each type was said about each process instance.
using Said = std::map<std::string, std::map<std::string, int>>;
Said said_by_instance(const std::vector<LoggedEvent>& log);

}  // namespace laban::test
