// bus/client/publisher.hpp - the publish window's part in a session.
#pragma once

#include "bus/client/part.hpp"
#include "bus/client/publish_window.hpp"
#include "bus/client/signal.hpp"

namespace laban::client {

class Publisher final : public Part {
 public:
  Publisher(PublishWindow& window, Signal& signal) : window_(window), signal_(signal) {}

  void welcomed(const codec::Welcome& welcome) override { window_.welcome(welcome.last_sequence); }

  bool received(const codec::HubMessage& message, const SharedFrame&, Speaker&) override {
    const auto* confirms = std::get_if<codec::Confirms>(&message);
    if (confirms == nullptr) return false;
    window_.confirm(*confirms);
    if (window_.has_confirms()) signal_.raise();
    return true;
  }

  bool flush(Speaker& speaker) override {
    // Bounded, so that a publisher who never pauses leaves the thread time to listen.
    for (int frames = 0; frames < 16; ++frames) {
      SharedFrame frame = window_.next();
      if (!frame) return true;
      if (!speaker.say(std::move(frame))) return false;
      window_.sent();
    }
    return !window_.has_unsent();
  }

  bool has_work() const override { return window_.has_unsent(); }
  void failed(const Error& error) override { window_.close(error); }

 private:
  PublishWindow& window_;
  Signal& signal_;
};

}  // namespace laban::client
