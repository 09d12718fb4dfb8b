// monitor/edge/yaml/tree.hpp - a YAML file as plain values that know where they stand, within limits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/process_model.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor::yaml {

struct Field;

struct Value {
  enum class Kind { null, text, list, map };

  Kind kind = Kind::null;
  std::string text;  // on one line
  bool tidy = true;  // it stood so in the file; a key word that does not is none
  Location at;
  std::vector<Value> items;
  std::vector<Field> fields;

  bool is_null() const { return kind == Kind::null; }
  bool is_text() const { return kind == Kind::text; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
};

struct Field {
  Value key, value;
};

inline constexpr std::size_t deepest = 160;
inline constexpr std::size_t most_values = 100'000;
inline constexpr std::size_t most_keys = 1000;
inline constexpr std::size_t longest_text = 64u << 10;
inline constexpr std::size_t largest_file = 4u << 20;

// The documents of the text, or nothing and an error among the findings. Aliases are refused: a definition is short,
// and a few lines of them can stand for more steps than any machine holds.
std::vector<Value> parse_documents(const std::string& text, const std::string& file, std::vector<Finding>& findings);

}  // namespace laban::monitor::yaml
