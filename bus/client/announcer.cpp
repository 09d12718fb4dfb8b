// bus/client/announcer.cpp - one request with all nodes that were not said yet.
#include "bus/client/announcer.hpp"

#include <algorithm>
#include <string>

#include "bus/client/log.hpp"

namespace laban::client {
namespace {

// Requests of the application count up from first_request_number; this one is of its own.
constexpr std::uint64_t request = first_request_number - 1;

}  // namespace

void Announcer::add(std::vector<std::vector<std::byte>> nodes) {
  const std::lock_guard lock{mutex_};
  for (auto& node : nodes) {
    if (std::find(nodes_.begin(), nodes_.end(), node) == nodes_.end()) nodes_.push_back(std::move(node));
  }
}

bool Announcer::flush(Speaker& speaker) {
  const std::lock_guard lock{mutex_};
  if (said_ == nodes_.size()) return true;
  codec::Schemas schemas;
  for (std::size_t i = said_; i < nodes_.size(); ++i) schemas.nodes.push_back(nodes_[i]);
  if (!speaker.say(codec::ClientMessage{codec::Request{request, schemas}})) return false;
  said_ = nodes_.size();
  return true;
}

bool Announcer::has_work() const {
  const std::lock_guard lock{mutex_};
  return said_ != nodes_.size();
}

bool Announcer::received(const codec::HubMessage& message, const SharedFrame&, Speaker& speaker) {
  const auto* reply = std::get_if<codec::Reply>(&message);
  if (reply == nullptr || reply->id != request) return false;
  if (!reply->refused) return true;
  if (reply->code == codec::Refusal::incompatible) {
    speaker.give_up(Error(Errc::refused, std::string{reply->message}));
  } else {
    // Schemas help tools to read payloads; the bus works without.
    log_warning("the hub did not take this service's schemas: " + std::string{reply->message});
  }
  return true;
}

}  // namespace laban::client
