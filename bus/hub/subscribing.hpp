// bus/hub/subscribing.hpp - subscriptions: which feed, from where, and what the log still has of it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bus/codec/protocol.hpp"
#include "bus/hub/core.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread.
class Subscribing {
 public:
  explicit Subscribing(Core& core) : core_(core) {}

  void subscribe(Session& session, const codec::Subscribe& frame);
  void unsubscribe(Session& session, std::uint64_t subscription);
  void leave(Session& session);

  // Answered in turn by serve(), a bounded stretch of log at a time.
  void replay(Session& session, const codec::Replay& frame);

  // Reads for those who wait, up to the bound of one cycle. True where somebody still waits.
  bool serve();

  // Tells subscriptions without a feed that there is more.
  void tell_advance();

 private:
  struct Wish {
    std::uint32_t session = 0;
    codec::Replay replay;
  };
  std::uint64_t start_of(const codec::Subscribe& frame, codec::Refusal& code, std::string& why);
  bool same_past(const codec::Subscribe& frame, std::string& why) const;
  std::uint64_t readable_after(std::uint64_t from);
  std::size_t answer(Session& session, Subscription& subscription, const codec::Replay& replay);

  Core& core_;
  std::deque<Wish> wishes_;
  std::size_t without_feed_ = 0;  // subscriptions
};

}  // namespace laban::hub
