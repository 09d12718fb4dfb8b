// monitor/core/flaw_writer.hpp - puts what a soundness check found into words. Internal to the core.
#pragma once

#include <string>
#include <vector>

#include "monitor/core/soundness.hpp"

namespace laban::monitor {

class FlawWriter {
 public:
  using Run = std::vector<TransitionIndex>;

  FlawWriter(const Net& net, const ProcessModel* model, SoundnessReport& report)
      : net_(net), model_(model), report_(report) {}

  // Each with the transitions that lead there and, where it is asked for, the marking in which it shows.
  void deadlock(const Run& run, const Marking& marking);
  void livelock(const Run& run, const Marking& marking);
  void unsynchronised(const Run& run, PlaceIndex place);
  void piles_up(const Run& run, TransitionIndex transition);
  void improper_completion(const Run& run, const Marking& marking);
  // Steps that none of the transitions which fired stands for.
  void dead_steps(const std::vector<bool>& fired);
  void uncompensated();

  bool found(Flaw flaw) const;

 private:
  void report(Flaw flaw, const Run& run, const std::string& what, NodeIndex node);
  std::string standing(const Marking& marking, NodeIndex& node) const;
  std::string name_of(NodeIndex node) const;

  const Net& net_;
  const ProcessModel* model_;
  SoundnessReport& report_;
};

}  // namespace laban::monitor
