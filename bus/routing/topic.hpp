// bus/routing/topic.hpp - topic patterns: words separated by dots, `*` one word, `#` zero or more words.
//
// A word may be empty; the empty string is zero words. `*` and `#` are wildcards only where they are a whole word of a
// pattern; in a routing key they are literal. At most 255 bytes. Any number of `#` has bounded cost: a match walks the
// set of reachable trie nodes word by word, so it costs at most (words of the key) x (nodes of the trie), never a power.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/routing/string_map.hpp"

namespace laban::routing {

inline constexpr std::size_t topic_bytes_max = 255;  // of a pattern and of a routing key

// True if the key matches the pattern. Needs no preparation: for a reader that has one pattern.
bool topic_matches(std::string_view pattern, std::string_view key);

// True if every key that `asked` matches is matched by `granted` too. Errs on the side of no: `*.#` is not seen to cover `#.*`,
// unless both are written in their canonical form.
bool topic_covers(std::string_view granted, std::string_view asked);

// What is wrong with a pattern or routing key, if anything ("routing key has 300 bytes: at most 255").
std::optional<std::string> topic_problem(std::string_view what, std::string_view pattern_or_key);

// The same pattern in its shortest form: `#.#` is `#`, `#.*` is `*.#`. Two patterns that mean the same may still differ.
std::string canonical_pattern(std::string_view pattern);

// Many patterns with a number each: which numbers does a key reach?
//
// Threads: one thread at a time, `match` included (it reuses scratch memory).
// Errors:  none; a pattern or key that is too long never matches and is never stored.
class TopicTrie {
 public:
  TopicTrie();

  // False if this (pattern, value) is there already.
  bool insert(std::string_view pattern, std::uint32_t value);
  // False if it was not there.
  bool erase(std::string_view pattern, std::uint32_t value);

  // Calls visit(value) for each value of each pattern that matches, so a value with two matching patterns comes twice.
  // Stops as soon as visit returns false.
  template <class Visit>
  void match(std::string_view key, Visit&& visit) const {
    for (std::uint32_t node : reach(key)) {
      for (std::uint32_t value : nodes_[node].values) {
        if (!visit(value)) return;
      }
    }
  }

  bool matches_any(std::string_view key) const { return !reach(key).empty(); }

  std::size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }

  // For leak checks: both are back at their start when everything was erased.
  std::size_t node_count() const { return nodes_.size() - free_nodes_.size(); }
  std::size_t word_count() const { return words_.size(); }

 private:
  using NodeId = std::uint32_t;
  using WordId = std::uint32_t;
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  static constexpr NodeId root = 0;

  struct Node {
    NodeId star = none;
    NodeId hash = none;
    std::uint32_t literals = 0;      // literal children
    bool is_hash = false;            // stays reachable whatever word comes
    mutable std::uint64_t seen = 0;  // the last step of a match that reached this node
    std::vector<std::uint32_t> values;
  };
  struct Word {
    WordId id = 0;
    std::uint32_t uses = 0;
  };

  const std::vector<NodeId>& reach(std::string_view key) const;
  NodeId make_child(NodeId parent, std::string_view word);
  NodeId find_child(NodeId parent, std::string_view word) const;
  void drop_child(NodeId parent, std::string_view word, NodeId child);
  void prune(const std::vector<NodeId>& path, const std::vector<std::string_view>& words);
  static std::uint64_t pair(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

  std::vector<Node> nodes_;
  std::vector<NodeId> free_nodes_;
  StringMap<Word> words_;
  std::vector<WordId> free_words_;
  absl::flat_hash_map<std::uint64_t, NodeId> edges_;         // (node, word) -> node
  absl::flat_hash_map<std::uint64_t, std::uint32_t> slots_;  // (node, value) -> place in Node::values
  mutable std::uint64_t step_ = 0;
  mutable std::vector<NodeId> now_, next_, reached_;
};

// A filter: does a key match any of these patterns? What a feed and a subscriber ask.
//
// Threads: one thread at a time.
class TopicSet {
 public:
  TopicSet() = default;
  explicit TopicSet(const std::vector<std::string>& patterns) {
    for (const auto& pattern : patterns) insert(pattern);
  }
  bool insert(std::string_view pattern) { return trie_.insert(pattern, 0); }
  bool erase(std::string_view pattern) { return trie_.erase(pattern, 0); }
  bool matches(std::string_view key) const { return trie_.matches_any(key); }
  std::size_t size() const { return trie_.size(); }

 private:
  TopicTrie trie_;
};

}  // namespace laban::routing
