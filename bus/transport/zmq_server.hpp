// bus/transport/zmq_server.hpp - ROUTER for clients and XPUB for feeds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "bus/transport/server.hpp"

namespace laban::transport {

struct ServerOptions {
  std::string listen;         // tcp://HOST:PORT (port 0: any), ipc://PATH
  std::string feeds;          // empty: the port after `listen`, or any free one
  int frames_in_max = 1'000;  // waiting a peer, both ways
  int frames_out_max = 1'000;
  int feed_batches_max = 1'000;           // waiting a reader; what comes then is lost to it and repaired
  std::chrono::milliseconds linger{500};  // for what was said last
};

// Throws Error(in_use) where an address belongs to another process, Error(usage) where it cannot be one.
std::unique_ptr<Server> make_zmq_server(const ServerOptions& options);

// True where `endpoint` can be reached from this machine alone.
bool is_loopback(const std::string& endpoint);

}  // namespace laban::transport
