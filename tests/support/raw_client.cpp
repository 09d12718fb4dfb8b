// tests/support/raw_client.cpp - a DEALER and a SUB, and the codec.
#include "tests/support/raw_client.hpp"

#include <random>
#include <stdexcept>
#include <utility>

namespace laban::test {
namespace {

using Clock = std::chrono::steady_clock;

bool readable(zmq::socket_t& socket, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  return zmq::poll(&item, 1, std::max(left, 0ms)) > 0;
}

codec::Blob bytes_of(const zmq::message_t& message) {
  return {static_cast<const std::byte*>(message.data()), message.size()};
}

}  // namespace

RawClient::RawClient(const std::string& endpoint) : socket_{context_, zmq::socket_type::dealer} {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::sndhwm, 0);
  socket_.set(zmq::sockopt::rcvhwm, 0);
  socket_.connect(endpoint);
}

void RawClient::say(const codec::ClientMessage& message) {
  const auto frame = codec::encode(message);
  socket_.send(zmq::buffer(frame.bytes().data(), frame.size()), zmq::send_flags::none);
}

void RawClient::say_bytes(std::string_view bytes) {
  socket_.send(zmq::buffer(bytes), zmq::send_flags::none);
}

std::unique_ptr<Heard> RawClient::hear(Wanted wanted, std::chrono::milliseconds limit) {
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (!wanted((*it)->message)) continue;
    auto found = std::move(*it);
    waiting_.erase(it);
    return found;
  }
  const auto until = Clock::now() + limit;
  while (readable(socket_, until)) {
    zmq::message_t message;
    if (!socket_.recv(message)) continue;
    auto heard = std::make_unique<Heard>();
    heard->frame.assign(bytes_of(message));
    auto decoded = codec::decode_hub_message(heard->frame);
    if (auto* malformed = std::get_if<codec::Malformed>(&decoded)) throw std::runtime_error{malformed->what};
    heard->message = std::move(std::get<codec::HubMessage>(decoded));
    if (wanted(heard->message)) return heard;
    if (!std::holds_alternative<codec::Pong>(heard->message)) waiting_.push_back(std::move(heard));
  }
  return nullptr;
}

std::unique_ptr<Heard> RawClient::hello(std::string_view producer, bool named) {
  codec::Hello hello;
  hello.source = "raw";
  hello.producer = producer;
  hello.named = named;
  hello.session = std::random_device{}();
  hello.version = "test";
  say(codec::ClientMessage{hello});
  return hear<codec::Welcome>();
}

std::vector<codec::Confirms::Run> RawClient::confirms(std::size_t events, std::chrono::milliseconds limit) {
  std::vector<codec::Confirms::Run> runs;
  std::size_t count = 0;
  while (count < events) {
    const auto heard = hear<codec::Confirms>(limit);
    if (heard == nullptr) break;
    for (auto run : heard->as<codec::Confirms>().runs) {
      run.message = texts_.emplace_back(run.message);
      count += run.count;
      runs.push_back(run);
    }
  }
  return runs;
}

std::vector<codec::Confirms::Run> RawClient::publish(std::uint64_t first_sequence, const std::vector<NewEvent>& events,
                                                     Level level, bool atomic) {
  std::vector<codec::Frame> envelopes;
  codec::Publish publish;
  publish.first_sequence = first_sequence;
  publish.level = level;
  publish.atomic = atomic;
  for (const auto& event : events) {
    auto& frame = envelopes.emplace_back(codec::encode_envelope(event));
    publish.events.push_back(frame.bytes());
  }
  for (std::size_t i = 0; i < envelopes.size(); ++i) publish.events[i] = envelopes[i].bytes();
  say(codec::ClientMessage{publish});
  return confirms(events.size());
}

std::unique_ptr<Heard> RawClient::ask(codec::Request request) {
  request.id = next_request_++;
  say(codec::ClientMessage{request});
  return hear<codec::Reply>();
}

bool RawClient::declare_queue(std::string_view name, std::string_view pattern, std::string_view exchange) {
  QueueSpec queue;
  queue.name = name;
  const auto declared = ask({0, queue});
  if (declared == nullptr || declared->as<codec::Reply>().refused) return false;
  if (pattern.empty()) return true;
  BindingSpec binding;
  binding.exchange = exchange;
  binding.queue = name;
  binding.pattern = pattern;
  const auto bound = ask({0, codec::Bind{binding}});
  return bound != nullptr && !bound->as<codec::Reply>().refused;
}

std::vector<RawClient::Message> RawClient::deliveries(std::size_t count, std::chrono::milliseconds limit) {
  std::vector<Message> messages;
  while (messages.size() < count) {
    const auto heard = hear<codec::Deliveries>(limit);
    if (heard == nullptr) break;
    for (const auto& delivery : heard->as<codec::Deliveries>().messages) {
      EventFields fields;
      if (!codec::read_envelope(delivery.recorded.envelope, fields)) throw std::runtime_error{"a malformed delivery"};
      messages.push_back(
          {delivery.number, delivery.recorded.offset, delivery.attempts, delivery.redelivered, std::string{fields.id}});
    }
  }
  return messages;
}

void RawClient::acknowledge(std::uint64_t consumer, const std::vector<Message>& messages) {
  codec::Settle settle;
  settle.consumer = consumer;
  for (const auto& message : messages) settle.numbers.push_back(message.number);
  say(codec::ClientMessage{settle});
}

RawReader::RawReader(const std::string& endpoint) : socket_{context_, zmq::socket_type::sub} {
  socket_.set(zmq::sockopt::linger, 0);
  std::string address = endpoint;
  if (const auto star = address.find("://*"); star != std::string::npos) address.replace(star + 3, 1, "127.0.0.1");
  socket_.connect(address);
}

void RawReader::want(codec::Blob feed) {
  socket_.set(zmq::sockopt::subscribe, std::string_view{reinterpret_cast<const char*>(feed.data()), feed.size()});
}

std::unique_ptr<RawReader::Batch> RawReader::next(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  if (!readable(socket_, until)) return nullptr;
  zmq::message_t id;
  zmq::message_t body;
  if (!socket_.recv(id) || !socket_.recv(body)) return nullptr;
  auto batch = std::make_unique<Batch>();
  batch->frame.assign(bytes_of(body));
  auto decoded = codec::decode_feed_batch(batch->frame);
  if (auto* malformed = std::get_if<codec::Malformed>(&decoded)) throw std::runtime_error{malformed->what};
  batch->batch = std::move(std::get<codec::FeedBatch>(decoded));
  return batch;
}

std::unique_ptr<RawReader::Batch> RawReader::next_events(std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  while (Clock::now() < until) {
    auto batch = next(std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()));
    if (batch == nullptr || !batch->batch.events.empty()) return batch;
  }
  return nullptr;
}

NewEvent raw_event(std::string id, std::string routingkey, std::string key, std::string exchange) {
  NewEvent event;
  event.id = std::move(id);
  event.source = "raw";
  event.type = routingkey;
  event.routingkey = std::move(routingkey);
  event.partitionkey = std::move(key);
  event.exchange = std::move(exchange);
  event.data.assign(24, std::byte{7});
  return event;
}

}  // namespace laban::test
