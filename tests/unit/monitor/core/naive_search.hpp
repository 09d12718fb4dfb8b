// tests/unit/monitor/core/naive_search.hpp - the oracle: every marking that a trace can lead to, by trying everything.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::test {

struct NaiveVerdict {
  bool fit = false;
  bool too_large = false;          // more markings than the oracle looks at
  int stuck_at = -1;               // the index of the first event that no marking allows
  std::set<std::string> expected;  // required steps that could come there, or at the end
};

class NaiveSearch {
 public:
  explicit NaiveSearch(const monitor::Net& net, std::size_t most = 20'000) : net_(net), most_(most) {}

  NaiveVerdict run(const std::vector<std::string>& trace) {
    NaiveVerdict verdict;
    instances_ = trace.size() + 2;
    std::set<monitor::Marking> here{net_.initial};
    close(here, verdict);
    for (std::size_t i = 0; i < trace.size() && !verdict.too_large; ++i) {
      std::set<monitor::Marking> next;
      for (const auto& marking : here)
        for (const auto& transition : net_.transitions)
          if (transition.step != monitor::no_index && stands_for(net_.steps[transition.step], trace[i]) &&
              can_fire(net_, transition, marking)) {
            monitor::Marking after;
            if (fire(net_, transition, marking, after)) next.insert(after);
          }
      if (next.empty()) {
        verdict.stuck_at = static_cast<int>(i);
        break;
      }
      here = std::move(next);
      close(here, verdict);
    }
    for (const auto& marking : here) {
      if (verdict.stuck_at < 0) verdict.fit |= is_final(net_, marking);
      for (const auto& transition : net_.transitions)
        if (transition.step != monitor::no_index && net_.steps[transition.step].required &&
            can_fire(net_, transition, marking))
          verdict.expected.insert(net_.steps[transition.step].name);
    }
    return verdict;
  }

 private:
  static bool stands_for(const monitor::Step& step, const std::string& type) {
    for (const auto& one : step.types)
      if (one == type) return true;
    return false;
  }

  static std::size_t tokens(const monitor::Marking& marking) {
    std::size_t sum = 0;
    for (const char held : marking) sum += static_cast<unsigned char>(held);
    return sum;
  }

  void close(std::set<monitor::Marking>& markings, NaiveVerdict& verdict) {
    std::vector<monitor::Marking> open(markings.begin(), markings.end());
    while (!open.empty()) {
      const monitor::Marking here = open.back();
      open.pop_back();
      for (const auto& transition : net_.transitions) {
        if (transition.step != monitor::no_index || !can_fire(net_, transition, here)) continue;
        if (transition.further && tokens(here) >= instances_) continue;  // more than the trace has events
        monitor::Marking after;
        if (!fire(net_, transition, here, after) || markings.size() > most_) {
          verdict.too_large = true;
          return;
        }
        if (markings.insert(after).second) open.push_back(after);
      }
    }
  }

  const monitor::Net& net_;
  std::size_t most_;
  std::size_t instances_ = 0;
};

}  // namespace laban::test
