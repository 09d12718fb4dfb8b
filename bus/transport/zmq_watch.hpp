// bus/transport/zmq_watch.hpp - what becomes of a socket's connections before their first frame.
#pragma once

#include <string>

#include <zmq.hpp>

#include "bus/transport/server.hpp"

namespace laban::transport {

// libzmq tells of its connections over a socket of its own, and waits where nobody reads it: so it may hold any number of
// lines, and count() is called about once a second.
//
// Threads: belongs to the thread of the watched socket, and ends before it.
class ConnectionWatch {
 public:
  ConnectionWatch(zmq::context_t& context, zmq::socket_t& watched, const std::string& name);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // Adds what was told since the last call.
  void count(ConnectionCounts& counts);

 private:
  zmq::socket_t& watched_;
  zmq::socket_t reader_;
};

}  // namespace laban::transport
