// monitor/core/marking_graph.hpp - the markings of a net and the visible moves between them, found as they are asked for.
//
// Silent steps are taken only as far as the next visible one needs them. Any run of a net can be put in that order
// without changing what is seen: a silent step that does not help to enable the next visible one can wait until after
// it. At each marking the search therefore follows a stubborn set: what could enable the goal, and whatever interferes
// with that. Branches that run beside it are left alone, which keeps states small where a full silent closure would
// hold the product of all branches.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include "monitor/core/hash.hpp"
#include "monitor/core/net.hpp"

namespace laban::monitor {

using MarkingId = std::uint32_t;

// Threads: one at a time. Errors: none; `truncated` says that a limit cut a search short.
class MarkingGraph {
 public:
  struct Move {
    TransitionIndex transition;
    MarkingId to;
  };
  struct Ending {
    bool possible = false;
    Outcome outcome = Outcome::completed;
  };

  MarkingGraph(const Net& net, std::uint32_t searched_markings);

  MarkingId intern(const Marking& marking);
  const Marking& marking(MarkingId id) const { return *markings_[id]; }
  std::size_t size() const { return markings_.size(); }

  // Visible moves, each after the silent steps that it needs. The reference holds until the next call.
  const std::vector<Move>& moves(MarkingId id);
  // Whether silent steps alone lead to a proper end.
  Ending ending(MarkingId id);

  bool truncated() const { return truncated_; }

 private:
  struct Wiring {                             // of one transition
    std::vector<PlaceIndex> reads, writes;    // beyond its plain takes and puts
    std::vector<TransitionIndex> interferes;  // silent ones whose order with it matters
    bool plain = true;
  };
  struct Node {
    bool moves_known = false;
    bool ending_known = false;
    Ending ending;
    std::vector<Move> moves;
  };

  void wire();
  void wire_places();
  bool possible(const Transition& goal, const Marking& marking) const;
  void search(const Marking& from, TransitionIndex goal, std::vector<Move>& found);
  Ending search_end(const Marking& from);
  void give_up();
  void begin_set();
  void add_to_set(TransitionIndex transition);
  void add_all(const std::vector<TransitionIndex>& transitions);
  void close_set(const Marking& marking);
  void enable(const Transition& transition, const Marking& marking);
  bool aim_at_end(const Marking& marking);
  bool aim_at(const Marking& marking, const Marking* final);

  const Net& net_;
  std::uint32_t limit_;
  bool truncated_ = false;
  char bodies_ = 0;  // that many instances share
  std::vector<Wiring> wiring_;
  std::vector<std::vector<TransitionIndex>> producers_, consumers_;  // silent ones, of each place
  std::vector<std::vector<std::uint64_t>> sources_;  // of each place: from where silent steps lead to it
  std::vector<TransitionIndex> visible_;

  absl::flat_hash_map<std::string_view, MarkingId, BytesHash, BytesEqual> ids_;
  std::deque<Marking> store_;
  std::vector<const Marking*> markings_;
  std::deque<Node> nodes_;

  // The stubborn set under construction.
  std::vector<std::uint32_t> in_set_;
  std::uint32_t set_number_ = 0;
  std::vector<TransitionIndex> set_;
};

}  // namespace laban::monitor
