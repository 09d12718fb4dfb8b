// bus/routing/topic.cpp - matching one pattern, and a trie of many.
#include "bus/routing/topic.hpp"

#include <algorithm>

namespace laban::routing {
namespace {

// A place between the words of a pattern or key.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text), done_(text.empty()) {}

  bool done() const { return done_; }
  std::string_view word() const { return text_.substr(at_, end() - at_); }
  void next() {
    const std::size_t dot = end();
    if (dot == text_.size()) {
      done_ = true;
    } else {
      at_ = dot + 1;
    }
  }

 private:
  std::size_t end() const { return std::min(text_.find('.', at_), text_.size()); }

  std::string_view text_;
  std::size_t at_ = 0;
  bool done_;
};

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  for (Words at{text}; !at.done(); at.next()) words.push_back(at.word());
  return words;
}

}  // namespace

bool topic_matches(std::string_view pattern, std::string_view key) {
  if (pattern.size() > topic_bytes_max || key.size() > topic_bytes_max) return false;
  // Only the last `#` ever needs to take more words: what an earlier one took, the later one can give back.
  Words p{pattern};
  Words k{key};
  bool has_hash = false;
  Words after_hash{pattern};
  Words hash_end{key};
  while (!k.done()) {
    if (!p.done() && p.word() == "#") {
      p.next();
      has_hash = true;
      after_hash = p;
      hash_end = k;
    } else if (!p.done() && (p.word() == "*" || p.word() == k.word())) {
      p.next();
      k.next();
    } else if (has_hash) {
      hash_end.next();
      k = hash_end;
      p = after_hash;
    } else {
      return false;
    }
  }
  while (!p.done() && p.word() == "#") p.next();
  return p.done();
}

bool topic_covers(std::string_view granted, std::string_view asked) {
  if (granted.size() > topic_bytes_max || asked.size() > topic_bytes_max) return false;
  const auto words = [](std::string_view pattern) {
    std::vector<std::string_view> result;
    for (Words word{pattern}; !word.done(); word.next()) result.push_back(word.word());
    return result;
  };
  const auto g = words(granted);
  const auto a = words(asked);
  // covers[j]: what is granted from its i-th word on covers what is asked from its j-th word on.
  std::vector<char> covers(a.size() + 1, 0);
  covers[a.size()] = 1;
  for (std::size_t i = g.size(); i-- > 0;) {
    std::vector<char> here(a.size() + 1, 0);
    for (std::size_t j = a.size() + 1; j-- > 0;) {
      if (g[i] == "#") {
        here[j] = covers[j] != 0 || (j < a.size() && here[j + 1] != 0);
      } else if (j < a.size() && a[j] != "#" && (g[i] == "*" || g[i] == a[j])) {
        here[j] = covers[j + 1];
      }
    }
    covers = std::move(here);
  }
  return covers[0] != 0;
}

std::optional<std::string> topic_problem(std::string_view what, std::string_view pattern_or_key) {
  if (pattern_or_key.size() <= topic_bytes_max) return std::nullopt;
  return std::string{what} + " has " + std::to_string(pattern_or_key.size()) + " bytes: at most " +
         std::to_string(topic_bytes_max);
}

std::string canonical_pattern(std::string_view pattern) {
  std::string result;
  bool first = true;
  auto add = [&](std::string_view word) {
    if (!first) result += '.';
    first = false;
    result += word;
  };
  bool hash = false;  // in the present run of wildcards
  for (Words at{pattern}; !at.done(); at.next()) {
    if (at.word() == "#") {
      hash = true;
      continue;
    }
    if (at.word() != "*" && hash) {
      add("#");
      hash = false;
    }
    add(at.word());
  }
  if (hash) add("#");
  return result;
}

TopicTrie::TopicTrie() : nodes_(1) {}

bool TopicTrie::insert(std::string_view pattern, std::uint32_t value) {
  if (pattern.size() > topic_bytes_max) return false;
  NodeId node = root;
  for (Words at{pattern}; !at.done(); at.next()) node = make_child(node, at.word());
  auto& values = nodes_[node].values;
  const bool added = slots_.try_emplace(pair(node, value), static_cast<std::uint32_t>(values.size())).second;
  if (added) values.push_back(value);
  return added;  // where it was there already, the path was there too
}

bool TopicTrie::erase(std::string_view pattern, std::uint32_t value) {
  const auto words = split(pattern);
  std::vector<NodeId> path{root};
  for (auto word : words) {
    const NodeId next = find_child(path.back(), word);
    if (next == none) return false;
    path.push_back(next);
  }
  const NodeId node = path.back();
  const auto slot = slots_.find(pair(node, value));
  if (slot == slots_.end()) return false;
  auto& values = nodes_[node].values;
  const std::uint32_t place = slot->second;
  slots_.erase(slot);
  if (place + 1 != values.size()) {
    values[place] = values.back();
    slots_[pair(node, values[place])] = place;
  }
  values.pop_back();
  if (values.empty()) values.shrink_to_fit();
  prune(path, words);
  return true;
}

TopicTrie::NodeId TopicTrie::find_child(NodeId parent, std::string_view word) const {
  if (word == "*") return nodes_[parent].star;
  if (word == "#") return nodes_[parent].hash;
  const auto known = words_.find(word);
  if (known == words_.end()) return none;
  const auto edge = edges_.find(pair(parent, known->second.id));
  return edge == edges_.end() ? none : edge->second;
}

TopicTrie::NodeId TopicTrie::make_child(NodeId parent, std::string_view word) {
  const NodeId there = find_child(parent, word);
  if (there != none) return there;
  NodeId node;
  if (free_nodes_.empty()) {
    node = static_cast<NodeId>(nodes_.size());
    nodes_.emplace_back();
  } else {
    node = free_nodes_.back();
    free_nodes_.pop_back();
    nodes_[node] = Node{};
  }
  if (word == "*") {
    nodes_[parent].star = node;
  } else if (word == "#") {
    nodes_[parent].hash = node;
    nodes_[node].is_hash = true;
  } else {
    auto [entry, added] = words_.try_emplace(word);
    if (added) {
      if (free_words_.empty()) {
        entry->second.id = static_cast<WordId>(words_.size() - 1);
      } else {
        entry->second.id = free_words_.back();
        free_words_.pop_back();
      }
    }
    ++entry->second.uses;
    edges_.emplace(pair(parent, entry->second.id), node);
    ++nodes_[parent].literals;
  }
  return node;
}

void TopicTrie::drop_child(NodeId parent, std::string_view word, NodeId child) {
  if (word == "*") {
    nodes_[parent].star = none;
  } else if (word == "#") {
    nodes_[parent].hash = none;
  } else {
    const auto known = words_.find(word);
    edges_.erase(pair(parent, known->second.id));
    --nodes_[parent].literals;
    if (--known->second.uses == 0) {
      free_words_.push_back(known->second.id);
      words_.erase(known);
    }
  }
  free_nodes_.push_back(child);
}

void TopicTrie::prune(const std::vector<NodeId>& path, const std::vector<std::string_view>& words) {
  for (std::size_t depth = words.size(); depth > 0; --depth) {
    const Node& node = nodes_[path[depth]];
    if (!node.values.empty() || node.star != none || node.hash != none || node.literals != 0) return;
    drop_child(path[depth - 1], words[depth - 1], path[depth]);
  }
}

// A node has one parent, so only a `#` node can be reached twice by the same word: by staying and from its parent. It
// alone needs the stamp, and every node of a step is looked at once.
const std::vector<TopicTrie::NodeId>& TopicTrie::reach(std::string_view key) const {
  reached_.clear();
  if (slots_.empty() || key.size() > topic_bytes_max) return reached_;
  now_.assign(1, root);
  ++step_;
  // A `#` below a node is reachable with it, since it may take no word at all.
  const auto with_hash = [this](const Node& node) {
    if (node.hash == none || nodes_[node.hash].seen == step_) return;
    nodes_[node.hash].seen = step_;
    now_.push_back(node.hash);
  };
  for (Words at{key}; !at.done() && !now_.empty(); at.next()) {
    const auto known = words_.find(at.word());
    next_.clear();
    for (std::size_t i = 0; i < now_.size(); ++i) {
      const NodeId id = now_[i];
      const Node& node = nodes_[id];
      with_hash(node);
      if (node.is_hash) {
        node.seen = step_ + 1;
        next_.push_back(id);
      }
      if (node.star != none) next_.push_back(node.star);
      if (node.literals == 0 || known == words_.end()) continue;
      const auto edge = edges_.find(pair(id, known->second.id));
      if (edge != edges_.end()) next_.push_back(edge->second);
    }
    now_.swap(next_);
    ++step_;
  }
  for (std::size_t i = 0; i < now_.size(); ++i) {
    const Node& node = nodes_[now_[i]];
    with_hash(node);
    if (!node.values.empty()) reached_.push_back(now_[i]);
  }
  return reached_;
}

}  // namespace laban::routing
