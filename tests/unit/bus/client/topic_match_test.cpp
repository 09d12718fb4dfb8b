// tests/unit/bus/client/topic_match_test.cpp - the client's wildcard matching against a naive one.
#include "bus/client/topic_match.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/seed.hpp"

using laban::client::topic_matches;

namespace {

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result;
  if (text.empty()) return result;
  std::size_t from = 0;
  for (;;) {
    const auto dot = text.find('.', from);
    result.push_back(text.substr(from, dot - from));
    if (dot == std::string::npos) return result;
    from = dot + 1;
  }
}

bool naive(const std::vector<std::string>& p, std::size_t i, const std::vector<std::string>& k, std::size_t j) {
  if (i == p.size()) return j == k.size();
  if (p[i] == "#") return naive(p, i + 1, k, j) || (j < k.size() && naive(p, i, k, j + 1));
  return j < k.size() && (p[i] == "*" || p[i] == k[j]) && naive(p, i + 1, k, j + 1);
}

}  // namespace

TEST_CASE("topic match: words, one word, and zero or more words") {
  CHECK(topic_matches("order.placed", "order.placed"));
  CHECK_FALSE(topic_matches("order.placed", "order.cancelled"));
  CHECK(topic_matches("order.*", "order.placed"));
  CHECK_FALSE(topic_matches("order.*", "order"));
  CHECK_FALSE(topic_matches("order.*", "order.placed.now"));
  CHECK(topic_matches("order.#", "order"));
  CHECK(topic_matches("#", ""));
  CHECK_FALSE(topic_matches("*", ""));
  CHECK(topic_matches("*.*", "."));
  CHECK(topic_matches("a.#.b", "a.x.y.b"));
  CHECK_FALSE(topic_matches("a*", "ab"));
}

TEST_CASE("topic match: agrees with naive matching on random patterns and keys") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  const std::vector<std::string> pattern_words{"a", "b", "", "*", "#"};
  const std::vector<std::string> key_words{"a", "b", ""};
  const auto text = [&](const std::vector<std::string>& from, std::uint64_t count) {
    std::string result;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) result += '.';
      result += from[random() % from.size()];
    }
    return result;
  };
  for (int round = 0; round < 100'000; ++round) {
    const auto pattern = text(pattern_words, random() % 6);
    const auto key = text(key_words, random() % 7);
    CAPTURE(pattern);
    CAPTURE(key);
    CHECK(topic_matches(pattern, key) == naive(words(pattern), 0, words(key), 0));
  }
}

TEST_CASE("topic match: many wildcards against a long key take bounded time") {
  std::string pattern, key;
  for (int i = 0; i < 60; ++i) pattern += "#.a.";
  for (int i = 0; i < 120; ++i) key += "a.";
  CHECK_FALSE(topic_matches(pattern + "b", key + "c"));
}
