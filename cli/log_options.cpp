// cli/log_options.cpp - reading a recorded event log for a subcommand.
#include "cli/log_options.hpp"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <memory>

namespace laban::cli {

void add_log_options(CLI::App& command, LogSettings& settings) {
  command.add_option("LOG", settings.file, "An event log: XES or CSV, plain or gzip")->required();
  command.add_option("--order", settings.order, "file, or time: each trace sorted by time, ties in file order")
      ->check(CLI::IsMember({"file", "time"}));
  command
      .add_option("--lifecycle", settings.lifecycle,
                  "every event counts, only complete ones, or a pair of start and complete as one")
      ->check(CLI::IsMember({"every", "complete", "pair"}));
  command.add_option("--case", settings.columns.case_id, "CSV: the column of the case")->capture_default_str();
  command.add_option("--activity", settings.columns.activity, "CSV: the column of the activity")->capture_default_str();
  command.add_option("--time", settings.columns.time, "CSV: the column of the time")->capture_default_str();
  command.add_option("--separator", settings.columns.separator,
                     "CSV: between fields; found in the header if not given");
}

static monitor::LogProgress progress_on_terminal() {
  if (isatty(STDERR_FILENO) == 0) return {};
  auto last = std::make_shared<std::chrono::steady_clock::time_point>(std::chrono::steady_clock::now());
  return [last](std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    const bool finished = total > 0 && done >= total;
    if (now - *last < std::chrono::milliseconds{500}) return;
    *last = now;
    std::cerr << '\r' << (total > 0 ? done * 100 / total : 0) << " %" << (finished ? "\r     \r" : "") << std::flush;
  };
}

void read(const LogSettings& settings, monitor::LogSink& sink) {
  monitor::LogOptions options;
  options.order_by_time = settings.order == "time";
  if (settings.lifecycle == "complete") options.lifecycle = monitor::Lifecycle::complete;
  if (settings.lifecycle == "pair") options.lifecycle = monitor::Lifecycle::pair;
  monitor::LogFilter filter(sink, options);
  monitor::read_log(settings.file, settings.columns, filter, progress_on_terminal());
}

std::function<void(const monitor::Finding&)> warn(const std::string& who) {
  static constexpr std::uint64_t most = 20;
  auto count = std::make_shared<std::uint64_t>(0);
  return [who, count](const monitor::Finding& finding) {
    if (++*count > most) return;
    std::cerr << who << ": " << finding.at.file << ':' << finding.at.line << ':' << finding.at.column
              << ": warning: " << finding.message << (*count == most ? " (further warnings are not shown)" : "")
              << '\n';
  };
}

}  // namespace laban::cli
