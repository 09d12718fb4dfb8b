// monitor/edge/xes/csv_reader.hpp - CSV logs: rows gathered by case, as RFC 4180 quotes them.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/event_log.hpp"
#include "monitor/core/hash.hpp"
#include "monitor/edge/xes/log_file.hpp"

namespace laban::monitor {

// Errors: laban::Error with file, line and column.
class CsvReader {
 public:
  CsvReader(std::string file, LogColumns columns, LogSink& sink)
      : file_(std::move(file)), columns_(std::move(columns)), sink_(sink) {}

  void feed(std::string_view bytes);
  void finish();  // the last row, then every trace to the sink

 private:
  struct Row {
    std::uint32_t next;      // of the same case
    std::uint32_t activity;  // in words_
    std::uint32_t lifecycle;
    LogTime time;
    bool has_time;
  };
  struct Case {
    std::uint32_t name;
    std::uint32_t first, last;
  };

  void end_field();
  void end_row();
  void read_header();
  void read_row();
  void detect_separator(std::string_view header);
  std::uint32_t word(std::string_view text);
  [[noreturn]] void refuse(std::uint64_t line, const std::string& what) const;

  std::string file_;
  LogColumns columns_;
  LogSink& sink_;
  char separator_ = 0;
  std::string start_;  // bytes until the separator is known
  std::vector<std::string> fields_;
  std::size_t field_count_ = 0;
  std::string field_;
  bool quoted_ = false, was_quoted_ = false, quote_pending_ = false;
  bool any_ = false;
  std::uint64_t line_ = 1, row_line_ = 1;
  bool header_read_ = false;
  std::size_t case_column_ = 0, activity_column_ = 0, time_column_ = 0, lifecycle_column_ = 0;
  absl::flat_hash_map<std::string, std::uint32_t, BytesHash, BytesEqual> word_ids_;
  std::vector<std::string> words_;
  absl::flat_hash_map<std::uint32_t, std::uint32_t> case_of_;
  std::vector<Case> cases_;
  std::vector<Row> rows_;
};

}  // namespace laban::monitor
