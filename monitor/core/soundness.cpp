// monitor/core/soundness.cpp - the reachability graph, within limits, and what it shows.
#include "monitor/core/soundness.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <deque>

#include "monitor/core/flaw_writer.hpp"
#include "monitor/core/hash.hpp"

namespace laban::monitor {

namespace {

class Explorer {
 public:
  Explorer(const Net& net, const ProcessModel* model, const SoundnessLimits& limits)
      : net_(net), model_(model), limits_(limits), flaws_(net, model, report_), fired_(net.transitions.size(), false) {}

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
  const std::vector<TransitionIndex>& candidates(const Marking& marking);
  void look_for_surplus(std::uint32_t index);
  void find_deadlocks_and_livelocks();
  std::vector<bool> can_reach(const std::vector<std::uint32_t>& targets) const;
  FlawWriter::Run run_to(std::uint32_t index) const;

  const Net& net_;
  const ProcessModel* model_;
  const SoundnessLimits limits_;
  SoundnessReport report_;
  FlawWriter flaws_;
  std::deque<Marking> store_;
  absl::flat_hash_map<std::string_view, std::uint32_t, BytesHash, BytesEqual> ids_;
  std::vector<Seen> seen_;
  std::vector<std::vector<TransitionIndex>> takers_;  // of each place
  std::vector<TransitionIndex> without_tokens_, candidates_;
  std::vector<bool> fired_;
  std::uint64_t work_ = 0;
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

FlawWriter::Run Explorer::run_to(std::uint32_t index) const {
  FlawWriter::Run run;
  for (; index != no_index && seen_[index].by != no_index; index = seen_[index].from) run.push_back(seen_[index].by);
  std::reverse(run.begin(), run.end());
  return run;
}

// More than one token on a place, or more tokens than an end has.
void Explorer::look_for_surplus(std::uint32_t index) {
  const Marking& marking = *seen_[index].marking;
  if (model_ != nullptr && !flaws_.found(Flaw::unsynchronised)) {
    for (PlaceIndex place = 0; place < marking.size(); ++place) {
      if (static_cast<unsigned char>(marking[place]) < 2 || !net_.places[place].counts) continue;
      flaws_.unsynchronised(run_to(index), place);
      break;
    }
  }
  if (flaws_.found(Flaw::improper_completion)) return;
  for (const Marking& final : net_.finals) {
    bool covers = true;
    for (PlaceIndex place = 0; place < marking.size() && covers; ++place)
      covers = static_cast<unsigned char>(marking[place]) >= static_cast<unsigned char>(final[place]);
    if (!covers || marking == final) continue;
    if (std::find(net_.finals.begin(), net_.finals.end(), marking) != net_.finals.end()) continue;
    flaws_.improper_completion(run_to(index), marking);
    return;
  }
}

// Transitions that a token is there for, in their order.
const std::vector<TransitionIndex>& Explorer::candidates(const Marking& marking) {
  candidates_ = without_tokens_;
  for (PlaceIndex place = 0; place < marking.size(); ++place)
    if (marking[place] != 0) candidates_.insert(candidates_.end(), takers_[place].begin(), takers_[place].end());
  std::sort(candidates_.begin(), candidates_.end());
  candidates_.erase(std::unique(candidates_.begin(), candidates_.end()), candidates_.end());
  return candidates_;
}

void Explorer::look_at(std::uint32_t index) {
  const Marking here = *seen_[index].marking;
  seen_[index].final = is_final(net_, here);
  look_for_surplus(index);
  Marking after;
  for (TransitionIndex t : candidates(here)) {
    work_ += 1 + (net_.transitions[t].join == no_index ? 0 : net_.joins[net_.transitions[t].join].watched.size());
    if (net_.transitions[t].further || !can_fire(net_, net_.transitions[t], here)) continue;
    fired_[t] = true;
    if (!fire(net_, net_.transitions[t], here, after)) {
      cut_ = true;
      if (!flaws_.found(Flaw::unsynchronised)) flaws_.piles_up(run_to(index), t);
      continue;
    }
    work_ += after.size() / 8;
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
  const bool improper = flaws_.found(Flaw::improper_completion);
  if (!stuck.empty() && !improper) flaws_.deadlock(run_to(stuck.front()), *seen_[stuck.front()].marking);
  if (cut_ || improper) return;
  const auto good = can_reach(finals), lost = can_reach(stuck);
  for (std::uint32_t index = 0; index < seen_.size(); ++index) {
    if (good[index] || lost[index]) continue;
    return flaws_.livelock(run_to(index), *seen_[index].marking);
  }
}

SoundnessReport Explorer::run() {
  takers_.resize(net_.places.size());
  for (TransitionIndex t = 0; t < net_.transitions.size(); ++t) {
    const Transition& transition = net_.transitions[t];
    if (!transition.take.empty()) {
      takers_[transition.take.front()].push_back(t);
    } else if (!transition.any_of.empty()) {
      for (PlaceIndex place : transition.any_of) takers_[place].push_back(t);
    } else {
      without_tokens_.push_back(t);
    }
  }
  add(net_.initial, no_index, no_index);
  for (std::uint32_t index = 0; index < seen_.size() && work_ < limits_.work; ++index) look_at(index);
  cut_ = cut_ || work_ >= limits_.work;
  report_.markings = static_cast<std::uint32_t>(seen_.size());
  find_deadlocks_and_livelocks();
  if (!cut_) flaws_.dead_steps(fired_);
  flaws_.uncompensated();
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

// Sets of markings cost more where these are few, and say less where the net is not sound.
SoundnessReport check_soundness(const Net& net, const ProcessModel* model, const SoundnessLimits& limits) {
  static constexpr std::uint32_t few = 10'000;
  SoundnessLimits first = limits;
  first.markings = std::min(limits.markings, few);
  first.work = limits.work / 4;
  SoundnessReport report = Explorer(net, model, first).run();
  if (report.sound) return report;
  SoundnessReport by_sets = check_soundness_by_sets(net, model, limits.sets);
  if (by_sets.sound || limits.markings <= few) return by_sets.sound ? by_sets : report;
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
