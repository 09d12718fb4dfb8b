// monitor/edge/xes/plain_trace.cpp - traces by hand.
#include "monitor/edge/xes/plain_trace.hpp"

#include <array>

namespace laban::monitor {

static constexpr std::size_t longest_value = 64u << 10;

static constexpr std::array<bool, 256> plain_in_value = [] {
  std::array<bool, 256> plain{};
  for (int c = ' '; c <= '~'; ++c) plain[static_cast<std::size_t>(c)] = c != '"' && c != '<' && c != '&';
  return plain;
}();

// Bytes of the UTF-8 character there, 0 where none that XML allows stands whole.
static std::size_t character(std::string_view text) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto trails = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0), second = byte(1);
  if (!trails(1)) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (!trails(2)) return 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second > 0x9f;
    const bool no_character = first == 0xef && second == 0xbf && byte(2) > 0xbd;
    return overlong || surrogate || no_character ? 0 : 3;
  }
  const bool in_range =
      first >= 0xf0 && first <= 0xf4 && (first != 0xf0 || second >= 0x90) && (first != 0xf4 || second <= 0x8f);
  return in_range && trails(3) ? 4 : 0;
}

PlainTrace::Form PlainTrace::read(std::string_view text, bool utf8) {
  rest_ = text;
  utf8_ = utf8;
  cut_ = false;
  lines_ = 0;
  line_ = text.data();
  trailing_ = 0;
  attributes_.clear();
  events_.clear();
  if (!read_trace()) return cut_ ? Form::cut : Form::other;
  size_ = text.size() - rest_.size();
  columns_ = static_cast<std::size_t>(rest_.data() - line_) - trailing_;
  return Form::plain;
}

bool PlainTrace::at_end() {
  cut_ = cut_ || rest_.empty();
  return rest_.empty();
}

// Both a line feed and one behind a carriage return end a line; a parser counts a lone carriage return too.
bool PlainTrace::blanks() {
  while (!at_end()) {
    const char c = rest_.front();
    if (c == '\r') {
      rest_.remove_prefix(1);
      if (at_end() || rest_.front() != '\n') return false;
    } else if (c == '\n') {
      ++lines_;
      rest_.remove_prefix(1);
      line_ = rest_.data();
      trailing_ = 0;
    } else if (c == ' ' || c == '\t') {
      rest_.remove_prefix(1);
    } else {
      return c == '<';
    }
  }
  return false;
}

template <std::size_t N>
bool PlainTrace::literal(const char (&text)[N]) {
  constexpr std::size_t size = N - 1;
  const std::string_view expected(text, size);
  if (rest_.starts_with(expected)) {
    rest_.remove_prefix(size);
    return true;
  }
  cut_ = cut_ || (rest_.size() < size && expected.starts_with(rest_));
  return false;
}

bool PlainTrace::value(std::string_view& found) {
  std::size_t size = 0;
  for (;;) {
    while (size < rest_.size() && plain_in_value[static_cast<unsigned char>(rest_[size])]) ++size;
    if (!utf8_ || size == rest_.size() || static_cast<unsigned char>(rest_[size]) < 0x80) break;
    const std::size_t bytes = character(rest_.substr(size));
    if (bytes == 0) {
      cut_ = cut_ || rest_.size() - size < 4;
      return false;
    }
    size += bytes;
    trailing_ += bytes - 1;
  }
  if (size > longest_value) return false;
  found = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return !at_end() && rest_.front() == '"';
}

bool PlainTrace::attribute(std::string_view& key, std::string_view& text) {
  if (!literal("<")) return false;
  const std::string_view start = rest_;
  while (!at_end() && rest_.front() >= 'a' && rest_.front() <= 'z') rest_.remove_prefix(1);
  if (rest_.size() == start.size()) return false;
  if (!literal(" key=\"") || !value(key) || !literal("\" value=\"") || !value(text) || !literal("\"")) return false;
  if (!at_end() && rest_.front() == ' ') rest_.remove_prefix(1);
  return literal("/>");
}

bool PlainTrace::read_trace() {
  if (!blanks() || !literal("<trace>")) return false;
  while (blanks()) {
    if (literal("</trace>")) return true;
    if (literal("<event>")) {
      if (!read_event()) return false;
      continue;
    }
    if (rest_.starts_with("<event")) return false;
    std::string_view key, text;
    if (!attribute(key, text)) return false;
    if (events_.empty()) attributes_.emplace_back(key, text);
  }
  return false;
}

// An event without an activity is worth a warning, which needs to know where.
bool PlainTrace::read_event() {
  Event event;
  while (blanks()) {
    if (literal("</event>")) {
      if (event.activity.empty()) return false;
      events_.push_back(event);
      return true;
    }
    std::string_view key, text;
    if (!attribute(key, text)) return false;
    if (key == "concept:name") {
      event.activity = text;
    } else if (key == "lifecycle:transition") {
      event.lifecycle = text;
    } else if (key == "time:timestamp") {
      event.time = text;
    } else if (key == "laban:source") {
      event.source = text;
    }
  }
  return false;
}

}  // namespace laban::monitor
