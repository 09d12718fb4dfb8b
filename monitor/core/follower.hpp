// monitor/core/follower.hpp - how one instance moves with its events. While they fit it is a state of the automaton and
// nothing else. Once one misfits, the few cheapest explanations are followed side by side until later events tell which
// one it was: a step skipped, an event too many, two that changed places.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/definition.hpp"
#include "monitor/core/verdict.hpp"

namespace laban::monitor {

// A deviation as it is kept: steps instead of names.
struct Misfit {
  DeviationKind kind = DeviationKind::unexpected;
  std::uint32_t index = 0;
  std::uint64_t offset = 0;
  Symbol symbol = no_symbol;
  std::string type;  // where no step has it
  std::vector<StepIndex> missing;
  std::vector<StepIndex> expected;
  std::vector<StepIndex> instead;   // where one step is missing: others that would do as well
  std::vector<StepIndex> ahead_of;  // what it would have skipped, should it turn out to have come early
};

// One explanation of what happened since the events stopped fitting.
struct Explanation {
  StateId state = 0;
  std::uint32_t cost = 0;  // steps skipped and events too many; one that came late or early counts once
  std::vector<Misfit> misfits;
};

// What is kept of an instance that deviated.
struct Doubt {
  std::vector<Misfit> settled;            // the same in every explanation, and final
  std::uint32_t forgotten = 0;            // further ones, counted only
  std::vector<Explanation> explanations;  // the best first; never empty
  std::uint32_t since = 0;                // events since the last misfit
};

// Where an instance stands.
struct Position {
  StateId state = Automaton::start;
  StepIndex step = no_index;  // last matched
  Symbol last = no_symbol;    // of the last event, matched or not
  std::uint32_t events = 0;
  bool incomplete = false;   // a misfit was explained by lost events
  bool used_excuse = false;  // ... and that by the last event
  std::unique_ptr<Doubt> doubt;
};

// Bits of the labels that an instance has shown.
class SeenLabels {
 public:
  explicit SeenLabels(std::uint64_t* words) : words_(words) {}
  bool has(std::uint32_t label) const { return words_[label / 64] >> (label % 64) & 1; }
  void set(std::uint32_t label) { words_[label / 64] |= std::uint64_t{1} << (label % 64); }
  void clear(std::uint32_t label) { words_[label / 64] &= ~(std::uint64_t{1} << (label % 64)); }

 private:
  std::uint64_t* words_;
};

// An event as an instance sees it.
struct Arrival {
  Meaning meaning;
  std::string_view type;
  std::uint64_t offset = 0;
  bool excused = false;  // events of this instance may have been lost before it
};

// Threads: one, with its definition.
class Follower {
 public:
  explicit Follower(Definition& definition, std::uint32_t remembered = 64)
      : definition_(definition), remembered_(remembered) {}

  // The matched step, or no_index. Deviations that it settles are appended.
  StepIndex observe(Position& position, SeenLabels seen, const Arrival& arrival,
                    std::vector<DeviationKind>& settled) const;

  // No more events will come (or none that could change a name): every deviation gets its final name.
  // Returns those that were settled by it.
  std::vector<DeviationKind> settle(Position& position) const;
  // Those that no later event can rename any more.
  std::vector<DeviationKind> settle_clear_ones(Position& position) const;

  Verdict verdict(const Position& position) const;
  std::vector<Deviation> deviations(const Position& position) const;
  bool has_open_names(const Position& position) const;

 private:
  StepIndex misfit(Position& position, SeenLabels seen, const Arrival& arrival,
                   std::vector<DeviationKind>& settled) const;
  void expand(const Explanation& from, const Arrival& arrival, SeenLabels seen, const Position& position,
              std::vector<Explanation>& into) const;
  Misfit extra(const Explanation& from, const Arrival& arrival, SeenLabels seen, const Position& position) const;
  bool came_late(Explanation& explanation, const Arrival& arrival) const;
  std::uint32_t came_early(Explanation& explanation, const std::vector<StepIndex>& missing, std::uint32_t index) const;
  void prefer(std::vector<Explanation>& explanations) const;
  void note(SeenLabels seen, StepIndex step) const;
  bool same_label(StepIndex a, StepIndex b) const { return definition_.label_of(a) == definition_.label_of(b); }
  void keep(Doubt& doubt, std::vector<Misfit> misfits) const;
  Deviation describe(const Misfit& misfit, bool settled) const;

  Definition& definition_;
  std::uint32_t remembered_;
};

}  // namespace laban::monitor
