// tests/support/scripted_server.hpp - sockets without a network: what everybody says is known beforehand, and heard in this
// order.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bus/transport/server.hpp"

namespace laban::test {

class ScriptedServer final : public transport::Server {
 public:
  void say(transport::Peer peer, std::string_view frame) { said_.push_back({std::move(peer), bytes_of(frame)}); }
  void wish(std::string_view topic, bool wanted) {
    transport::FeedRequest request;
    request.topic = bytes_of(topic);
    request.wanted = wanted;
    wishes_.push_back(std::move(request));
  }
  void say_at_most_once(std::string_view frame) { fleeting_.push_back(bytes_of(frame)); }
  // Called whenever the hub waits and has heard everything.
  void on_silence(std::function<void()> silence) { on_silence_ = std::move(silence); }
  std::uint64_t answers() const { return answers_; }

  std::string endpoint() const override { return "tcp://127.0.0.1:1"; }
  std::string feeds_endpoint() const override { return "tcp://*:2"; }
  std::string ingest_endpoint() const override { return "tcp://*:3"; }
  void wait(std::chrono::milliseconds) override {
    if (said_.empty() && wishes_.empty() && fleeting_.empty() && on_silence_) on_silence_();
  }
  void wake() override {}

  bool receive(transport::Peer& peer, codec::Frame& frame) override {
    if (said_.empty()) return false;
    peer = std::move(said_.front().first);
    frame = std::move(said_.front().second);
    said_.pop_front();
    return true;
  }
  transport::Sent send(const transport::Peer&, codec::Frame& frame) override {
    frame = {};
    ++answers_;
    return transport::Sent::sent;
  }
  bool receive(transport::FeedRequest& request) override {
    if (wishes_.empty()) return false;
    request = std::move(wishes_.front());
    wishes_.pop_front();
    return true;
  }
  void admit(const transport::FeedRequest&) override {}
  bool receive_ingest(codec::Frame& frame) override {
    if (fleeting_.empty()) return false;
    frame = std::move(fleeting_.front());
    fleeting_.pop_front();
    return true;
  }
  void publish(const transport::FeedId&, codec::Frame) override { ++answers_; }

 private:
  static codec::Frame bytes_of(std::string_view text) { return codec::Frame{std::as_bytes(std::span{text})}; }

  std::deque<std::pair<transport::Peer, codec::Frame>> said_;
  std::deque<transport::FeedRequest> wishes_;
  std::deque<codec::Frame> fleeting_;
  std::function<void()> on_silence_;
  std::uint64_t answers_ = 0;
};

}  // namespace laban::test
