// bus/hub/hub.hpp - the event bus in this process: what `laban hub` runs, and what a test starts on port 0.
//
// Threads:  start() makes one thread that owns the sockets and the log, and one for HTTP. Every function here is safe from
//           any thread.
// Delivery: an event is confirmed, delivered and fanned out after the log has it on the disk, never before.
// Errors:   start() throws Error: in_use (address or data directory), storage (a directory that cannot be written),
//           malformed (a damaged log), usage (an address beyond loopback without authentication). While it runs, a log
//           that cannot be written refuses publishing and says why; reading goes on.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "bus/hub/options.hpp"

namespace laban {

class Hub {
 public:
  explicit Hub(HubOptions options);
  ~Hub();  // stop()
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Opens the log, restores the state, listens.
  void start();

  // Takes no more in, stores and confirms what it has, saves a checkpoint, closes.
  void stop();

  // As if the process had been killed: what is gathered and not stored is gone. For tests.
  void crash();

  bool running() const;

  // True once the hub stopped by itself, because it cannot go on; failure() says why.
  bool wait_until_stopped(std::chrono::milliseconds limit);
  std::string failure() const;

  std::string endpoint() const;  // as bound: with the real port
  std::string feeds_endpoint() const;
  int http_port() const;             // 0 without HTTP
  std::string http_address() const;  // HOST:PORT, empty without HTTP
  const HubOptions& options() const;

  // What an inspect request of a client answers: queues, exchanges, schemas, explain, status; JSON.
  std::string inspect(const std::string& what, const std::string& argument = {});
  std::string metrics();  // Prometheus text

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace laban
