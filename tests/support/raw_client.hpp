// tests/support/raw_client.hpp - speaks the hub's protocol frame by frame, so that a test sees what really goes over the socket.
#pragma once

#include <chrono>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <zmq.hpp>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::test {

using namespace std::chrono_literals;

// A message of the hub and the frame that its views point into.
struct Heard {
  codec::Frame frame;
  codec::HubMessage message;

  template <class Message>
  const Message& as() const {
    return std::get<Message>(message);
  }
};

class RawClient {
 public:
  explicit RawClient(const std::string& endpoint);

  void say(const codec::ClientMessage& message);
  void say_bytes(std::string_view bytes);

  // The next message of this kind; others wait for their turn, pongs are dropped unless asked for. Empty after `limit`.
  template <class Message>
  std::unique_ptr<Heard> hear(std::chrono::milliseconds limit = 10s) {
    return hear([](const codec::HubMessage& message) { return std::holds_alternative<Message>(message); }, limit);
  }

  // Says hello as an anonymous or named producer and returns the welcome; empty where the hub said no.
  std::unique_ptr<Heard> hello(std::string_view producer = {}, bool named = false);

  // Publishes one frame of events and waits for the confirms of all of them.
  std::vector<codec::Confirms::Run> publish(std::uint64_t first_sequence, const std::vector<NewEvent>& events,
                                            Level level = Level::synced, bool atomic = false);
  // Waits for runs that cover so many events.
  std::vector<codec::Confirms::Run> confirms(std::size_t events, std::chrono::milliseconds limit = 10s);

  // Asks and returns the answer.
  std::unique_ptr<Heard> ask(codec::Request request);
  bool declare_queue(std::string_view name, std::string_view pattern = {}, std::string_view exchange = "amq.topic");

  // The deliveries that come until there are so many.
  struct Message {
    std::uint64_t number = 0;
    std::uint64_t offset = 0;
    std::uint32_t attempts = 0;
    bool redelivered = false;
    std::string id;
  };
  std::vector<Message> deliveries(std::size_t count, std::chrono::milliseconds limit = 10s);
  void acknowledge(std::uint64_t consumer, const std::vector<Message>& messages);

 private:
  using Wanted = bool (*)(const codec::HubMessage&);
  std::unique_ptr<Heard> hear(Wanted wanted, std::chrono::milliseconds limit);

  zmq::context_t context_;
  zmq::socket_t socket_;
  std::deque<std::unique_ptr<Heard>> waiting_;
  std::uint64_t next_request_ = 1;
  std::deque<std::string> texts_;
};

// Reads one feed.
class RawReader {
 public:
  explicit RawReader(const std::string& endpoint);
  void want(codec::Blob feed);

  struct Batch {
    codec::Frame frame;
    codec::FeedBatch batch;
  };
  std::unique_ptr<Batch> next(std::chrono::milliseconds limit = 10s);
  // The first batch with events.
  std::unique_ptr<Batch> next_events(std::chrono::milliseconds limit = 10s);

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

NewEvent raw_event(std::string id, std::string routingkey, std::string key = {}, std::string exchange = "amq.topic");

}  // namespace laban::test
