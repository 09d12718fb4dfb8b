// bus/client/announcer.hpp - tells the hub which types this service speaks, in each session before anything is published.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "bus/client/part.hpp"

namespace laban::client {

// Threads: add() is safe from any thread; whoever calls it nudges the session afterwards.
// Errors:  a type that the hub calls incompatible ends the session with the hub's words.
class Announcer final : public Part {
 public:
  void add(std::vector<std::vector<std::byte>> nodes);

  void welcomed(const codec::Welcome&) override { said_ = 0; }
  bool received(const codec::HubMessage& message, const SharedFrame& frame, Speaker& speaker) override;
  bool flush(Speaker& speaker) override;
  bool has_work() const override;

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<std::byte>> nodes_;
  std::size_t said_ = 0;  // nodes of this session
};

}  // namespace laban::client
