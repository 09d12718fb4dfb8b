// bus/client/requests.hpp - questions to the hub that wait for their answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bus/client/part.hpp"

namespace laban::client {

struct Answer {
  bool refused = false;
  codec::Refusal code = codec::Refusal::unspecified;
  std::string message;
  std::string json;
  std::vector<std::byte> data{};
};

// Threads: ask() and forget() are safe from any thread; the callback runs on the I/O thread.
// Delivery: asked again in each session until it is answered; what is asked must bear being asked twice.
class Requests final : public Part {
 public:
  using OnAnswer = std::function<void(const Answer&)>;
  using What = decltype(codec::Request::what);

  // Whoever is not on the I/O thread nudges the session afterwards. The request's views may end with the call.
  std::uint64_t ask(What what, OnAnswer on_answer);
  void forget(std::uint64_t id);

  void welcomed(const codec::Welcome&) override;
  bool received(const codec::HubMessage& message, const SharedFrame& frame, Speaker& speaker) override;
  bool flush(Speaker& speaker) override;
  bool has_work() const override;

 private:
  struct Open {
    SharedFrame frame;
    OnAnswer on_answer;
  };

  mutable std::mutex mutex_;
  std::uint64_t last_id_ = first_request_number;
  std::map<std::uint64_t, Open> open_;
  std::uint64_t said_ = 0;  // requests up to this one were said in this session
};

}  // namespace laban::client
