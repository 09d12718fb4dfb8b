// bus/client/part.hpp - what lives in a session: the publisher, a subscription, a consumer, the open requests.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "bus/client/feed_merge.hpp"
#include "bus/codec/codec.hpp"
#include "bus/transport/client_link.hpp"
#include "laban/error.hpp"

namespace laban::client {

using Clock = std::chrono::steady_clock;

// A refusal names one number, so the kinds of numbers do not overlap, nor do they meet a sequence.
inline constexpr std::uint64_t first_subscription_number = 1ull << 60;
inline constexpr std::uint64_t first_consumer_number = 1ull << 61;
inline constexpr std::uint64_t first_request_number = 1ull << 62;

// Says things to the hub; a part's only way out.
class Speaker {
 public:
  virtual ~Speaker() = default;

  // False: the socket is full; try again at the next flush.
  virtual bool say(SharedFrame frame) = 0;
  virtual void add_feed(codec::Blob id) = 0;
  virtual void remove_feed(codec::Blob id) = 0;

  // As ClientLink's.
  virtual void connect_ingest(const std::string&) {}
  virtual bool ingest_ready() { return false; }
  virtual bool say_ingest(SharedFrame) { return false; }

  // Ends the session for good; the application gets the error wherever it waits.
  virtual void give_up(const Error& error) = 0;

  bool say(const codec::ClientMessage& message) {
    return say(std::make_shared<const codec::Frame>(codec::encode(message)));
  }
};

// Threads: everything here is called on the I/O thread. What the application calls is the part's own business.
class Part {
 public:
  virtual ~Part() = default;

  // A session began: all that the hub must know is to be said again.
  virtual void welcomed(const codec::Welcome&) {}

  // The session ended.
  virtual void gone() {}

  // True where the message was for this part. Its views live as long as the frame.
  virtual bool received(const codec::HubMessage&, const SharedFrame&, Speaker&) { return false; }
  virtual void received_feed(codec::Blob /*id*/, const SharedFrame&) {}

  // Takes what the application has left, before any part says anything: what it left later is said later.
  virtual void collect() {}

  // Says what is waiting; false where the socket is full.
  virtual bool flush(Speaker&) { return true; }
  virtual bool has_work() const { return false; }

  // When it wants to be flushed at the latest.
  virtual Clock::time_point deadline() const { return Clock::time_point::max(); }

  virtual void failed(const Error&) {}
};

}  // namespace laban::client
