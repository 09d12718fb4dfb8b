// tests/unit/bus/routing/topic_test.cpp - topic patterns against a naive matcher, and their bounded cost.
#include "bus/routing/topic.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "tests/support/seed.hpp"

using namespace laban::routing;

namespace {

using WordList = std::vector<std::string>;

WordList words_of(const std::string& text) {
  WordList words;
  if (text.empty()) return words;
  std::string word;
  for (const char c : text) {
    if (c == '.') {
      words.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  words.push_back(word);
  return words;
}

// The rules, said as plainly as they can be.
bool oracle(const WordList& pattern, std::size_t p, const WordList& key, std::size_t k) {
  if (p == pattern.size()) return k == key.size();
  if (pattern[p] == "#") return oracle(pattern, p + 1, key, k) || (k < key.size() && oracle(pattern, p, key, k + 1));
  return k < key.size() && (pattern[p] == "*" || pattern[p] == key[k]) && oracle(pattern, p + 1, key, k + 1);
}

bool oracle(const std::string& pattern, const std::string& key) {
  return oracle(words_of(pattern), 0, words_of(key), 0);
}

std::string random_text(std::mt19937_64& random, const WordList& alphabet, std::size_t words_max) {
  std::string text;
  const std::size_t count = random() % (words_max + 1);
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ".") + alphabet[random() % alphabet.size()];
  return text;
}

const WordList pattern_words{"a", "b", "c", "", "*", "*", "#", "#", "a*", "##"};
const WordList key_words{"a", "b", "c", "", "*", "#", "a*", "##"};

bool trie_matches(const TopicTrie& trie, const std::string& key, std::uint32_t value) {
  bool found = false;
  trie.match(key, [&](std::uint32_t v) { return found = v == value, !found; });
  return found;
}

}  // namespace

TEST_CASE("topic: a pattern covers another only where it matches all that the other does (G320)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  int covered = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto granted = random_text(random, pattern_words, 4);
    const auto asked = random_text(random, pattern_words, 4);
    if (!topic_covers(granted, asked)) continue;
    ++covered;
    CAPTURE(granted);
    CAPTURE(asked);
    for (int k = 0; k < 20; ++k) {
      const auto key = random_text(random, key_words, 6);
      CHECK_FALSE((oracle(asked, key) && !oracle(granted, key)));
    }
  }
  CHECK(covered > 500);
  for (int round = 0; round < 200; ++round) {
    const auto pattern = random_text(random, pattern_words, 6);
    CAPTURE(pattern);
    CHECK(topic_covers("#", pattern));
    CHECK(topic_covers(pattern, pattern));
  }
  CHECK(topic_covers("order.*", "order.placed"));
  CHECK_FALSE(topic_covers("order.*", "order.#"));
  CHECK_FALSE(topic_covers("order.*", "#"));
}

TEST_CASE("topic: a pattern matches a key exactly when the rules say so (G70)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  std::size_t matched = 0;
  for (int round = 0; round < 100'000; ++round) {
    const auto pattern = random_text(random, pattern_words, 6);
    const auto key = random_text(random, key_words, 6);
    const bool expected = oracle(pattern, key);
    matched += expected;
    CAPTURE(pattern);
    CAPTURE(key);
    REQUIRE(topic_matches(pattern, key) == expected);
    REQUIRE(TopicSet{{pattern}}.matches(key) == expected);
    REQUIRE(topic_matches(canonical_pattern(pattern), key) == expected);
  }
  CHECK(matched > 1'000);
}

TEST_CASE("topic: empty words, empty keys and literal wildcards follow the rules (G70)") {
  const std::vector<std::tuple<std::string, std::string, bool>> vectors{
      {"", "", true},
      {"#", "", true},
      {"*", "", false},
      {"#.#", "", true},
      {"*.*", ".", true},
      {"*", ".", false},
      {"#", "...", true},
      {".", ".", true},
      {"a.", "a.", true},
      {"a.", "a", false},
      {"a.*", "a.", true},
      {"a.#", "a", true},
      {"a.#", "a.", true},
      {".a", ".a", true},
      {"*.a", ".a", true},
      {"#.a", ".a", true},
      {"a..b", "a..b", true},
      {"a.*.b", "a..b", true},
      {"a.*.b", "a.b", false},
      {".#", "", false},
      {".#", ".", true},
      {".*", ".", true},
      {"#.", "", false},
      {"#.", ".", true},
      {"a", "*", false},
      {"a", "#", false},
      {"*", "*", true},
      {"#", "#", true},
      {"a*", "a*", true},
      {"a*", "ab", false},
      {"a.##", "a.b", false},
      {"A", "a", false},
      {"\xC3\xA4.*", "\xC3\xA4.\xE2\x82\xAC", true},
      {"*.*.#", "a", false},
      {"#.*.#.*.#", "a.b", true},
  };
  for (const auto& [pattern, key, expected] : vectors) {
    CAPTURE(pattern);
    CAPTURE(key);
    CHECK(oracle(pattern, key) == expected);
    CHECK(topic_matches(pattern, key) == expected);
    CHECK(TopicSet{{pattern}}.matches(key) == expected);
  }
}

TEST_CASE("topic: the samples' vectors agree (G70)") {
  const std::filesystem::path file = std::filesystem::path{SAMPLES} / "topic-matching.json";
  if (!std::filesystem::exists(file)) {
    MESSAGE("SKIPPED: no samples beside the project");
    return;
  }
  std::ifstream in{file};
  const auto samples = nlohmann::json::parse(in);
  for (const auto& vector : samples["vectors"]) {
    const auto pattern = vector["pattern"].get<std::string>();
    const auto key = vector["key"].get<std::string>();
    CAPTURE(pattern);
    CAPTURE(key);
    CHECK(topic_matches(pattern, key) == vector["match"].get<bool>());
    CHECK(TopicSet{{pattern}}.matches(key) == vector["match"].get<bool>());
  }
}

TEST_CASE("topic trie: finds what a naive list finds through any life of bindings, and leaks nothing (G71)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (int life = 0; life < 20; ++life) {
    TopicTrie trie;
    const auto nodes = trie.node_count();
    std::set<std::pair<std::string, std::uint32_t>> list;
    for (int step = 0; step < 400; ++step) {
      const auto pattern = random_text(random, pattern_words, 5);
      const auto value = static_cast<std::uint32_t>(random() % 8);
      if (random() % 3 != 0) {
        REQUIRE(trie.insert(pattern, value) == list.emplace(pattern, value).second);
      } else if (!list.empty() && random() % 2 == 0) {
        const auto victim = *std::next(list.begin(), static_cast<long>(random() % list.size()));
        REQUIRE(trie.erase(victim.first, victim.second));
        list.erase(victim);
      } else {
        REQUIRE(trie.erase(pattern, value) == (list.erase({pattern, value}) != 0));
      }
      REQUIRE(trie.size() == list.size());
      const auto key = random_text(random, key_words, 6);
      std::multiset<std::uint32_t> expected;
      for (const auto& [p, v] : list) {
        if (oracle(p, key)) expected.insert(v);
      }
      std::multiset<std::uint32_t> found;
      trie.match(key, [&](std::uint32_t v) { return found.insert(v), true; });
      REQUIRE(found == expected);
      REQUIRE(trie.matches_any(key) == !expected.empty());
    }
    for (const auto& [p, v] : list) REQUIRE(trie.erase(p, v));
    CHECK(trie.node_count() == nodes);
    CHECK(trie.word_count() == 0);
    CHECK(trie.empty());
  }
}

TEST_CASE("topic trie: fifteen # on thirty-one words visit no node twice a word (G72)") {
  // A backtracking matcher takes minutes here; a test that ends shows the bound.
  std::string pattern;
  std::string key;
  for (int i = 0; i < 15; ++i) pattern += "#.a.";
  pattern += "b";
  for (int i = 0; i < 30; ++i) key += "a.";
  key += "c";
  TopicTrie trie;
  REQUIRE(trie.insert(pattern, 1));
  for (int round = 0; round < 10'000; ++round) REQUIRE_FALSE(trie_matches(trie, key, 1));
  key.back() = 'b';
  CHECK(trie_matches(trie, key, 1));
  CHECK(topic_matches(pattern, key));
  std::string most;
  for (int i = 0; i < 127; ++i) most += i == 0 ? "#" : ".#";
  std::string dots(topic_bytes_max, '.');
  REQUIRE(trie.insert(most, 2));
  for (int round = 0; round < 100; ++round) REQUIRE(trie_matches(trie, dots, 2));
}

TEST_CASE("topic: patterns and keys over 255 bytes match nothing and are named (G70)") {
  const std::string longest(topic_bytes_max, 'a');
  const std::string longer(topic_bytes_max + 1, 'a');
  CHECK(topic_matches(longest, longest));
  CHECK_FALSE(topic_matches(longer, longer));
  CHECK_FALSE(topic_matches("#", longer));
  TopicTrie trie;
  CHECK_FALSE(trie.insert(longer, 1));
  CHECK(trie.insert("#", 1));
  CHECK_FALSE(trie.matches_any(longer));
  CHECK_FALSE(topic_problem("the key", longest).has_value());
  CHECK(topic_problem("the key", longer) == "the key has 256 bytes: at most 255");
}
