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
  std::string_view source = {};  // who said it, where the log tells it as laban:source
};

// Takes what a reader finds. Traces do not overlap.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // What a trace says of itself, where the log has it: before the trace begins.
  virtual void trace_attribute(std::string_view, std::string_view) {}
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
  void trace_attribute(std::string_view key, std::string_view value) override { next_.trace_attribute(key, value); }
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
    std::string source;
    bool joined = false;
  };
  void pair(std::vector<Kept>& events) const;

  LogSink& next_;
  LogOptions options_;
  std::vector<Kept> trace_;
};

// ISO 8601 and its common relatives: 2010-12-30T14:32:00.000+01:00, 2010/12/30 14:32, with UTC where no zone is said.
std::optional<LogTime> parse_time(std::string_view text);

// RFC 3339 in UTC, with microseconds or, where they are needed, nanoseconds: 2026-11-21T19:23:25.591906Z.
std::string rfc3339(LogTime time);

}  // namespace laban::monitor
