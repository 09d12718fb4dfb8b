// cli/demo/monitor_view.hpp - what the monitor says, asked over its HTTP API as anybody would.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace laban::demo {

struct InstanceRow {
  std::string id;
  std::string definition;
  std::string state;
  std::string verdict;
  std::optional<double> seconds;  // from its start to its end
};

struct StateCounts {
  std::int64_t live = 0;
  std::int64_t ended = 0;
  std::map<std::string, std::int64_t> by_state;
};

// Threads: belongs to one thread.
// Errors:  a monitor that does not answer, or not yet, is nothing; an answer that makes no sense is an Error.
class MonitorView {
 public:
  explicit MonitorView(std::string address);  // HOST:PORT
  ~MonitorView();

  bool is_ready();
  std::optional<StateCounts> counts(const std::string& definition);
  std::optional<std::vector<InstanceRow>> instances(const std::string& definition);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Seconds since 1970 of an RFC 3339 time in UTC; nothing for anything else.
std::optional<double> seconds_of(const std::string& rfc3339);

}  // namespace laban::demo
