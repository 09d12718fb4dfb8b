// monitor/core/event_log.hpp - a recorded event log as a stream of traces, whatever file it comes from.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

using LogTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// The views hold until the call returns.
struct LogEvent {
  std::string_view activity;
  std::string_view lifecycle;  // empty where the log has none
  std::optional<LogTime> time;
};

// Takes what a reader finds. Traces do not overlap.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void begin_trace(std::string_view id) = 0;
  virtual void event(const LogEvent& event) = 0;
  virtual void end_trace() = 0;
  virtual void warning(const Finding& finding) = 0;
  virtual bool wants_times() const { return true; }  // false spares the reader the work
};

enum class Lifecycle { every_event, complete, pair };

struct LogOptions {
  bool order_by_time = false;  // each trace sorted by time, ties in file order
  Lifecycle lifecycle = Lifecycle::every_event;
};

// Sits between a reader and a sink: leaves out, joins and sorts events of a trace as the options say.
class LogFilter : public LogSink {
 public:
  LogFilter(LogSink& next, LogOptions options) : next_(next), options_(options) {}
  void begin_trace(std::string_view id) override;
  void event(const LogEvent& event) override;
  void end_trace() override;
  void warning(const Finding& finding) override { next_.warning(finding); }
  bool wants_times() const override { return options_.order_by_time || next_.wants_times(); }

 private:
  struct Kept {
    std::string activity;
    std::string lifecycle;
    std::optional<LogTime> time;
    bool joined = false;
  };
  void pair(std::vector<Kept>& events) const;

  LogSink& next_;
  LogOptions options_;
  std::vector<Kept> trace_;
};

// ISO 8601 and its common relatives: 2010-12-30T14:32:00.000+01:00, 2010/12/30 14:32, with UTC where no zone is said.
std::optional<LogTime> parse_time(std::string_view text);

}  // namespace laban::monitor
