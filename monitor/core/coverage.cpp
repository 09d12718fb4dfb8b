// monitor/core/coverage.cpp - steps and event types that find no partner, and who may be meant for whom.
#include "monitor/core/coverage.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace laban::monitor {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t most_compared = 1000;
constexpr std::size_t most_words = 16;
constexpr double likely_from = 0.5;

// "PaymentTaken", "payment.taken" and "Payment taken" are the same words.
Words words_of(const std::string& text) {
  Words words;
  bool fresh = true, was_lower = false;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (std::isalnum(c) == 0 && c < 0x80) {
      fresh = true;
      continue;
    }
    if (fresh || (was_lower && std::isupper(c) != 0)) {
      if (words.size() == most_words) break;
      words.emplace_back();
    }
    fresh = false;
    was_lower = std::islower(c) != 0;
    words.back() += static_cast<char>(c < 0x80 ? std::tolower(c) : c);
  }
  return words;
}

// Words of one stem: "ship", "shipped" and "shipment".
double same_word(const std::string& a, const std::string& b) {
  if (a == b) return 1;
  const std::size_t shorter = std::min(a.size(), b.size());
  const std::size_t common = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(shorter), b.begin()).first - a.begin());
  return common >= 3 && common * 2 > std::max(a.size(), b.size()) ? 0.8 : 0;
}

double likeness(const Words& a, const Words& b) {
  if (a.empty() || b.empty()) return 0;
  double found = 0;
  std::vector<bool> used(b.size(), false);
  for (const auto& word : a) {
    double best = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
      const double like = used[i] ? 0 : same_word(word, b[i]);
      if (like > best) best = like, at = i;
    }
    if (best > 0) used[at] = true;
    found += best;
  }
  return 2 * found / static_cast<double>(a.size() + b.size());
}

struct Pair {
  double likeness;
  bool required;
  std::size_t step, type;  // indexes into the unmatched
};

void suggest(const std::vector<Step>& steps, const std::vector<std::string>& types, Coverage& found) {
  const std::size_t some_steps = std::min(found.steps.size(), most_compared);
  const std::size_t some_types = std::min(found.types.size(), most_compared);
  std::vector<Words> type_words;
  for (std::size_t i = 0; i < some_types; ++i) type_words.push_back(words_of(types[found.types[i].index]));
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < some_steps; ++i) {
    const Step& step = steps[found.steps[i].index];
    const Words name = words_of(step.name), id = words_of(step.id);
    for (std::size_t j = 0; j < some_types; ++j) {
      const double like = std::max(likeness(name, type_words[j]), likeness(id, type_words[j]));
      if (like >= likely_from) pairs.push_back({like, step.required, i, j});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return a.likeness != b.likeness ? a.likeness > b.likeness : a.required && !b.required;
  });
  for (const Pair& pair : pairs) {
    Unmatched &step = found.steps[pair.step], &type = found.types[pair.type];
    if (!step.likely.empty() || !type.likely.empty()) continue;
    step.likely = types[type.index];
    type.likely = steps[step.index].name;
  }
}

}  // namespace

double likeness(const std::string& a, const std::string& b) {
  return likeness(words_of(a), words_of(b));
}

Coverage coverage(const std::vector<Step>& steps, const std::vector<std::string>& types) {
  const std::set<std::string> listed(types.begin(), types.end());
  std::set<std::string> taken;
  Coverage found;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    bool matched = listed.contains(steps[i].start_type);
    for (const auto& type : steps[i].types) matched |= listed.contains(type);
    if (!matched) found.steps.push_back({i, {}});
    taken.insert(steps[i].types.begin(), steps[i].types.end());
    if (!steps[i].start_type.empty()) taken.insert(steps[i].start_type);
  }
  for (std::size_t i = 0; i < types.size(); ++i)
    if (!taken.contains(types[i])) found.types.push_back({i, {}});
  suggest(steps, types, found);
  return found;
}

}  // namespace laban::monitor
