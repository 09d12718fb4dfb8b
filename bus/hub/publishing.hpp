// bus/hub/publishing.hpp - takes events in: who says it, was it said before, where does it go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/protocol.hpp"
#include "bus/hub/group.hpp"
#include "bus/hub/losses.hpp"

namespace laban::hub {

// Where events with one address go. Remembered until the model changes.
struct Route {
  std::vector<routing::QueueId> queues;
  bool found = true;        // the exchange
  bool unroutable = false;  // no queue, or only through an alternate exchange
};

// Threads: belongs to the hub's thread.
class Publishing {
 public:
  Publishing(Core& core, Group& group) : core_(core), group_(group), losses_(core) {}

  // The session speaks for its producer from now on; an older holder is fenced. Returns the last stored sequence.
  std::uint64_t take_over(Session& session);
  // The session has ended. After a clean close an anonymous producer is forgotten.
  void let_go(Session& session, bool clean);
  // Forgets anonymous producers that were silent for too long.
  void forget_old(Timestamp now);

  // The frame's events go into the group; each is confirmed or refused with it.
  void publish(Session& session, const codec::Publish& frame);

  // An event that the hub itself says, for example to laban.lost. Never parked.
  void say(const NewEvent& event, std::uint16_t flags = 0);

  // The ledger's lines are events that the hub says.
  void lose(const Loss& loss) { losses_.tell(*this, loss); }
  void lose_later(const Loss& loss) { losses_.tell_later(loss); }
  void flush_losses() { losses_.flush(*this); }

  // Where an event goes; `fields` has its headers where the topology needs them.
  const Route& route(const EventFields& fields);

 private:
  struct Refusal {
    codec::Refusal code = codec::Refusal::unspecified;
    std::string text;
  };
  // Ready to be stored, or refused.
  struct Checked {
    GatheredEvent event;
    std::uint32_t first_queue = 0;
    std::uint32_t queue_count = 0;
    std::uint32_t reached = 0;  // without parking
    bool unroutable = false;
    bool duplicate = false;
    bool waiting = false;  // a duplicate of one in this very group, whose confirm answers for both
    bool refused = false;
    bool before = false;  // refused earlier already
    Refusal why;
  };
  Producer* producer_of(Session& session, const codec::Publish& frame, Refusal& why);
  Producer* open_producer(Session& session);
  void check(const Session& session, const Producer& producer, std::uint64_t sequence, codec::Blob envelope,
             Checked& result);
  void check_route(Checked& result);
  void refuse_all(Session& session, const codec::Publish& frame, const Refusal& why);
  void settle_fate(Session& session, Producer& producer, const codec::Publish& frame, std::uint64_t sequence,
                   const Checked& checked);
  void publish_atomic(Session& session, Producer& producer, const codec::Publish& frame);
  void log_refusals(Producer& producer, std::uint64_t before);
  void note_refusal(Producer& producer, std::uint64_t sequence, codec::Refusal code);
  void ledger_refusal(const Session& session, std::uint64_t first, std::uint64_t count, std::string_view key,
                      const std::string& why);

  Core& core_;
  Group& group_;
  Losses losses_;
  EventFields fields_;
  Checked one_;  // reused
  std::vector<routing::QueueId> queues_;
  routing::StringMap<Route> routes_;
  std::uint64_t routes_generation_ = 0;
  std::string address_;
  const Route* last_route_ = nullptr;  // of address_: neighbours often go the same way
  Route headers_route_;
  routing::RouteResult result_;
};

}  // namespace laban::hub
