// monitor/export.hpp - a list of instances, or one, as a file: CSV, XES or JSON, made piece by piece while it is sent, from
// one instant.
//
// Threads:  each export is one reader's.
// Errors:   throws Error(storage) where the store is damaged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "monitor/board.hpp"
#include "monitor/edge/history/store.hpp"

namespace laban::monitor {

enum class ExportFormat { csv, xes, json };

// csv, xes or json; nothing for another word.
std::optional<ExportFormat> export_format(std::string_view word);
const char* content_type_of(ExportFormat format);
const char* word(ExportFormat format);

class ListExport {
 public:
  static constexpr std::size_t events_max = 10'000;  // of one instance, in XES

  // The first `limit` instances of the query, which gives sort and filters.
  ListExport(Published at, ListQuery query, ExportFormat format, std::size_t limit);

  // The next piece; nothing after the last one.
  std::optional<std::string> next();

 private:
  std::string head() const;
  std::string tail() const;
  std::string one(const InstanceRow& row);

  Published at_;
  ListQuery query_;
  ExportFormat format_;
  std::size_t page_;
  std::size_t left_;
  std::uint64_t total_ = 0;
  std::vector<InstanceRow> rows_;
  std::size_t row_ = 0;
  enum class Part { head, rows, tail, over } part_ = Part::head;
  bool last_page_ = false;
  bool first_ = true;
};

// One instance's events. CSV has a row an event, as `laban replay` reads it.
std::string export_instance(const Published& at, const InstanceRow& row, ExportFormat format);

}  // namespace laban::monitor
