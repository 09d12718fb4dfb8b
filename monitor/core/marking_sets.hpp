// monitor/core/marking_sets.hpp - sets of safe markings (no place holds more than one token) as binary decision diagrams:
// the markings of many parallel branches, of which there are the product, take space as their sum.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::monitor {

struct MarkingSetLimits {
  std::uint32_t places = 4'000;
  std::uint32_t nodes = 2'000'000;  // of all diagrams together
  std::uint64_t work = 40'000'000;  // nodes looked at
};

// Threads: one at a time. Errors: none; past a limit it is `full`, and no set that it gives from then on means anything.
class MarkingSets {
 public:
  using Set = std::uint32_t;
  using Changes = std::uint32_t;
  static constexpr Set none = 0;
  static constexpr Set every = 1;

  // `order` has each place once: those that depend on one another belong side by side.
  MarkingSets(const std::vector<PlaceIndex>& order, const MarkingSetLimits& limits);

  bool full() const { return full_; }

  Set holding(PlaceIndex place) { return full_ ? none : node(level_[place], none, every); }
  Set lacking(PlaceIndex place) { return full_ ? none : node(level_[place], every, none); }
  Set only(const Marking& marking);
  Set both(Set a, Set b) { return combine(Operation::both, a, b); }
  Set either(Set a, Set b) { return combine(Operation::either, a, b); }
  Set without(Set a, Set b) { return combine(Operation::without, a, b); }

  // What a transition does: these places hold nothing afterwards, those one token.
  Changes changes(const std::vector<PlaceIndex>& emptied, const std::vector<PlaceIndex>& filled);
  Set after(Set markings, Changes changes) { return change(Operation::after, markings, first_[changes]); }
  Set before(Set markings, Changes changes) { return change(Operation::before, markings, first_[changes]); }

  bool has(Set markings, const Marking& marking) const;
  Marking any(Set markings) const;  // the set is not empty
  // A marking of the set that is like `marking` but for the places that change; the set has one.
  Marking like(Set markings, const Marking& marking, Changes changes) const;

 private:
  enum class Operation : std::uint8_t { nothing, both, either, without, after, before };
  struct Node {
    std::uint32_t level;
    Set low, high;  // where the place holds nothing, and where it holds a token
    Set next;       // in its bucket
  };
  struct Known {
    Operation operation = Operation::nothing;
    std::uint32_t a = 0, b = 0;
    Set result = none;
  };
  struct Change {
    std::uint32_t level;
    bool filled;
  };

  Set node(std::uint32_t level, Set low, Set high);
  Set combine(Operation operation, Set a, Set b);
  Set change(Operation operation, Set markings, std::uint32_t at);
  Known& known(Operation operation, std::uint32_t a, std::uint32_t b);
  bool spend();
  void grow();
  struct Likeness;
  bool find_like(Set markings, Likeness& likeness) const;

  MarkingSetLimits limits_;
  std::vector<std::uint32_t> level_;  // of each place
  std::vector<PlaceIndex> place_;     // of each level
  std::vector<Node> nodes_;
  std::vector<Set> buckets_;
  std::vector<Known> known_;
  std::vector<Change> changes_;  // each list in the order of levels, then a mark of its end
  std::vector<std::uint32_t> first_;
  std::uint64_t work_ = 0;
  bool full_ = false;
};

}  // namespace laban::monitor
