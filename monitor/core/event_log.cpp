// monitor/core/event_log.cpp - what a log's options leave of its traces, and times as logs write them.
#include "monitor/core/event_log.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace laban::monitor {

static bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

void LogFilter::begin_trace(std::string_view id) {
  trace_.clear();
  next_.begin_trace(id);
}

void LogFilter::event(const LogEvent& event) {
  if (options_.lifecycle == Lifecycle::complete && !event.lifecycle.empty() && !same_word(event.lifecycle, "complete"))
    return;
  if (!options_.order_by_time && options_.lifecycle != Lifecycle::pair) return next_.event(event);
  trace_.push_back(
      {std::string(event.activity), std::string(event.lifecycle), event.time, std::string(event.source), false});
}

// A start and the next complete of the same activity are one event, where the complete stands. Other transitions
// (schedule, assign ...) are steps of an activity's life and no events of their own here.
void LogFilter::pair(std::vector<Kept>& events) const {
  std::map<std::string, std::vector<std::size_t>> begun;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (same_word(events[i].lifecycle, "start")) {
      begun[events[i].activity].push_back(i);
    } else if (events[i].lifecycle.empty() || same_word(events[i].lifecycle, "complete")) {
      auto& open = begun[events[i].activity];
      if (open.empty()) continue;
      events[open.front()].joined = true;
      open.erase(open.begin());
    } else {
      events[i].joined = true;
    }
  }
  std::erase_if(events, [](const Kept& event) { return event.joined; });
}

void LogFilter::end_trace() {
  if (options_.order_by_time) {
    // An event without a time keeps its place behind the one before it.
    std::optional<LogTime> last;
    for (Kept& event : trace_) {
      if (!event.time) event.time = last;
      last = event.time;
    }
    std::stable_sort(trace_.begin(), trace_.end(), [](const Kept& a, const Kept& b) { return a.time < b.time; });
  }
  if (options_.lifecycle == Lifecycle::pair) pair(trace_);
  for (const Kept& event : trace_) next_.event({event.activity, event.lifecycle, event.time, event.source});
  trace_.clear();
  next_.end_trace();
}

namespace {

// Reads a text from left to right.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool number(int digits, int& value) {
    value = 0;
    for (int i = 0; i < digits; ++i) {
      if (text_.empty() || text_.front() < '0' || text_.front() > '9') return false;
      value = value * 10 + (text_.front() - '0');
      text_.remove_prefix(1);
    }
    return true;
  }
  bool one_of(std::string_view characters) {
    if (text_.empty() || characters.find(text_.front()) == std::string_view::npos) return false;
    taken_ = text_.front();
    text_.remove_prefix(1);
    return true;
  }
  char taken() const { return taken_; }
  bool at_end() const { return text_.empty(); }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
  char taken_ = 0;
};

}  // namespace

static bool parse_fraction(Cursor& cursor, std::int64_t& nanoseconds) {
  std::int64_t unit = 100'000'000;
  int digit = 0, digits = 0;
  while (cursor.number(1, digit)) {
    nanoseconds += digit * unit;
    unit /= 10;
    ++digits;
  }
  return digits > 0;
}

static bool parse_zone(Cursor& cursor, int& minutes) {
  minutes = 0;
  if (cursor.at_end()) return true;
  if (cursor.one_of("Zz")) return cursor.at_end();
  while (cursor.one_of(" ")) {
  }
  if (cursor.rest() == "UTC" || cursor.rest() == "GMT") return true;
  if (!cursor.one_of("+-")) return false;
  const int sign = cursor.taken() == '-' ? -1 : 1;
  int hour = 0, minute = 0;
  if (!cursor.number(2, hour)) return false;
  cursor.one_of(":");
  if (!cursor.at_end() && !cursor.number(2, minute)) return false;
  minutes = sign * (hour * 60 + minute);
  return cursor.at_end() && hour < 24 && minute < 60;
}

std::optional<LogTime> parse_time(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t')) text.remove_suffix(1);
  Cursor cursor(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zone = 0;
  std::int64_t nanoseconds = 0;
  if (!cursor.number(4, year) || !cursor.one_of("-/.") || !cursor.number(2, month) || !cursor.one_of("-/.") ||
      !cursor.number(2, day))
    return std::nullopt;
  if (cursor.one_of("Tt ")) {
    if (!cursor.number(2, hour) || !cursor.one_of(":") || !cursor.number(2, minute)) return std::nullopt;
    if (cursor.one_of(":")) {
      if (!cursor.number(2, second)) return std::nullopt;
      if (cursor.one_of(".,") && !parse_fraction(cursor, nanoseconds)) return std::nullopt;
    }
  }
  if (!parse_zone(cursor, zone)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour > 24 || minute > 59 || second > 60 || year < 1700 || year > 2200) return std::nullopt;
  return LogTime{std::chrono::sys_days{date}.time_since_epoch() + std::chrono::hours{hour} +
                 std::chrono::minutes{minute - zone} + std::chrono::seconds{second} +
                 std::chrono::nanoseconds{nanoseconds}};
}

std::string rfc3339(LogTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char whole[32];
  std::snprintf(whole, sizeof whole, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  const auto nanoseconds = static_cast<int>(clock.subseconds().count());
  char rest[16];
  if (nanoseconds % 1000 == 0) {
    std::snprintf(rest, sizeof rest, ".%06dZ", nanoseconds / 1000);
  } else {
    std::snprintf(rest, sizeof rest, ".%09dZ", nanoseconds);
  }
  return std::string(whole) + rest;
}

}  // namespace laban::monitor
