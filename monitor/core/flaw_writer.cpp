// monitor/core/flaw_writer.cpp - puts what a soundness check found into words.
#include "monitor/core/flaw_writer.hpp"

#include <algorithm>
#include <set>

namespace laban::monitor {

bool FlawWriter::found(Flaw flaw) const {
  return std::any_of(report_.problems.begin(), report_.problems.end(),
                     [&](const SoundnessProblem& problem) { return problem.flaw == flaw; });
}

std::string FlawWriter::name_of(NodeIndex node) const {
  if (model_ == nullptr || node >= model_->nodes.size()) return {};
  const Node& drawn = model_->nodes[node];
  return drawn.name.empty() ? drawn.id : drawn.name;
}

void FlawWriter::report(Flaw flaw, const Run& run, const std::string& what, NodeIndex node) {
  SoundnessProblem problem;
  problem.flaw = flaw;
  problem.message = what;
  problem.run = run;
  problem.node = node;
  for (TransitionIndex index : run) {
    const Transition& transition = net_.transitions[index];
    if (transition.step != no_index) {
      problem.path.push_back(net_.steps[transition.step].name);
    } else if (model_ != nullptr && transition.node != no_index &&
               model_->nodes[transition.node].kind <= NodeKind::call_activity) {
      problem.path.push_back(name_of(transition.node));
    }
  }
  report_.problems.push_back(std::move(problem));
}

// Where tokens are, in words; the first place's node.
std::string FlawWriter::standing(const Marking& marking, NodeIndex& node) const {
  std::string text;
  std::set<std::string> named;
  for (PlaceIndex place = 0; place < marking.size(); ++place) {
    if (marking[place] == 0 || !net_.places[place].counts) continue;
    if (node == no_index) node = net_.places[place].node;
    const std::string name =
        net_.places[place].node == no_index ? net_.places[place].name : name_of(net_.places[place].node);
    if (named.insert(name).second && named.size() <= 3) text += (text.empty() ? "'" : ", '") + name + "'";
  }
  if (named.size() > 3) text += " and " + std::to_string(named.size() - 3) + " more";
  return text;
}

void FlawWriter::deadlock(const Run& run, const Marking& marking) {
  NodeIndex node = no_index;
  const std::string where = standing(marking, node);
  report(
      Flaw::deadlock, run,
      where.empty() ? "deadlock: it cannot begin" : "deadlock: nothing can happen any more, and it waits at " + where,
      node);
}

void FlawWriter::livelock(const Run& run, const Marking& marking) {
  NodeIndex node = no_index;
  const std::string where = standing(marking, node);
  report(Flaw::livelock, run, "livelock: from " + where + " on no end can be reached", node);
}

void FlawWriter::unsynchronised(const Run& run, PlaceIndex place) {
  const Place& one = net_.places[place];
  report(Flaw::unsynchronised, run,
         "lack of synchronisation: '" + (one.node == no_index ? one.name : name_of(one.node)) +
             "' can be reached a second time before the first is through",
         one.node);
}

void FlawWriter::piles_up(const Run& run, TransitionIndex transition) {
  report(Flaw::unsynchronised, run, "lack of synchronisation: tokens pile up without end",
         net_.transitions[transition].node);
}

void FlawWriter::improper_completion(const Run& run, const Marking& marking) {
  NodeIndex node = no_index;
  const std::string where = standing(marking, node);
  report(Flaw::improper_completion, run, "improper completion: the end is reached with tokens left over at " + where,
         node);
}

void FlawWriter::dead_steps(const std::vector<bool>& fired) {
  std::vector<bool> alive(net_.steps.size(), false), known(net_.steps.size(), false);
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    const StepIndex step = net_.transitions[t].step;
    if (step == no_index) continue;
    known[step] = true;
    if (fired[t]) alive[step] = true;
  }
  for (StepIndex step = 0; step < net_.steps.size(); ++step)
    if (!alive[step] && (known[step] || net_.steps[step].required))
      report(Flaw::dead_step, {}, "dead step: '" + net_.steps[step].name + "' can never happen", net_.steps[step].node);
}

void FlawWriter::uncompensated() {
  if (model_ == nullptr) return;
  const auto has_handler = [&](NodeIndex node) {
    return std::any_of(model_->nodes.begin(), model_->nodes.end(), [&](const Node& other) {
      return other.compensates == node && other.event != EventKind::compensation;
    });
  };
  for (NodeIndex index = 0; index < model_->nodes.size(); ++index) {
    const Node& node = model_->nodes[index];
    if (node.event != EventKind::compensation) continue;
    const NodeIndex undone = node.kind == NodeKind::boundary_event ? node.attached_to : node.compensates;
    if (undone == no_index || has_handler(undone) || model_->nodes[undone].body != no_index) continue;
    report(
        Flaw::uncompensated, {},
        "'" + name_of(undone) + "' is to be undone, and nothing says how: join its compensation event and an activity",
        index);
  }
}

}  // namespace laban::monitor
