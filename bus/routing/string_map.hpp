// bus/routing/string_map.hpp - a flat map by text that can be asked with a view.
//
// Debian's abseil has a string view of its own, so its hash does not take std::string_view.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <functional>
#include <string>
#include <string_view>

namespace laban::routing {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return absl::Hash<absl::string_view>{}({text.data(), text.size()});
  }
};

template <class Value>
using StringMap = absl::flat_hash_map<std::string, Value, TextHash, std::equal_to<>>;

}  // namespace laban::routing
