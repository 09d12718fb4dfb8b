// bus/client/topic_match.cpp - wildcard matching with one point to come back to, so that no pattern is costly.
#include "bus/client/topic_match.hpp"

#include <vector>

namespace laban::client {

// The empty string is zero words; "." is two empty ones.
static std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  if (text.empty()) return words;
  for (;;) {
    const auto dot = text.find('.');
    words.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    text.remove_prefix(dot + 1);
  }
}

bool topic_matches(std::string_view pattern_text, std::string_view key_text) {
  if (pattern_text == key_text) return true;
  const auto pattern = words_of(pattern_text);
  const auto key = words_of(key_text);
  constexpr auto none = static_cast<std::size_t>(-1);
  std::size_t p = 0, k = 0, hash = none, resume = 0;
  while (k < key.size()) {
    if (p < pattern.size() && pattern[p] == "#") {
      hash = p++;
      resume = k;
    } else if (p < pattern.size() && (pattern[p] == "*" || pattern[p] == key[k])) {
      ++p;
      ++k;
    } else if (hash != none) {
      p = hash + 1;
      k = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == "#") ++p;
  return p == pattern.size();
}

}  // namespace laban::client
