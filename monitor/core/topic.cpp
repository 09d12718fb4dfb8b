// monitor/core/topic.cpp - topic patterns.
#include "monitor/core/topic.hpp"

#include <vector>

namespace laban::monitor {

static std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  if (text.empty()) return words;
  for (std::size_t at = 0;;) {
    const auto dot = text.find('.', at);
    words.push_back(text.substr(at, dot == std::string_view::npos ? dot : dot - at));
    if (dot == std::string_view::npos) return words;
    at = dot + 1;
  }
}

bool fits_pattern(std::string_view pattern, std::string_view key) {
  const auto parts = words_of(pattern), words = words_of(key);
  // fits[i]: the pattern's words so far fit the first i words of the key.
  std::vector<bool> fits(words.size() + 1, false);
  fits[0] = true;
  for (const auto part : parts) {
    if (part == "#") {
      for (std::size_t i = 1; i <= words.size(); ++i) fits[i] = fits[i] || fits[i - 1];
      continue;
    }
    for (std::size_t i = words.size(); i > 0; --i) fits[i] = fits[i - 1] && (part == "*" || part == words[i - 1]);
    fits[0] = false;
  }
  return fits[words.size()];
}

}  // namespace laban::monitor
