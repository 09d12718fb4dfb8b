// monitor/core/causal_order.hpp - the canonical order of an instance's events: cause before what it caused, else by offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace laban::monitor {

struct Placed {
  std::uint64_t offset = 0;
  std::string_view id;
  std::string_view cause;
};

// The places of the events in canonical order. Causes that are not among them, and circles of causes, order nothing.
std::vector<std::size_t> causal_order(const std::vector<Placed>& events);

}  // namespace laban::monitor
