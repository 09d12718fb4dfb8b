// bus/routing/headers_match.cpp - x-match over typed headers.
#include "bus/routing/headers_match.hpp"

#include <algorithm>
#include <sstream>

namespace laban::routing {
namespace {

constexpr std::string_view x_match = "x-match";

std::string_view mode_of(const Headers& arguments) {
  const HeaderValue* value = find_header(arguments, x_match);
  if (value == nullptr) return "all";
  const auto* text = std::get_if<std::string>(value);
  return text == nullptr ? std::string_view{} : std::string_view{*text};
}

}  // namespace

const HeaderValue* find_header(const Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

bool header_satisfies(const HeaderValue& wanted, const HeaderValue* found) {
  if (found == nullptr) return false;
  return std::holds_alternative<std::monostate>(wanted) || wanted == *found;
}

std::string header_text(const HeaderValue& value) {
  std::ostringstream out;
  if (const auto* text = std::get_if<std::string>(&value)) {
    out << '"' << *text << '"';
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out << *integer;
  } else if (const auto* real = std::get_if<double>(&value)) {
    out << *real << " (real)";
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out << (*flag ? "true" : "false");
  } else if (const auto* bytes = std::get_if<std::vector<std::byte>>(&value)) {
    out << bytes->size() << " bytes";
  } else {
    out << "any value";
  }
  return out.str();
}

std::optional<std::string> HeadersMatch::problem(const Headers& arguments) {
  const auto mode = mode_of(arguments);
  if (mode == "all" || mode == "any" || mode == "all-with-x" || mode == "any-with-x") return std::nullopt;
  return "x-match is not one of the texts all, any, all-with-x, any-with-x: choose one or leave it out for all";
}

HeadersMatch::HeadersMatch(const Headers& arguments) {
  const auto mode = mode_of(arguments);
  any_ = mode == "any" || mode == "any-with-x";
  const bool with_x = mode == "all-with-x" || mode == "any-with-x";
  for (const auto& argument : arguments) {
    if (argument.first == x_match || (!with_x && argument.first.starts_with("x-"))) continue;
    wanted_.push_back(argument);
  }
  std::stable_sort(wanted_.begin(), wanted_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
}

bool HeadersMatch::matches(const Headers& headers) const {
  const auto satisfied = [&](const auto& wanted) {
    return header_satisfies(wanted.second, find_header(headers, wanted.first));
  };
  return any_ ? std::any_of(wanted_.begin(), wanted_.end(), satisfied)
              : std::all_of(wanted_.begin(), wanted_.end(), satisfied);
}

std::string HeadersMatch::why(const Headers& headers) const {
  if (wanted_.empty()) return any_ ? "any of no headers never matches" : "all of no headers always matches";
  for (const auto& [name, value] : wanted_) {
    const HeaderValue* found = find_header(headers, name);
    if (header_satisfies(value, found) == any_) {
      const std::string has = found == nullptr ? "is missing" : "is " + header_text(*found);
      return any_ ? "header " + name + " " + has : "header " + name + " " + has + ", wanted " + header_text(value);
    }
  }
  return any_ ? "no header has a wanted value" : "all headers have the wanted values";
}

}  // namespace laban::routing
