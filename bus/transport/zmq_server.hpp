// bus/transport/zmq_server.hpp - ROUTER for clients, XPUB for feeds, XSUB for what nobody confirms.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bus/transport/curve_keys.hpp"
#include "bus/transport/server.hpp"

namespace laban::transport {

// Whom a client with this public CURVE key (Z85) is taken for; nothing where it may not connect.
using PrincipalOf = std::function<std::optional<std::string>(const std::string& public_key)>;

struct ServerOptions {
  std::string listen;  // tcp://HOST:PORT (port 0: any), ipc://PATH
  std::string feeds;   // empty: the port after `listen`, or any free one
  std::string ingest;  // empty: the port after the feeds', or any free one
  bool has_ingest = false;
  int frames_in_max = 1'000;  // waiting a peer, both ways
  int frames_out_max = 1'000;
  int ingest_frames_max = 64;                   // waiting a publisher; it drops what comes then, and counts it
  int feed_batches_max = 1'000;                 // waiting a reader; what comes then is lost to it and repaired
  std::chrono::milliseconds linger{500};        // for what was said last
  std::chrono::milliseconds handshake{10'000};  // a connection that has not said what it is by then is closed
  std::optional<CurveKeys> keys;                // the server's own: every connection is encrypted and authenticated
  PrincipalOf principal_of;                     // with keys
};

// Throws Error(in_use) where an address belongs to another process, Error(usage) where it cannot be one.
std::unique_ptr<Server> make_zmq_server(const ServerOptions& options);

// True where `endpoint` can be reached from this machine alone.
bool is_loopback(const std::string& endpoint);

}  // namespace laban::transport
