// tests/support/checked_trace.hpp - one trace against a definition.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monitor/core/replay.hpp"

namespace laban::test {

inline monitor::CheckedTrace check(monitor::Definition& definition, const std::vector<std::string>& trace) {
  monitor::CheckedTrace result;
  monitor::Replay replay(definition, [&](monitor::CheckedTrace&& checked) { result = std::move(checked); });
  replay.begin_trace("t");
  for (const auto& activity : trace) replay.event({activity, {}, {}});
  replay.end_trace();
  return result;
}

}  // namespace laban::test
