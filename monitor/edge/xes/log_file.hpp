// monitor/edge/xes/log_file.hpp - reads recorded event logs: XES 1.0 as a stream, CSV, plain or gzip. Start here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "monitor/core/event_log.hpp"

namespace laban::monitor {

// The columns of a CSV log. An empty separator is found in the header: comma, semicolon or tab.
struct LogColumns {
  std::string case_id = "case:concept:name";
  std::string activity = "concept:name";
  std::string time = "time:timestamp";
  std::string separator;
};

// Bytes of the file read so far, and all of them.
using LogProgress = std::function<void(std::uint64_t read, std::uint64_t total)>;

// Reads the whole log. XES by the ending .xes or .xml, CSV by .csv or .tsv, each also with .gz behind, else by its first
// character. A CSV's rows are gathered by case, traces in the order of their first rows; a case is one trace wherever its
// rows stand.
// Threads: any, each with its own sink. Errors: laban::Error "FILE:LINE:COLUMN: what is wrong: what to do" for a file that
// is missing, empty, truncated, too deep or of another kind; an event without an activity is a warning to the sink.
void read_log(const std::filesystem::path& path, const LogColumns& columns, LogSink& sink,
              const LogProgress& progress = {});

}  // namespace laban::monitor
