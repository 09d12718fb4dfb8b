// monitor/core/hash.hpp - one hash for bytes: multiply and fold, sixteen bytes a turn.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace laban::monitor {

inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t read_word(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) {
  constexpr std::uint64_t first = 0x9e3779b97f4a7c15, second = 0xbf58476d1ce4e5b9;
  std::uint64_t hash = fold_multiply(seed ^ first, bytes.size() ^ second);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left > 16; left -= 16, at += 16)
    hash = fold_multiply(read_word(at) ^ first ^ hash, read_word(at + 8) ^ second);
  std::uint64_t low = 0, high = 0;
  if (left >= 8) {
    low = read_word(at);
    high = read_word(at + left - 8);
  } else if (left > 0) {
    std::memcpy(&low, at, left);
  }
  return fold_multiply(low ^ first ^ hash, high ^ second);
}

// For maps that are asked with a std::string_view and keep a std::string.
struct BytesHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view bytes) const { return hash_bytes(bytes); }
};
struct BytesEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

}  // namespace laban::monitor
