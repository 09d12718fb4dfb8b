// bus/client/feed_merge.hpp - one stream out of a lossy live feed and a replay that takes a while.
//
// A pure state machine: no socket, clock, thread or lock. The state is the position: the offset up to which everything
// that matches has been put out. A live batch that begins at or before the position moves it; one that begins later is
// kept aside while what lies between is replayed. So a batch that was lost, came twice or came late changes nothing but
// the number of rounds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bus/codec/protocol.hpp"
#include "laban/subscriber.hpp"

namespace laban::client {

using SharedFrame = std::shared_ptr<const codec::Frame>;

// A piece of the stream: first what was missed, then the events, then everything up to `position` is covered.
struct FeedChunk {
  SharedFrame frame;  // holds the events' bytes
  std::vector<codec::Recorded> events;
  std::optional<Miss> miss;
  std::uint64_t position = 0;
  std::uint64_t head = 0;
  Timestamp hub_time{};
  bool fleeting = false;  // events at most once: they say nothing about the position
};

struct ReplayRequest {
  std::uint64_t after = 0;
  std::uint64_t up_to = 0;  // 0 is the head
};

class FeedMerge {
 public:
  struct Limits {
    std::size_t events = 16'384;  // live events kept aside during a replay
    std::size_t bytes = 32u << 20;
  };

  FeedMerge() : FeedMerge(Limits{}) {}
  explicit FeedMerge(Limits limits) : limits_(limits) {}

  // --- inputs

  void subscribed(const codec::Subscribed& subscribed);
  void live(codec::FeedBatch batch, SharedFrame frame);
  void replayed(codec::Replayed replayed, SharedFrame frame);

  // The log has grown up to here, says someone who is not the feed.
  void advanced(std::uint64_t head);

  // The hub is gone or new: what was asked will not be answered, and no live batch counts until subscribed() again.
  void disconnected();

  // The answer to the last request did not come in time.
  void forget_request() { asked_.reset(); }

  // While held, nothing is put out and nothing is asked; live batches are forgotten and come back by replay.
  void hold(bool held);

  // --- outputs

  // What to ask of the hub now; at most one request is open at a time.
  std::optional<ReplayRequest> next_request();

  // What can be handed on, in order.
  std::vector<FeedChunk> take() { return std::exchange(out_, {}); }

  std::uint64_t position() const { return position_; }
  std::uint64_t head() const { return head_; }
  bool ready() const { return ready_; }
  bool started() const { return started_; }  // a position is known
  bool waits_for_answer() const { return asked_.has_value(); }

  // Live batches that did not come in their turn and were read from the log instead.
  std::uint64_t missed_batches() const { return missed_batches_; }

 private:
  struct Pending {
    codec::FeedBatch batch;
    SharedFrame frame;
    std::size_t bytes() const { return frame ? frame->size() : 0; }
  };
  using PendingMap = std::map<std::uint64_t, Pending>;  // by `after`

  void count_missed(const codec::FeedBatch& batch);
  void put_out(std::vector<codec::Recorded> events, SharedFrame frame, std::uint64_t up_to, Timestamp hub_time,
               std::optional<Miss> miss);
  void keep(Pending pending);
  void apply_pending();
  Pending drop(PendingMap::iterator place);
  void forget_pending();
  void need(std::uint64_t offset) { needed_ = std::max(needed_, offset); }

  Limits limits_;
  std::vector<FeedChunk> out_;
  PendingMap pending_;
  std::size_t pending_events_ = 0;
  std::size_t pending_bytes_ = 0;
  std::optional<ReplayRequest> asked_;
  std::uint64_t position_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t needed_ = 0;  // up to here live batches will not do
  std::uint64_t epoch_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t missed_batches_ = 0;
  bool started_ = false;
  bool ready_ = false;
  bool joined_ = false;  // a live batch has come
  bool has_feed_ = false;
  bool held_ = false;
  bool stalled_ = false;  // the last answer brought nothing: wait for news before asking again
};

}  // namespace laban::client
