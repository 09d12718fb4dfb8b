// monitor/monitor.hpp - the whole monitor in one object: listens to a hub, keeps what it saw, answers on one HTTP port.
// `laban monitor` is a thin main around it; a test starts it on port 0. Start here.
//
// Threads:  starts one that listens and folds, and those of the HTTP server. Everything here is safe from any thread.
// Errors:   the constructor throws Error for what can never work: a definition that cannot be read, a store that is in use or
//           damaged, a port that is taken. A hub that is not there yet is waited for. wait() throws what stopped it later.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "laban/options.hpp"
#include "monitor/core/tracker.hpp"
#include "monitor/retention.hpp"

namespace laban::monitor {

struct MonitorOptions {
  HubAddress hub;
  std::filesystem::path definitions = "definitions";
  std::filesystem::path data = "monitor-data";
  std::string http = "127.0.0.1:8080";
  bool insecure = false;       // may listen beyond loopback
  bool step_durations = true;  // in /metrics
  std::filesystem::path web;   // the dashboard from files, for work on it
  std::string version = "0";   // of the software
  TrackerOptions tracking;
  Retention retention;
  // Makes JSON of a payload by its schema; called from any thread; may be empty.
  std::function<std::optional<std::string>(std::string_view dataschema, std::string_view bytes)> decoder;
  std::function<void(const std::string&)> say;  // a line for people, without a full stop
};

class Monitor {
 public:
  explicit Monitor(MonitorOptions options);
  ~Monitor();  // commits what it has seen
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  std::string address() const;  // http://HOST:PORT
  std::uint16_t http_port() const;

  // Ends with the stop; throws what keeps the monitor from going on.
  void wait(std::stop_token stop);

  // Waits until everything up to `offset` is committed; false if that took longer.
  bool wait_for(std::uint64_t offset, std::chrono::milliseconds wait) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban::monitor
