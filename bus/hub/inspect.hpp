// bus/hub/inspect.hpp - what the hub holds, as JSON: for clients, for `laban queues` and for the HTTP API.
#pragma once

#include <string>

#include "bus/hub/core.hpp"
#include "bus/hub/snapshot.hpp"

namespace laban::hub {

struct Inspected {
  bool known = true;  // such a question
  bool found = true;  // what it asks about
  std::string json;
  std::string why;  // where not
};

// Threads: belongs to the hub's thread.
Inspected inspect(Core& core, const std::string& what, const std::string& argument);

// Everything that /metrics tells, at one instant.
Snapshot take_snapshot(Core& core);

}  // namespace laban::hub
