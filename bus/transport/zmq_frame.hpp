// bus/transport/zmq_frame.hpp - a received message as a frame; for the ZeroMQ transports.
#pragma once

#include <memory>
#include <utility>

#include <zmq.hpp>

#include "bus/codec/frame.hpp"

namespace laban::transport {

// Small messages lie unaligned in a buffer that libzmq shares among them, so they are copied. Above this one has memory of
// its own, which the frame takes over.
inline constexpr std::size_t adopt_bytes_min = 16u << 10;

inline codec::Blob bytes_of(const zmq::message_t& message) {
  return {static_cast<const std::byte*>(message.data()), message.size()};
}

inline void take(zmq::message_t& message, codec::Frame& frame) {
  const auto bytes = bytes_of(message);
  if (bytes.size() < adopt_bytes_min || !codec::Frame::is_aligned(bytes)) return frame.assign(bytes);
  // Moving a message of this size leaves its bytes where they are.
  frame.adopt(bytes, std::make_shared<zmq::message_t>(std::move(message)));
}

}  // namespace laban::transport
