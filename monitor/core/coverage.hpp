// monitor/core/coverage.hpp - how well the steps of a definition and a list of event types go together: what has no
// partner on either side, and which two are likely meant for each other.
#pragma once

#include <string>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::monitor {

struct Unmatched {
  std::size_t index = 0;  // of the step, or of the type
  std::string likely;     // the step's name or the type that it is likely meant for; empty where nothing is like it
};

struct Coverage {
  std::vector<Unmatched> steps;  // that no type of the list can stand for
  std::vector<Unmatched> types;  // that no step takes
};

// Pairs are made of what has no partner, the likest first, each at most once; of more than 1,000 steps or types only the
// first 1,000 are compared.
Coverage coverage(const std::vector<Step>& steps, const std::vector<std::string>& types);

// 0 (nothing in common) to 1 (the same words, however they are spelt, joined or ordered).
double likeness(const std::string& a, const std::string& b);

}  // namespace laban::monitor
