// bus/transport/client_link.hpp - what a client needs of a transport, so that another one can take ZeroMQ's place.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "bus/codec/frame.hpp"

namespace laban::transport {

using SharedFrame = std::shared_ptr<const codec::Frame>;

// A conversation with the hub, and feeds from it.
//
// Threads: belongs to one thread, wake() apart.
// Errors:  restart() and connect_feeds() throw Error(usage) for an endpoint that cannot be one.
class ClientLink {
 public:
  virtual ~ClientLink() = default;

  // Forgets everything that was underway, feeds too, and connects anew.
  virtual void restart() = 0;

  // False: not now; nothing was sent.
  virtual bool send(SharedFrame frame) = 0;

  // False: nothing has come.
  virtual bool receive(codec::Frame& frame) = 0;

  // Where the hub's feeds are; a host of * stands for the host of the hub.
  virtual void connect_feeds(const std::string& endpoint) = 0;
  virtual void add_feed(codec::Blob id) = 0;
  virtual void remove_feed(codec::Blob id) = 0;
  virtual bool receive_feed(codec::Frame& id, codec::Frame& batch) = 0;

  // Where events go that nobody confirms. ingest_ready() turns true once the hub listens there to this client, and false when
  // it went. say_ingest() never waits; false: there is no room, nothing was sent.
  virtual void connect_ingest(const std::string&) {}
  virtual bool ingest_ready() { return false; }
  virtual bool say_ingest(SharedFrame) { return false; }

  // True once after the connection broke.
  virtual bool broke() = 0;

  // Why there is no connection, as far as the transport knows: what to do. Empty where nothing is known.
  virtual std::string trouble() const = 0;

  // Returns when something can be received, when something can be sent and that is wanted, after wake(), or in time.
  virtual void wait(std::chrono::milliseconds limit, bool wants_to_send) = 0;

  // Ends a wait, also one that has not begun. From any thread.
  virtual void wake() = 0;

  // Gives what was sent up to `limit` to leave, then ends the connection.
  virtual void close(std::chrono::milliseconds limit) = 0;
};

}  // namespace laban::transport
