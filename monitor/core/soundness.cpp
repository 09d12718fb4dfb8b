// monitor/core/soundness.cpp - the reachability graph, within limits, and what it shows.
#include "monitor/core/soundness.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <deque>
#include <set>

#include "monitor/core/hash.hpp"

namespace laban::monitor {

namespace {

class Explorer {
 public:
  Explorer(const Net& net, const ProcessModel* model, const SoundnessLimits& limits)
      : net_(net), model_(model), limits_(limits), fired_(net.transitions.size(), false) {}

  SoundnessReport run();

 private:
  struct Seen {
    const Marking* marking = nullptr;
    std::uint32_t from = no_index;  // how it was reached first
    TransitionIndex by = no_index;
    std::vector<std::uint32_t> next;
    bool final = false;
  };

  std::uint32_t add(const Marking& marking, std::uint32_t from, TransitionIndex by);
  void look_at(std::uint32_t index);
  void look_for_surplus(std::uint32_t index);
  void find_deadlocks_and_livelocks();
  void find_dead_steps();
  void find_uncompensated();
  std::vector<bool> can_reach(const std::vector<std::uint32_t>& targets) const;
  void report(Flaw flaw, std::uint32_t at, const std::string& what, NodeIndex node);
  std::vector<std::string> path_to(std::uint32_t index) const;
  std::string standing(const Marking& marking, NodeIndex& node) const;
  std::string name_of(NodeIndex node) const;

  const Net& net_;
  const ProcessModel* model_;
  const SoundnessLimits limits_;
  SoundnessReport report_;
  std::deque<Marking> store_;
  absl::flat_hash_map<std::string_view, std::uint32_t, BytesHash, BytesEqual> ids_;
  std::vector<Seen> seen_;
  std::vector<bool> fired_;
  std::set<Flaw> found_;
  bool cut_ = false;
};

std::uint32_t Explorer::add(const Marking& marking, std::uint32_t from, TransitionIndex by) {
  if (const auto known = ids_.find(marking); known != ids_.end()) return known->second;
  if (seen_.size() >= limits_.markings) {
    cut_ = true;
    return no_index;
  }
  store_.push_back(marking);
  const auto index = static_cast<std::uint32_t>(seen_.size());
  ids_.emplace(store_.back(), index);
  Seen seen;
  seen.marking = &store_.back();
  seen.from = from;
  seen.by = by;
  seen_.push_back(std::move(seen));
  return index;
}

std::string Explorer::name_of(NodeIndex node) const {
  if (model_ == nullptr || node >= model_->nodes.size()) return {};
  const Node& drawn = model_->nodes[node];
  return drawn.name.empty() ? drawn.id : drawn.name;
}

std::vector<std::string> Explorer::path_to(std::uint32_t index) const {
  std::vector<std::string> path;
  for (; index != no_index && seen_[index].by != no_index; index = seen_[index].from) {
    const Transition& transition = net_.transitions[seen_[index].by];
    if (transition.step != no_index) {
      path.push_back(net_.steps[transition.step].name);
    } else if (model_ != nullptr && transition.node != no_index &&
               model_->nodes[transition.node].kind <= NodeKind::call_activity) {
      path.push_back(name_of(transition.node));
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

void Explorer::report(Flaw flaw, std::uint32_t at, const std::string& what, NodeIndex node) {
  SoundnessProblem problem;
  problem.flaw = flaw;
  problem.message = what;
  if (at != no_index) problem.path = path_to(at);
  problem.node = node;
  report_.problems.push_back(std::move(problem));
}

// Where tokens are, in words; the first place's node.
std::string Explorer::standing(const Marking& marking, NodeIndex& node) const {
  std::string text;
  std::size_t named = 0;
  for (PlaceIndex place = 0; place < marking.size(); ++place) {
    if (marking[place] == 0 || !net_.places[place].counts) continue;
    if (node == no_index) node = net_.places[place].node;
    if (++named > 3) continue;
    const std::string name =
        net_.places[place].node == no_index ? net_.places[place].name : name_of(net_.places[place].node);
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  if (named > 3) text += " and " + std::to_string(named - 3) + " more";
  return text;
}

// More than one token on a place, or more tokens than an end has.
void Explorer::look_for_surplus(std::uint32_t index) {
  const Marking& marking = *seen_[index].marking;
  if (model_ != nullptr && !found_.contains(Flaw::unsynchronised)) {
    for (PlaceIndex place = 0; place < marking.size(); ++place) {
      const Place& one = net_.places[place];
      if (static_cast<unsigned char>(marking[place]) < 2 || !one.counts || one.many) continue;
      found_.insert(Flaw::unsynchronised);
      report(Flaw::unsynchronised, index,
             "lack of synchronisation: '" + (one.node == no_index ? one.name : name_of(one.node)) +
                 "' can be reached a second time before the first is through",
             one.node);
      break;
    }
  }
  if (found_.contains(Flaw::improper_completion)) return;
  for (const Marking& final : net_.finals) {
    bool covers = true;
    for (PlaceIndex place = 0; place < marking.size() && covers; ++place)
      covers = static_cast<unsigned char>(marking[place]) >= static_cast<unsigned char>(final[place]);
    if (!covers || marking == final) continue;
    if (std::find(net_.finals.begin(), net_.finals.end(), marking) != net_.finals.end()) continue;
    NodeIndex node = no_index;
    found_.insert(Flaw::improper_completion);
    report(Flaw::improper_completion, index,
           "improper completion: the end is reached with tokens left over at " + standing(marking, node), node);
    return;
  }
}

void Explorer::look_at(std::uint32_t index) {
  const Marking here = *seen_[index].marking;
  seen_[index].final = is_final(net_, here);
  look_for_surplus(index);
  Marking after;
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    if (!can_fire(net_, net_.transitions[t], here)) continue;
    fired_[t] = true;
    if (!fire(net_, net_.transitions[t], here, after)) {
      cut_ = true;
      if (found_.insert(Flaw::unsynchronised).second)
        report(Flaw::unsynchronised, index, "lack of synchronisation: tokens pile up without end",
               net_.transitions[t].node);
      continue;
    }
    const std::uint32_t next = add(after, index, t);
    if (next != no_index && next != index) seen_[index].next.push_back(next);
  }
}

std::vector<bool> Explorer::can_reach(const std::vector<std::uint32_t>& targets) const {
  std::vector<std::vector<std::uint32_t>> before(seen_.size());
  for (std::uint32_t index = 0; index < seen_.size(); ++index)
    for (std::uint32_t next : seen_[index].next) before[next].push_back(index);
  std::vector<bool> reaches(seen_.size(), false);
  std::vector<std::uint32_t> open = targets;
  while (!open.empty()) {
    const std::uint32_t index = open.back();
    open.pop_back();
    if (reaches[index]) continue;
    reaches[index] = true;
    open.insert(open.end(), before[index].begin(), before[index].end());
  }
  return reaches;
}

void Explorer::find_deadlocks_and_livelocks() {
  std::vector<std::uint32_t> finals, stuck;
  for (std::uint32_t index = 0; index < seen_.size(); ++index) {
    if (seen_[index].final)
      finals.push_back(index);
    else if (seen_[index].next.empty() && !cut_)
      stuck.push_back(index);
  }
  for (std::uint32_t index : stuck) {
    NodeIndex node = no_index;
    const std::string where = standing(*seen_[index].marking, node);
    if (!net_.finals.empty() && found_.contains(Flaw::improper_completion)) continue;
    report(
        Flaw::deadlock, index,
        where.empty() ? "deadlock: it cannot begin" : "deadlock: nothing can happen any more, and it waits at " + where,
        node);
    break;
  }
  if (cut_) return;
  auto good = can_reach(finals);
  const auto lost = can_reach(stuck);
  for (std::uint32_t index = 0; index < seen_.size(); ++index) {
    if (good[index] || lost[index]) continue;
    if (found_.contains(Flaw::improper_completion)) return;
    NodeIndex node = no_index;
    const std::string where = standing(*seen_[index].marking, node);
    report(Flaw::livelock, index, "livelock: from " + where + " on no end can be reached", node);
    return;
  }
}

void Explorer::find_dead_steps() {
  std::vector<bool> alive(net_.steps.size(), false), known(net_.steps.size(), false);
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    const StepIndex step = net_.transitions[t].step;
    if (step == no_index) continue;
    known[step] = true;
    if (fired_[t]) alive[step] = true;
  }
  for (StepIndex step = 0; step < net_.steps.size(); ++step)
    if (!alive[step] && (known[step] || net_.steps[step].required))
      report(Flaw::dead_step, no_index, "dead step: '" + net_.steps[step].name + "' can never happen",
             net_.steps[step].node);
}

void Explorer::find_uncompensated() {
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
        Flaw::uncompensated, no_index,
        "'" + name_of(undone) + "' is to be undone, and nothing says how: join its compensation event and an activity",
        index);
  }
}

SoundnessReport Explorer::run() {
  add(net_.initial, no_index, no_index);
  for (std::uint32_t index = 0; index < seen_.size(); ++index) look_at(index);
  report_.markings = static_cast<std::uint32_t>(seen_.size());
  find_deadlocks_and_livelocks();
  if (!cut_) find_dead_steps();
  find_uncompensated();
  if (!report_.problems.empty())
    report_.sound = false;
  else if (!cut_)
    report_.sound = true;
  return std::move(report_);
}

const char* id_of(Flaw flaw) {
  switch (flaw) {
    case Flaw::deadlock:
      return "deadlock";
    case Flaw::livelock:
      return "livelock";
    case Flaw::dead_step:
      return "dead-step";
    case Flaw::unsynchronised:
      return "lack-of-synchronisation";
    case Flaw::improper_completion:
      return "improper-completion";
    case Flaw::uncompensated:
      return "no-compensation";
  }
  return "";
}

}  // namespace

SoundnessReport check_soundness(const Net& net, const ProcessModel* model, const SoundnessLimits& limits) {
  return Explorer(net, model, limits).run();
}

std::vector<Finding> findings_of(const SoundnessReport& report, const ProcessModel* model) {
  std::vector<Finding> findings;
  for (const SoundnessProblem& problem : report.problems) {
    Finding finding;
    if (model != nullptr) finding.at = problem.node < model->nodes.size() ? model->nodes[problem.node].at : model->at;
    finding.id = id_of(problem.flaw);
    finding.message = problem.message;
    const bool never = problem.flaw == Flaw::dead_step || problem.flaw == Flaw::uncompensated;
    if (!never) {
      finding.message += "; the way there: ";
      if (problem.path.empty()) finding.message += "the start";
      for (std::size_t i = 0; i < problem.path.size(); ++i) finding.message += (i > 0 ? ", " : "") + problem.path[i];
    }
    findings.push_back(std::move(finding));
  }
  if (!report.sound) {
    Finding finding;
    if (model != nullptr) finding.at = model->at;
    finding.severity = Severity::warning;
    finding.id = "soundness-not-decided";
    finding.message = "soundness not decided within " + std::to_string(report.markings) + " states";
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace laban::monitor
