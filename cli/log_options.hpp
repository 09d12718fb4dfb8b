// cli/log_options.hpp - the options of every subcommand that reads a recorded event log.
#pragma once

#include <functional>
#include <string>

#include "cli/command.hpp"
#include "monitor/core/event_log.hpp"
#include "monitor/edge/xes/log_file.hpp"

namespace laban::cli {

struct LogSettings {
  std::string file;
  std::string order = "file";
  std::string lifecycle = "every";
  monitor::LogColumns columns;
};

void add_log_options(CLI::App& command, LogSettings& settings);

// Reads the log into the sink, with progress on a terminal.
void read(const LogSettings& settings, monitor::LogSink& sink);

// Prints the first warnings on standard error, then counts them only.
std::function<void(const monitor::Finding&)> warn(const std::string& who);

}  // namespace laban::cli
