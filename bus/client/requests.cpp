// bus/client/requests.cpp - asks, waits, asks again after a reconnect.
#include "bus/client/requests.hpp"

namespace laban::client {

std::uint64_t Requests::ask(What what, OnAnswer on_answer) {
  const std::lock_guard lock{mutex_};
  const std::uint64_t id = ++last_id_;
  auto frame =
      std::make_shared<const codec::Frame>(codec::encode(codec::ClientMessage{codec::Request{id, std::move(what)}}));
  open_.emplace(id, Open{std::move(frame), std::move(on_answer)});
  return id;
}

void Requests::forget(std::uint64_t id) {
  const std::lock_guard lock{mutex_};
  open_.erase(id);
}

void Requests::welcomed(const codec::Welcome&) {
  const std::lock_guard lock{mutex_};
  said_ = 0;
}

bool Requests::received(const codec::HubMessage& message, const SharedFrame&, Speaker&) {
  Answer answer;
  std::uint64_t id = 0;
  if (const auto* reply = std::get_if<codec::Reply>(&message)) {
    id = reply->id;
    answer = {reply->refused,
              reply->code,
              std::string{reply->message},
              std::string{reply->json},
              {reply->data.begin(), reply->data.end()}};
  } else if (const auto* refused = std::get_if<codec::Refused>(&message)) {
    id = refused->about;
    answer = {true, refused->code, std::string{refused->message}, {}, {}};
  } else {
    return false;
  }
  OnAnswer on_answer;
  {
    const std::lock_guard lock{mutex_};
    const auto place = open_.find(id);
    if (place == open_.end()) return false;
    on_answer = std::move(place->second.on_answer);
    open_.erase(place);
  }
  on_answer(answer);
  return true;
}

bool Requests::flush(Speaker& speaker) {
  for (;;) {
    SharedFrame frame;
    std::uint64_t id = 0;
    {
      const std::lock_guard lock{mutex_};
      const auto next = open_.upper_bound(said_);
      if (next == open_.end()) return true;
      id = next->first;
      frame = next->second.frame;
    }
    if (!speaker.say(std::move(frame))) return false;
    said_ = id;
  }
}

bool Requests::has_work() const {
  const std::lock_guard lock{mutex_};
  return open_.upper_bound(said_) != open_.end();
}

}  // namespace laban::client
