// monitor/core/duration.cpp - spans of time as people and modellers write them.
#include "monitor/core/duration.hpp"

#include <array>
#include <cctype>

namespace laban::monitor {
namespace {

constexpr double second = 1000;
constexpr double minute = 60 * second;
constexpr double hour = 60 * minute;
constexpr double day = 24 * hour;
constexpr double longest = 100 * 365 * day;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes "12", "1.5" or "1,5" off the front.
std::optional<double> take_number(std::string_view& text) {
  std::size_t at = 0;
  double value = 0;
  while (at < text.size() && is_digit(text[at])) value = value * 10 + (text[at++] - '0');
  if (at == 0 || at > 15) return std::nullopt;
  if (at + 1 < text.size() && (text[at] == '.' || text[at] == ',') && is_digit(text[at + 1])) {
    double unit = 0.1;
    for (++at; at < text.size() && is_digit(text[at]); ++at, unit /= 10) value += (text[at] - '0') * unit;
  }
  text.remove_prefix(at);
  return value;
}

std::optional<std::chrono::milliseconds> bounded(double milliseconds) {
  if (milliseconds > longest) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(milliseconds + 0.5)};
}

std::optional<std::chrono::milliseconds> parse_iso(std::string_view text) {
  text.remove_prefix(1);
  double total = 0;
  bool in_time = false;
  bool any = false;
  while (!text.empty()) {
    if (text.front() == 'T' && !in_time) {
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    const auto number = take_number(text);
    if (!number || text.empty()) return std::nullopt;
    double unit = 0;
    switch (text.front()) {
      case 'Y':
        unit = in_time ? 0 : 365 * day;
        break;
      case 'W':
        unit = in_time ? 0 : 7 * day;
        break;
      case 'D':
        unit = in_time ? 0 : day;
        break;
      case 'M':
        unit = in_time ? minute : 30 * day;
        break;
      case 'H':
        unit = in_time ? hour : 0;
        break;
      case 'S':
        unit = in_time ? second : 0;
        break;
      default:
        break;
    }
    if (unit == 0) return std::nullopt;
    total += *number * unit;
    any = true;
    text.remove_prefix(1);
  }
  if (!any) return std::nullopt;
  return bounded(total);
}

double unit_named(std::string_view word) {
  struct Unit {
    std::string_view name;
    double milliseconds;
  };
  static constexpr std::array<Unit, 22> units{{
      {"ms", 1},          {"millisecond", 1},  {"milliseconds", 1}, {"s", second},   {"sec", second},
      {"second", second}, {"seconds", second}, {"m", minute},       {"min", minute}, {"mins", minute},
      {"minute", minute}, {"minutes", minute}, {"h", hour},         {"hour", hour},  {"hours", hour},
      {"d", day},         {"day", day},        {"days", day},       {"w", 7 * day},  {"week", 7 * day},
      {"weeks", 7 * day}, {"secs", second},
  }};
  for (const auto& unit : units)
    if (unit.name == word) return unit.milliseconds;
  return 0;
}

std::optional<std::chrono::milliseconds> parse_plain(std::string_view text) {
  double total = 0;
  bool any = false;
  const auto skip_spaces = [&] {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  };
  for (skip_spaces(); !text.empty(); skip_spaces()) {
    const auto number = take_number(text);
    skip_spaces();
    std::size_t length = 0;
    while (length < text.size() && std::isalpha(static_cast<unsigned char>(text[length]))) ++length;
    const double unit = number ? unit_named(text.substr(0, length)) : 0;
    if (unit == 0) return std::nullopt;
    total += *number * unit;
    any = true;
    text.remove_prefix(length);
  }
  if (!any) return std::nullopt;
  return bounded(total);
}

struct Part {
  std::int64_t milliseconds;
  const char* iso;
  const char* plain;
};
constexpr std::array<Part, 4> parts{
    {{86'400'000, "D", "d"}, {3'600'000, "H", "h"}, {60'000, "M", "m"}, {1000, "S", "s"}}};

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.empty() || text.size() > 64) return std::nullopt;
  return text.front() == 'P' ? parse_iso(text) : parse_plain(text);
}

std::string iso_duration(std::chrono::milliseconds span) {
  std::int64_t left = span.count();
  std::string out = "P";
  for (const auto& part : parts) {
    const std::int64_t count = left / part.milliseconds;
    left %= part.milliseconds;
    const bool seconds = part.milliseconds == 1000;
    if (count == 0 && !(seconds && left != 0)) continue;
    if (part.milliseconds < 86'400'000 && out.find('T') == std::string::npos) out += 'T';
    out += std::to_string(count);
    if (seconds && left != 0) {
      std::string fraction = std::to_string(1000 + left).substr(1);
      while (fraction.back() == '0') fraction.pop_back();
      out += "." + fraction;
    }
    out += part.iso;
  }
  return out == "P" ? "PT0S" : out;
}

std::string plain_duration(std::chrono::milliseconds span) {
  std::int64_t left = span.count();
  std::string out;
  for (const auto& part : parts) {
    const std::int64_t count = left / part.milliseconds;
    left %= part.milliseconds;
    if (count != 0) out += (out.empty() ? "" : " ") + std::to_string(count) + part.plain;
  }
  if (left != 0) out += (out.empty() ? "" : " ") + std::to_string(left) + "ms";
  return out.empty() ? "0s" : out;
}

}  // namespace laban::monitor
