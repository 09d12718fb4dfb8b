// monitor/core/soundness.hpp - whether a process can always end properly, found by looking at all its markings: one by one
// while they are few, else as sets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/core/marking_sets.hpp"
#include "monitor/core/net.hpp"

namespace laban::monitor {

struct SoundnessLimits {
  std::uint32_t markings = 100'000;  // looked at one by one
  std::uint64_t work = 60'000'000;   // places and transitions looked at for that
  MarkingSetLimits sets;             // ... and where these are not all
};

enum class Flaw : std::uint8_t {
  deadlock,             // tokens are left and nothing can happen
  livelock,             // things go on happening and no end can be reached any more
  dead_step,            // can never happen
  unsynchronised,       // tokens pile up in one place: a join that merges what was split, or a split that never joins
  improper_completion,  // something is left over when the end is reached
  uncompensated,        // it says that it can be undone, but nothing undoes it
};

struct SoundnessProblem {
  Flaw flaw = Flaw::deadlock;
  std::string message;               // one line: what is wrong and where
  std::vector<std::string> path;     // steps that lead there; empty for what never happens
  std::vector<TransitionIndex> run;  // the same with every silent step of the net
  NodeIndex node = no_index;         // where it shows, in the process model
};

struct SoundnessReport {
  std::optional<bool> sound;  // none: not decided within the limits
  std::vector<SoundnessProblem> problems;
  std::uint32_t markings = 0;  // looked at
};

// The model gives the names of gateways and the places of the findings; a net from PNML has none.
SoundnessReport check_soundness(const Net& net, const ProcessModel* model = nullptr,
                                const SoundnessLimits& limits = {});

// The same by sets of markings alone; not decided where a place of them can hold more than one token and may.
SoundnessReport check_soundness_by_sets(const Net& net, const ProcessModel* model, const MarkingSetLimits& limits);

// The report as findings: problems as errors, "not decided within N states" as a warning.
std::vector<Finding> findings_of(const SoundnessReport& report, const ProcessModel* model = nullptr);

}  // namespace laban::monitor
