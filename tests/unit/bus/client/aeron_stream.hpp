// tests/unit/bus/client/aeron_stream.hpp - a hub whose every event matches and one reader of it, in the words in which Aeron tests
// its persistent subscriptions.
//
// A recording is the log here, the archive is the hub's conversation, an image the feed; a position is an offset, a
// fragment an event. Names that are about Aeron's channels, counters, contexts, response channels, spies and its
// reassembly of fragments have no counterpart: an event is whole in one frame, and there is one hub with one log.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "bus/client/feed_merge.hpp"

namespace laban::client::aeron {

using Offsets = std::vector<std::uint64_t>;

inline Offsets range(std::uint64_t from, std::uint64_t to) {
  Offsets offsets;
  for (; from <= to; ++from) offsets.push_back(from);
  return offsets;
}

inline std::vector<codec::Recorded> events_between(std::uint64_t after, std::uint64_t up_to) {
  std::vector<codec::Recorded> events;
  for (const auto offset : range(after + 1, up_to)) events.push_back({offset, {}, {}, {}});
  return events;
}

// A hub whose every event matches, and one reader of it.
class Stream {
 public:
  explicit Stream(std::uint64_t recorded = 0, FeedMerge::Limits limits = {})
      : merge{limits}, head_{recorded}, fed_{recorded} {}

  FeedMerge merge;
  Offsets seen;
  std::vector<Miss> misses;

  void connect(std::uint64_t start, bool with_feed = true) {
    static const std::array<std::byte, 16> feed{};
    codec::Subscribed said{1, {}, epoch_, sequence_, head_, start};
    if (with_feed) said.feed = feed;
    merge.subscribed(said);
  }
  void reconnect() { connect(merge.position() + 1); }
  void lose_connection() { merge.disconnected(); }
  void restart_hub() {
    merge.disconnected();
    ++epoch_;
    sequence_ = 0;
    fed_ = head_;
  }

  void record(std::uint64_t events) { head_ += events; }  // and the feed has not said so yet
  void drop_log_before(std::uint64_t first) { first_ = first; }

  codec::FeedBatch fan_out() {
    if (head_ > fed_) ++sequence_;
    codec::FeedBatch batch{epoch_, sequence_, fed_, head_, events_between(fed_, head_), {}};
    fed_ = head_;
    return batch;
  }
  codec::FeedBatch publish(std::uint64_t events) {
    record(events);
    return fan_out();
  }
  void arrives(const codec::FeedBatch& batch) {
    merge.live(batch, nullptr);
    collect();
  }
  void beat() { arrives({epoch_, sequence_, head_, head_, {}, {}}); }

  // What the reader asks for now, as the hub would answer; nothing where it asks nothing.
  std::optional<codec::Replayed> ask(std::uint64_t events_max = ~0ull) {
    const auto request = merge.next_request();
    if (!request) return {};
    ++asked;
    codec::Replayed answer;
    answer.after = request->after;
    answer.head = head_;
    const auto end = request->up_to == 0 ? head_ : std::min(request->up_to, head_);
    answer.up_to = std::min(end, request->after + std::min(events_max, end - request->after));
    answer.events = events_between(std::max(request->after, first_ - 1), answer.up_to);
    if (request->after + 1 < first_) {
      answer.lost_from = request->after + 1;
      answer.lost_to = std::min(first_ - 1, answer.up_to);
      answer.lost_reason = "retention";
    }
    return answer;
  }
  void answered(const codec::Replayed& answer) {
    merge.replayed(answer, nullptr);
    collect();
  }
  bool replay(std::uint64_t events_max = ~0ull) {
    const auto answer = ask(events_max);
    if (answer) answered(*answer);
    return answer.has_value();
  }
  void replay_all(std::uint64_t events_max = ~0ull) {
    for (std::uint64_t i = 0; i <= head_ && replay(events_max); ++i) continue;
  }
  void collect() {
    for (const auto& chunk : merge.take()) {
      if (chunk.miss) misses.push_back(*chunk.miss);
      for (const auto& event : chunk.events) seen.push_back(event.offset);
    }
  }
  bool is_live() {
    const auto before = asked;
    return merge.position() == head_ && !replay() && asked == before;
  }
  std::uint64_t head() const { return head_; }

  int asked = 0;

 private:
  std::uint64_t epoch_ = 1;
  std::uint64_t sequence_ = 0;
  std::uint64_t head_;
  std::uint64_t fed_;
  std::uint64_t first_ = 1;
};

}  // namespace laban::client::aeron
