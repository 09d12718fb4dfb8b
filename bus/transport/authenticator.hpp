// bus/transport/authenticator.hpp - answers libzmq's question who may connect (ZAP, ZeroMQ RFC 27), for CURVE keys.
#pragma once

#include <zmq.hpp>

#include "bus/transport/zmq_server.hpp"

namespace laban::transport {

// Threads: belongs to the server's thread; a connection waits in its handshake until serve() is called.
class Authenticator {
 public:
  // Throws zmq::error_t where the context has another one.
  Authenticator(zmq::context_t& context, PrincipalOf principal_of);

  // Answers all questions that wait.
  void serve();

  void* handle() { return questions_.handle(); }

  // Whom the connection that brought this message was authenticated as.
  static std::string_view principal(const zmq::message_t& message);

 private:
  void answer(const std::vector<zmq::message_t>& question);

  PrincipalOf principal_of_;
  zmq::socket_t questions_;
};

}  // namespace laban::transport
