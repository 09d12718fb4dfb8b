// monitor/core/causal_order.cpp - the least offset first, of those whose cause has its place.
#include "monitor/core/causal_order.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>

namespace laban::monitor {

std::vector<std::size_t> causal_order(const std::vector<Placed>& events) {
  std::vector<std::size_t> by_offset(events.size());
  std::iota(by_offset.begin(), by_offset.end(), std::size_t{0});
  std::stable_sort(by_offset.begin(), by_offset.end(),
                   [&](std::size_t a, std::size_t b) { return events[a].offset < events[b].offset; });
  absl::flat_hash_map<std::string_view, std::size_t> rank_of;  // place among by_offset
  for (std::size_t rank = 0; rank < by_offset.size(); ++rank) rank_of.emplace(events[by_offset[rank]].id, rank);
  std::vector<std::vector<std::size_t>> caused(events.size());
  std::vector<bool> waits(events.size(), false), done(events.size(), false);
  for (std::size_t rank = 0; rank < by_offset.size(); ++rank) {
    const auto cause = rank_of.find(events[by_offset[rank]].cause);
    if (events[by_offset[rank]].cause.empty() || cause == rank_of.end() || cause->second == rank) continue;
    caused[cause->second].push_back(rank);
    waits[rank] = true;
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> open;
  for (std::size_t rank = 0; rank < by_offset.size(); ++rank)
    if (!waits[rank]) open.push(rank);
  std::vector<std::size_t> order;
  std::size_t first_left = 0;
  while (order.size() < events.size()) {
    if (open.empty()) {  // a circle: its first one goes first
      while (done[first_left]) ++first_left;
      open.push(first_left);
    }
    const std::size_t rank = open.top();
    open.pop();
    if (done[rank]) continue;
    done[rank] = true;
    order.push_back(by_offset[rank]);
    for (const std::size_t next : caused[rank])
      if (!done[next]) open.push(next);
  }
  return order;
}

}  // namespace laban::monitor
