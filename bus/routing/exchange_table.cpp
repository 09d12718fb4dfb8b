// bus/routing/exchange_table.cpp - matching by exchange type.
#include "bus/routing/exchange_table.hpp"

#include <algorithm>
#include <functional>

namespace laban::routing {
namespace {

template <class T>
void erase_one(std::vector<T>& values, T value) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) return;
  *found = values.back();
  values.pop_back();
}

struct HashValue {
  template <class T>
  std::size_t operator()(const T& value) const {
    return std::hash<T>{}(value);
  }
  std::size_t operator()(const std::vector<std::byte>& bytes) const {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

std::uint64_t header_hash(const std::string& name, const HeaderValue& value) {
  const std::uint64_t typed = std::visit(HashValue{}, value) + value.index();
  return std::hash<std::string>{}(name) ^ (typed * 0x9E37'79B9'7F4A'7C15U);
}

std::uint64_t presence_hash(const std::string& name) {
  return header_hash(name, HeaderValue{});
}

}  // namespace

void ExchangeTable::insert(std::uint32_t id, const Binding& binding) {
  switch (kind_) {
    case ExchangeKind::direct:
      direct_[binding.pattern].push_back(binding.destination);
      break;
    case ExchangeKind::fanout:
      all_.push_back(binding.destination);
      break;
    case ExchangeKind::topic:
      topics_.insert(binding.pattern, binding.destination);
      break;
    case ExchangeKind::headers:
      index_headers(id, binding, true);
      break;
  }
}

void ExchangeTable::erase(std::uint32_t id, const Binding& binding) {
  switch (kind_) {
    case ExchangeKind::direct: {
      const auto found = direct_.find(binding.pattern);
      if (found == direct_.end()) break;
      erase_one(found->second, binding.destination);
      if (found->second.empty()) direct_.erase(found);
      break;
    }
    case ExchangeKind::fanout:
      erase_one(all_, binding.destination);
      break;
    case ExchangeKind::topic:
      topics_.erase(binding.pattern, binding.destination);
      break;
    case ExchangeKind::headers:
      index_headers(id, binding, false);
      break;
  }
}

void ExchangeTable::index_headers(std::uint32_t id, const Binding& binding, bool add) {
  const auto change = [&](std::uint64_t hash) {
    if (add) {
      by_header_[hash].push_back(id);
      return;
    }
    const auto found = by_header_.find(hash);
    if (found == by_header_.end()) return;
    erase_one(found->second, id);
    if (found->second.empty()) by_header_.erase(found);
  };
  const Headers& wanted = binding.match->wanted();
  if (binding.match->any()) {
    for (const auto& [name, value] : wanted) change(header_hash(name, value));
  } else if (wanted.empty()) {
    add ? unconditional_.push_back(id) : erase_one(unconditional_, id);
  } else {
    // A header with a value tells more bindings apart than one that only must be there.
    const auto telling = std::find_if(wanted.begin(), wanted.end(),
                                      [](const auto& h) { return !std::holds_alternative<std::monostate>(h.second); });
    const auto& by = telling == wanted.end() ? wanted.front() : *telling;
    change(header_hash(by.first, by.second));
  }
}

void ExchangeTable::match(std::string_view key, const Headers& headers,
                          const std::vector<std::unique_ptr<Binding>>& bindings, std::vector<Destination>& out) const {
  switch (kind_) {
    case ExchangeKind::direct: {
      const auto found = direct_.find(key);
      if (found != direct_.end()) out.insert(out.end(), found->second.begin(), found->second.end());
      break;
    }
    case ExchangeKind::fanout:
      out.insert(out.end(), all_.begin(), all_.end());
      break;
    case ExchangeKind::topic:
      topics_.match(key, [&](Destination destination) {
        out.push_back(destination);
        return true;
      });
      break;
    case ExchangeKind::headers: {
      const auto candidates = [&](std::uint64_t hash) {
        const auto found = by_header_.find(hash);
        if (found == by_header_.end()) return;
        for (const std::uint32_t id : found->second) {
          if (bindings[id]->match->matches(headers)) out.push_back(bindings[id]->destination);
        }
      };
      for (const std::uint32_t id : unconditional_) out.push_back(bindings[id]->destination);
      for (const auto& [name, value] : headers) {
        candidates(presence_hash(name));
        if (!std::holds_alternative<std::monostate>(value)) candidates(header_hash(name, value));
      }
      break;
    }
  }
}

std::size_t ExchangeTable::footprint() const {
  return topics_.node_count() + topics_.word_count() + topics_.size() + all_.size() + direct_.size() +
         by_header_.size() + unconditional_.size();
}

}  // namespace laban::routing
