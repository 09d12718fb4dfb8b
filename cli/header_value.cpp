// cli/header_value.cpp - text and JSON to typed headers, and back.
#include "cli/header_value.hpp"

#include <kj/encoding.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "laban/error.hpp"

namespace laban::cli {

using nlohmann::ordered_json;

HeaderValue header_value(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  std::int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (auto [stop, error] = std::from_chars(text.data(), end, integer); error == std::errc{} && stop == end)
    return integer;
  double real = 0;
  if (auto [stop, error] = std::from_chars(text.data(), end, real); error == std::errc{} && stop == end) return real;
  return text;
}

std::pair<std::string, HeaderValue> parse_header(const std::string& text, const char* example) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(Errc::usage, "\"" + text + "\" has no name and value: write NAME=VALUE, for example " + example);
  }
  return {text.substr(0, equals), header_value(text.substr(equals + 1))};
}

Headers headers_of(const ordered_json& object) {
  if (!object.is_object()) throw Error(Errc::malformed, R"("headers" is no object: write {"region":"eu","size":3})");
  Headers headers;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) {
      headers.emplace_back(name, value.get<std::string>());
    } else if (value.is_boolean()) {
      headers.emplace_back(name, value.get<bool>());
    } else if (value.is_number_integer()) {
      headers.emplace_back(name, value.get<std::int64_t>());
    } else if (value.is_number()) {
      headers.emplace_back(name, value.get<double>());
    } else if (value.is_null()) {
      headers.emplace_back(name, std::monostate{});
    } else {
      throw Error(Errc::malformed,
                  "header \"" + name + "\" is a list or an object: headers are text, numbers and flags");
    }
  }
  return headers;
}

ordered_json json_of(const Headers& headers) {
  struct Value {
    ordered_json operator()(std::monostate) const { return nullptr; }
    ordered_json operator()(const std::string& value) const { return value; }
    ordered_json operator()(std::int64_t value) const { return value; }
    ordered_json operator()(double value) const { return value; }
    ordered_json operator()(bool value) const { return value; }
    ordered_json operator()(const std::vector<std::byte>& value) const {
      return kj::encodeBase64({reinterpret_cast<const kj::byte*>(value.data()), value.size()}).cStr();
    }
  };
  ordered_json result = ordered_json::object();
  for (const auto& [name, value] : headers) result[name] = std::visit(Value{}, value);
  return result;
}

}  // namespace laban::cli
