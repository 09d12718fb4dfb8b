// bus/transport/zmq_watch.cpp - reads libzmq's socket events.
#include "bus/transport/zmq_watch.hpp"

#include <cstdint>
#include <cstring>

namespace laban::transport {
namespace {

constexpr int told = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr int lines_max = 1'000'000;  // a call; what is left waits for the next one

}  // namespace

ConnectionWatch::ConnectionWatch(zmq::context_t& context, zmq::socket_t& watched, const std::string& name)
    : watched_{watched}, reader_{context, zmq::socket_type::pair} {
  const std::string endpoint = "inproc://watch." + name;
  reader_.set(zmq::sockopt::rcvhwm, 0);
  reader_.set(zmq::sockopt::linger, 0);
  if (zmq_socket_monitor(watched_.handle(), endpoint.c_str(), told) != 0) throw zmq::error_t{};
  reader_.connect(endpoint);
}

// Told to stop before its reader goes: it would wait for ever for another one.
ConnectionWatch::~ConnectionWatch() {
  (void)zmq_socket_monitor(watched_.handle(), nullptr, 0);
}

void ConnectionWatch::count(ConnectionCounts& counts) {
  zmq::message_t message;
  for (int lines = 0; lines < lines_max && reader_.recv(message, zmq::recv_flags::dontwait); ++lines) {
    std::uint16_t event = 0;
    if (message.size() >= sizeof event) std::memcpy(&event, message.data(), sizeof event);
    switch (event) {
      case ZMQ_EVENT_ACCEPTED:
        ++counts.accepted;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        ++counts.unfinished;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        ++counts.foreign;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        ++counts.denied;
        break;
      default:
        break;
    }
    while (message.more() && reader_.recv(message, zmq::recv_flags::dontwait)) continue;  // the address
  }
}

}  // namespace laban::transport
