// monitor/core/marking_sets.cpp - reduced ordered binary decision diagrams: one node for each function, each result kept.
#include "monitor/core/marking_sets.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "monitor/core/hash.hpp"

namespace laban::monitor {

static constexpr std::uint32_t past_all =
    0xffffffff;  // the level of the two constants, and the end of a list of changes
static constexpr std::size_t kept_results = std::size_t{1} << 18;

MarkingSets::MarkingSets(const std::vector<PlaceIndex>& order, const MarkingSetLimits& limits)
    : limits_(limits), level_(order.size()), place_(order), known_(kept_results) {
  for (std::uint32_t level = 0; level < order.size(); ++level) level_[order[level]] = level;
  nodes_.push_back({past_all, none, none, none});
  nodes_.push_back({past_all, every, every, none});
  buckets_.assign(1u << 12, none);
  full_ = order.size() > limits.places;
}

static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return fold_multiply(a ^ 0x9e3779b97f4a7c15, b ^ 0xbf58476d1ce4e5b9);
}

void MarkingSets::grow() {
  buckets_.assign(buckets_.size() * 2, none);
  for (Set index = 2; index < nodes_.size(); ++index) {
    Node& one = nodes_[index];
    Set& bucket = buckets_[mix(one.level, std::uint64_t{one.low} << 32 | one.high) & (buckets_.size() - 1)];
    one.next = bucket;
    bucket = index;
  }
}

MarkingSets::Set MarkingSets::node(std::uint32_t level, Set low, Set high) {
  if (low == high) return low;
  const std::uint64_t hash = mix(level, std::uint64_t{low} << 32 | high);
  for (Set index = buckets_[hash & (buckets_.size() - 1)]; index != none; index = nodes_[index].next) {
    const Node& one = nodes_[index];
    if (one.level == level && one.low == low && one.high == high) return index;
  }
  if (nodes_.size() >= limits_.nodes) {
    full_ = true;
    return none;
  }
  if (nodes_.size() > buckets_.size()) grow();
  Set& bucket = buckets_[hash & (buckets_.size() - 1)];
  nodes_.push_back({level, low, high, bucket});
  bucket = static_cast<Set>(nodes_.size() - 1);
  return bucket;
}

MarkingSets::Known& MarkingSets::known(Operation operation, std::uint32_t a, std::uint32_t b) {
  return known_[mix(std::uint64_t{a} << 32 | b, static_cast<std::uint64_t>(operation)) & (kept_results - 1)];
}

bool MarkingSets::spend() {
  full_ = full_ || ++work_ > limits_.work;
  return !full_;
}

MarkingSets::Set MarkingSets::combine(Operation operation, Set a, Set b) {
  if (full_) return none;
  if (operation == Operation::both) {
    if (a == none || b == none) return none;
    if (a == every || a == b) return b;
    if (b == every) return a;
  } else if (operation == Operation::either) {
    if (a == every || b == every) return every;
    if (a == none || a == b) return b;
    if (b == none) return a;
  } else {
    if (a == none || b == every || a == b) return none;
    if (b == none) return a;
  }
  if (operation != Operation::without && a > b) std::swap(a, b);
  if (const Known& entry = known(operation, a, b); entry.operation == operation && entry.a == a && entry.b == b)
    return entry.result;
  if (!spend()) return none;
  const Node one = nodes_[a], other = nodes_[b];
  const std::uint32_t level = std::min(one.level, other.level);
  const bool in_one = one.level == level, in_other = other.level == level;
  const Set low = combine(operation, in_one ? one.low : a, in_other ? other.low : b);
  const Set high = combine(operation, in_one ? one.high : a, in_other ? other.high : b);
  const Set result = node(level, low, high);
  known(operation, a, b) = {operation, a, b, result};
  return result;
}

MarkingSets::Changes MarkingSets::changes(const std::vector<PlaceIndex>& emptied,
                                          const std::vector<PlaceIndex>& filled) {
  std::vector<Change> list;
  for (PlaceIndex place : filled) list.push_back({level_[place], true});
  for (PlaceIndex place : emptied) list.push_back({level_[place], false});
  // Stable, so that a place which is emptied and filled again counts as filled.
  std::stable_sort(list.begin(), list.end(), [](const Change& a, const Change& b) { return a.level < b.level; });
  list.erase(std::unique(list.begin(), list.end(), [](const Change& a, const Change& b) { return a.level == b.level; }),
             list.end());
  first_.push_back(static_cast<std::uint32_t>(changes_.size()));
  changes_.insert(changes_.end(), list.begin(), list.end());
  changes_.push_back({past_all, false});
  return static_cast<Changes>(first_.size() - 1);
}

// Forwards whatever a changed place held is forgotten and the new content set; backwards it must hold the new content and
// may have held anything.
MarkingSets::Set MarkingSets::change(Operation operation, Set markings, std::uint32_t at) {
  if (full_ || markings == none) return none;
  const bool forwards = operation == Operation::after;
  while (!forwards && changes_[at].level < nodes_[markings].level) ++at;
  const Change next = changes_[at];
  if (next.level == past_all) return markings;
  if (const Known& entry = known(operation, markings, at);
      entry.operation == operation && entry.a == markings && entry.b == at)
    return entry.result;
  if (!spend()) return none;
  const Node here = nodes_[markings];
  Set result = none;
  if (here.level < next.level) {
    const Set low = change(operation, here.low, at);
    result = node(here.level, low, change(operation, here.high, at));
  } else if (!forwards) {
    result = change(operation, next.filled ? here.high : here.low, at + 1);
  } else {
    const bool told = here.level == next.level;
    const Set low = change(operation, told ? here.low : markings, at + 1);
    const Set rest = told ? either(low, change(operation, here.high, at + 1)) : low;
    result = next.filled ? node(next.level, none, rest) : node(next.level, rest, none);
  }
  known(operation, markings, at) = {operation, markings, at, result};
  return result;
}

MarkingSets::Set MarkingSets::only(const Marking& marking) {
  Set set = every;
  for (auto level = static_cast<std::uint32_t>(place_.size()); level-- > 0 && !full_;)
    set = marking[place_[level]] == 0 ? node(level, set, none) : node(level, none, set);
  return full_ ? none : set;
}

bool MarkingSets::has(Set markings, const Marking& marking) const {
  while (markings > every) {
    const Node& here = nodes_[markings];
    markings = marking[place_[here.level]] == 0 ? here.low : here.high;
  }
  return markings == every;
}

Marking MarkingSets::any(Set markings) const {
  Marking marking(place_.size(), 0);
  while (markings > every) {
    const Node& here = nodes_[markings];
    marking[place_[here.level]] = here.low == none ? 1 : 0;
    markings = here.low == none ? here.high : here.low;
  }
  return marking;
}

struct MarkingSets::Likeness {
  const Marking& marking;
  std::vector<bool> free;  // by level
  Marking found;
  std::set<Set> failed;
};

bool MarkingSets::find_like(Set markings, Likeness& likeness) const {
  if (markings <= every) return markings == every;
  if (likeness.failed.contains(markings)) return false;
  const Node& here = nodes_[markings];
  const PlaceIndex place = place_[here.level];
  for (const char held : {char{0}, char{1}}) {
    if (!likeness.free[here.level] && held != likeness.marking[place]) continue;
    likeness.found[place] = held;
    if (find_like(held == 0 ? here.low : here.high, likeness)) return true;
  }
  likeness.failed.insert(markings);
  return false;
}

Marking MarkingSets::like(Set markings, const Marking& marking, Changes changes) const {
  Likeness likeness{marking, std::vector<bool>(place_.size(), false), marking, {}};
  for (std::uint32_t at = first_[changes]; changes_[at].level != past_all; ++at) {
    likeness.free[changes_[at].level] = true;
    likeness.found[place_[changes_[at].level]] = 0;
  }
  find_like(markings, likeness);
  return std::move(likeness.found);
}

}  // namespace laban::monitor
