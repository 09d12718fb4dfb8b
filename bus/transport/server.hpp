// bus/transport/server.hpp - the hub's sockets, as the hub sees them: peers, frames and feeds. ZeroMQ does
// not show.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bus/codec/frame.hpp"

namespace laban::transport {

// The routing id of a connected client, as the socket gave it.
using Peer = std::string;

// An unguessable name under which a feed is multicast.
using FeedId = std::array<std::byte, 16>;

enum class Sent {
  sent,
  full,  // the peer does not read; try again later
  gone,  // the peer's connection has ended
};

// A reader asked for a feed (or left one). Anything but 16 bytes is no feed of ours; what was no wish at all asks for none.
struct FeedRequest {
  codec::Frame topic;
  bool wanted = false;
};

// Connections on all sockets since the start, and those that ended before they could say anything.
struct ConnectionCounts {
  std::uint64_t accepted = 0;
  std::uint64_t unfinished = 0;  // went, or said too little for too long
  std::uint64_t foreign = 0;     // spoke another protocol, or this one wrongly
  std::uint64_t denied = 0;      // are not who they should be
};

// Threads: belongs to one thread, wake() apart, which any thread may call.
// Errors:  receiving and sending never throw for what a peer does; a broken socket throws Error.
class Server {
 public:
  virtual ~Server() = default;

  virtual std::string endpoint() const = 0;
  // Where readers connect for feeds; a host of * stands for the host that they used to reach endpoint().
  virtual std::string feeds_endpoint() const = 0;
  // Where clients send what nobody confirms; empty where that is off.
  virtual std::string ingest_endpoint() const { return {}; }

  // Waits until something arrived, somebody called wake(), or the time has passed.
  virtual void wait(std::chrono::milliseconds limit) = 0;
  virtual void wake() = 0;

  // The next frame of a client, if one is waiting. A message of more than one frame is foreign: it arrives
  // empty.
  virtual bool receive(Peer& peer, codec::Frame& frame) = 0;
  // Whom the connection of the last received frame, of a client or of ingest_endpoint(), was authenticated as. Valid until the
  // next one is received; empty where connections are not authenticated.
  virtual std::string_view principal() const { return {}; }
  // Takes the frame where it was sent, and leaves it where it was not.
  virtual Sent send(const Peer& peer, codec::Frame& frame) = 0;

  // The next wish of a reader, if one is waiting; admit() answers the last one with yes, silence is no.
  virtual bool receive(FeedRequest& request) = 0;
  virtual void admit(const FeedRequest& request) = 0;
  // The next frame of ingest_endpoint(), if one is waiting; anybody who reaches it may have sent it. A message of more than
  // one frame arrives empty.
  virtual bool receive_ingest(codec::Frame&) { return false; }
  // Never waits: readers that are full lose it, and find the gap.
  virtual void publish(const FeedId& feed, codec::Frame batch) = 0;

  // To be asked about once a second.
  virtual ConnectionCounts connections() { return {}; }
};

}  // namespace laban::transport
