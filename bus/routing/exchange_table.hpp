// bus/routing/exchange_table.hpp - the bindings of one exchange, arranged for matching by the exchange's type.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/routing/headers_match.hpp"
#include "bus/routing/string_map.hpp"
#include "bus/routing/topic.hpp"

namespace laban::routing {

enum class ExchangeKind : std::uint8_t { direct, fanout, topic, headers };

// A queue's number, or an exchange's with the top bit set.
using Destination = std::uint32_t;
inline constexpr Destination exchange_bit = 0x8000'0000;

struct Binding {
  std::uint32_t source = 0;
  Destination destination = 0;
  std::string pattern;
  Headers arguments;                    // of headers exchanges
  std::unique_ptr<HeadersMatch> match;  // of headers exchanges
  std::uint32_t place_at_source = 0;
  std::uint32_t place_at_destination = 0;
  std::string identity;
};

// Threads: one thread at a time.
class ExchangeTable {
 public:
  explicit ExchangeTable(ExchangeKind kind) : kind_(kind) {}

  void insert(std::uint32_t id, const Binding& binding);
  void erase(std::uint32_t id, const Binding& binding);

  // Appends the destinations of every binding that matches; one with two matching bindings may come twice.
  // `bindings` finds a binding by its number.
  void match(std::string_view key, const Headers& headers, const std::vector<std::unique_ptr<Binding>>& bindings,
             std::vector<Destination>& out) const;

  // Trie nodes, words and table entries: for leak checks.
  std::size_t footprint() const;

 private:
  void index_headers(std::uint32_t id, const Binding& binding, bool add);

  ExchangeKind kind_;
  TopicTrie topics_;
  std::vector<Destination> all_;                // fanout
  StringMap<std::vector<Destination>> direct_;  // by routing key
  // Headers bindings by one header that they need (all), or by each that would do (any): an event looks only at those
  // that share a header with it.
  absl::flat_hash_map<std::uint64_t, std::vector<std::uint32_t>> by_header_;
  std::vector<std::uint32_t> unconditional_;
};

}  // namespace laban::routing
