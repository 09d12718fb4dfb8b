// monitor/core/causal_order.cpp - the least offset first, of those whose cause has its place.
#include "monitor/core/causal_order.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

namespace laban::monitor {

static constexpr std::size_t nobody = ~std::size_t{0};

// Those of a circle wait for nobody; what one of them caused waits for it still. So an event that nobody waits for has its place
// behind all others with smaller offsets, as it was followed when it came.
static void open_circles(std::vector<std::size_t>& cause_of) {
  std::vector<std::size_t> walk(cause_of.size(), nobody);  // the one that came by first
  for (std::size_t from = 0; from < cause_of.size(); ++from) {
    std::size_t at = from;
    while (at != nobody && walk[at] == nobody) {
      walk[at] = from;
      at = cause_of[at];
    }
    if (at == nobody || walk[at] != from) continue;
    while (at != nobody) at = std::exchange(cause_of[at], nobody);
  }
}

std::vector<std::size_t> causal_order(const std::vector<Placed>& events) {
  std::vector<std::size_t> by_offset(events.size());
  std::iota(by_offset.begin(), by_offset.end(), std::size_t{0});
  std::stable_sort(by_offset.begin(), by_offset.end(),
                   [&](std::size_t a, std::size_t b) { return events[a].offset < events[b].offset; });
  absl::flat_hash_map<std::string_view, std::size_t> rank_of;  // place among by_offset
  for (std::size_t rank = 0; rank < by_offset.size(); ++rank) rank_of.emplace(events[by_offset[rank]].id, rank);
  std::vector<std::size_t> cause_of(events.size(), nobody);
  for (std::size_t rank = 0; rank < by_offset.size(); ++rank) {
    const auto cause = rank_of.find(events[by_offset[rank]].cause);
    if (events[by_offset[rank]].cause.empty() || cause == rank_of.end()) continue;
    cause_of[rank] = cause->second;
  }
  open_circles(cause_of);
  std::vector<std::vector<std::size_t>> caused(events.size());
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> open;
  for (std::size_t rank = 0; rank < by_offset.size(); ++rank) {
    if (cause_of[rank] == nobody) {
      open.push(rank);
    } else {
      caused[cause_of[rank]].push_back(rank);
    }
  }
  std::vector<std::size_t> order;
  while (!open.empty()) {
    const std::size_t rank = open.top();
    open.pop();
    order.push_back(by_offset[rank]);
    for (const std::size_t next : caused[rank]) open.push(next);
  }
  return order;
}

}  // namespace laban::monitor
