// monitor/edge/xes/csv_reader.cpp - CSV logs.
#include "monitor/edge/xes/csv_reader.hpp"

#include <algorithm>

#include "laban/error.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor {

static constexpr std::size_t longest_field = 1u << 20;
static constexpr std::size_t no_column = static_cast<std::size_t>(-1);
static constexpr std::uint32_t no_row = 0xffffffff;

void CsvReader::refuse(std::uint64_t line, const std::string& what) const {
  throw Error(Errc::malformed, file_ + ':' + std::to_string(line) + ":1: " + what);
}

// Of comma, semicolon and tab the one that the header has most of.
void CsvReader::detect_separator(std::string_view header) {
  if (columns_.separator == "\\t" || columns_.separator == "tab") columns_.separator = "\t";
  if (!columns_.separator.empty()) {
    separator_ = columns_.separator.front();
    return;
  }
  separator_ = ',';
  for (const char candidate : {';', '\t'})
    if (std::count(header.begin(), header.end(), candidate) > std::count(header.begin(), header.end(), separator_))
      separator_ = candidate;
}

void CsvReader::feed(std::string_view bytes) {
  if (separator_ == 0) {
    start_ += bytes;
    const auto end = start_.find_first_of("\r\n");
    if (end == std::string::npos && start_.size() < longest_field) return;
    if (start_.starts_with("\xef\xbb\xbf")) start_.erase(0, 3);
    detect_separator(std::string_view(start_).substr(0, end));
    bytes = start_;
  }
  for (const char c : bytes) {
    if (quote_pending_) {
      quote_pending_ = false;
      if (c == '"') {
        field_.push_back('"');
        continue;
      }
      quoted_ = false;
    }
    if (c == '\n') ++line_;
    if (quoted_) {
      if (c == '"')
        quote_pending_ = true;
      else
        field_.push_back(c);
    } else if (c == separator_) {
      end_field();
    } else if (c == '\n') {
      end_row();
    } else if (c == '"' && field_.empty() && !was_quoted_) {
      quoted_ = was_quoted_ = true;
    } else if (c != '\r') {
      field_.push_back(c);
    }
    if (field_.size() > longest_field)
      refuse(row_line_, "a field longer than 1 MiB: close its quote, or name a CSV log");
  }
}

void CsvReader::end_field() {
  if (field_count_ == fields_.size()) fields_.emplace_back();
  fields_[field_count_++].swap(field_);
  field_.clear();
  was_quoted_ = false;
  any_ = true;
}

void CsvReader::end_row() {
  if (any_ || !field_.empty() || was_quoted_) {
    end_field();
    if (header_read_)
      read_row();
    else
      read_header();
  }
  field_count_ = 0;
  any_ = false;
  row_line_ = line_;
}

void CsvReader::read_header() {
  header_read_ = true;
  const auto find = [&](const std::string& name) {
    for (std::size_t i = 0; i < field_count_; ++i)
      if (fields_[i] == name) return i;
    return no_column;
  };
  case_column_ = find(columns_.case_id);
  activity_column_ = find(columns_.activity);
  time_column_ = find(columns_.time);
  lifecycle_column_ = find("lifecycle:transition");
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(field_count_, 12); ++i)
    names += (i > 0 ? ", " : "") + one_line(std::string_view(fields_[i]).substr(0, 40));
  if (case_column_ == no_column)
    refuse(row_line_, "no column '" + columns_.case_id + "' among " + names + ": name the case column with --case");
  if (activity_column_ == no_column)
    refuse(row_line_,
           "no column '" + columns_.activity + "' among " + names + ": name the activity column with --activity");
}

std::uint32_t CsvReader::word(std::string_view text) {
  if (const auto found = word_ids_.find(text); found != word_ids_.end()) return found->second;
  const auto id = static_cast<std::uint32_t>(words_.size());
  words_.emplace_back(text);
  word_ids_.emplace(words_.back(), id);
  return id;
}

void CsvReader::read_row() {
  if (field_count_ <= std::max(case_column_, activity_column_))
    refuse(row_line_, "the row has " + std::to_string(field_count_) +
                          " fields, too few for case and activity: the file ends early, or --separator is another");
  if (fields_[case_column_].empty()) refuse(row_line_, "the row has no case: every row needs one");
  if (fields_[activity_column_].empty()) {
    sink_.warning({{file_, static_cast<std::uint32_t>(row_line_), 1},
                   Severity::warning,
                   "no-activity",
                   "an event of case '" + fields_[case_column_] + "' has no activity and is left out"});
  }
  const std::uint32_t name = word(fields_[case_column_]);
  const auto [entry, is_new] = case_of_.emplace(name, static_cast<std::uint32_t>(cases_.size()));
  if (is_new) cases_.push_back({name, no_row, no_row});
  if (fields_[activity_column_].empty()) return;
  Row row{no_row, word(fields_[activity_column_]), 0, {}, false};
  if (lifecycle_column_ < field_count_) row.lifecycle = word(fields_[lifecycle_column_]) + 1;
  if (time_column_ < field_count_) {
    if (const auto time = parse_time(fields_[time_column_])) {
      row.time = *time;
      row.has_time = true;
    }
  }
  Case& of = cases_[entry->second];
  const auto index = static_cast<std::uint32_t>(rows_.size());
  (of.first == no_row ? of.first : rows_[of.last].next) = index;
  of.last = index;
  rows_.push_back(row);
}

void CsvReader::finish() {
  if (separator_ == 0) {
    if (start_.empty()) refuse(1, "the file is empty: name a log with a header and rows");
    feed("\n");
  }
  if (quoted_ && !quote_pending_) refuse(row_line_, "a quote is never closed: the file ends early");
  quote_pending_ = quoted_ = false;
  end_row();
  if (!header_read_) refuse(1, "the file has no header: name a log with a header and rows");
  for (const Case& one : cases_) {
    sink_.begin_trace(words_[one.name]);
    for (std::uint32_t index = one.first; index != no_row; index = rows_[index].next) {
      const Row& row = rows_[index];
      sink_.event({words_[row.activity], row.lifecycle == 0 ? std::string_view{} : words_[row.lifecycle - 1],
                   row.has_time ? std::optional<LogTime>(row.time) : std::nullopt});
    }
    sink_.end_trace();
  }
}

}  // namespace laban::monitor
