// bus/client/feed_merge.cpp - merges live batches and replays.
#include "bus/client/feed_merge.hpp"

namespace laban::client {

void FeedMerge::subscribed(const codec::Subscribed& subscribed) {
  if (!started_) {
    position_ = subscribed.start == 0 ? 0 : subscribed.start - 1;
    started_ = true;
  }
  forget_pending();
  asked_.reset();
  stalled_ = false;
  epoch_ = subscribed.epoch;
  sequence_ = subscribed.sequence;
  joined_ = false;
  has_feed_ = !subscribed.feed.empty();
  head_ = subscribed.head;
  needed_ = subscribed.head;
  ready_ = true;
}

void FeedMerge::disconnected() {
  ready_ = false;
  asked_.reset();
  forget_pending();
}

void FeedMerge::count_missed(const codec::FeedBatch& batch) {
  // A heartbeat repeats the sequence of the last batch, a batch has the next one. What passed before the socket had joined
  // the feed is no loss.
  const std::uint64_t expected = batch.events.empty() ? sequence_ : sequence_ + 1;
  if (joined_ && batch.sequence > expected) missed_batches_ += batch.sequence - expected;
  sequence_ = std::max(sequence_, batch.sequence);
  joined_ = true;
}

void FeedMerge::live(codec::FeedBatch batch, SharedFrame frame) {
  if (!ready_ || batch.epoch != epoch_ || batch.up_to < batch.after) return;
  count_missed(batch);
  head_ = std::max(head_, batch.up_to);
  stalled_ = false;
  if (held_) {
    need(batch.up_to);
  } else if (batch.after > position_) {
    need(batch.after);
    keep({std::move(batch), std::move(frame)});
  } else if (batch.up_to >= position_) {
    put_out(std::move(batch.events), std::move(frame), batch.up_to, batch.recordedtime, {});
    apply_pending();
  }
}

void FeedMerge::keep(Pending pending) {
  const std::uint64_t after = pending.batch.after;
  if (const auto place = pending_.find(after); place != pending_.end()) {
    if (place->second.batch.up_to >= pending.batch.up_to) return;  // the same stretch again
    drop(place);
  }
  pending_events_ += pending.batch.events.size();
  pending_bytes_ += pending.bytes();
  pending_.emplace(after, std::move(pending));
  // Too many: the oldest are read from the log, the newest lead back to the live feed.
  while (!pending_.empty() && (pending_events_ > limits_.events || pending_bytes_ > limits_.bytes)) {
    need(drop(pending_.begin()).batch.up_to);
  }
}

FeedMerge::Pending FeedMerge::drop(PendingMap::iterator place) {
  Pending dropped = std::move(place->second);
  pending_.erase(place);
  pending_events_ -= dropped.batch.events.size();
  pending_bytes_ -= dropped.bytes();
  return dropped;
}

void FeedMerge::forget_pending() {
  pending_.clear();
  pending_events_ = 0;
  pending_bytes_ = 0;
}

void FeedMerge::apply_pending() {
  while (!pending_.empty() && pending_.begin()->first <= position_) {
    Pending next = drop(pending_.begin());
    if (next.batch.up_to <= position_) continue;
    put_out(std::move(next.batch.events), std::move(next.frame), next.batch.up_to, next.batch.recordedtime, {});
  }
}

void FeedMerge::replayed(codec::Replayed replayed, SharedFrame frame) {
  if (!ready_) return;
  asked_.reset();
  head_ = std::max(head_, replayed.head);
  if (!has_feed_) need(replayed.head);
  if (held_) return;
  if (replayed.after > position_ || replayed.up_to <= position_) {
    stalled_ = replayed.up_to <= position_;
    return;
  }
  std::optional<Miss> miss;
  if (replayed.lost_to > position_) {
    miss = Miss{std::max(replayed.lost_from, position_ + 1), replayed.lost_to, std::string{replayed.lost_reason}};
  }
  put_out(std::move(replayed.events), std::move(frame), replayed.up_to, {}, std::move(miss));
  apply_pending();
}

void FeedMerge::advanced(std::uint64_t head) {
  if (!ready_) return;
  head_ = std::max(head_, head);
  stalled_ = false;
  need(head);
}

void FeedMerge::hold(bool held) {
  if (held && !held_) {
    for (const auto& [after, pending] : pending_) need(pending.batch.up_to);
    forget_pending();
  }
  held_ = held;
}

void FeedMerge::put_out(std::vector<codec::Recorded> events, SharedFrame frame, std::uint64_t up_to, Timestamp hub_time,
                        std::optional<Miss> miss) {
  // What is known already, out of order or out of range is not ours to hand on.
  std::uint64_t last = position_;
  std::erase_if(events, [&](const codec::Recorded& event) {
    if (event.offset <= last || event.offset > up_to) return true;
    last = event.offset;
    return false;
  });
  position_ = std::max(position_, up_to);
  head_ = std::max(head_, position_);
  out_.push_back({std::move(frame), std::move(events), std::move(miss), position_, head_, hub_time});
}

std::optional<ReplayRequest> FeedMerge::next_request() {
  if (!ready_ || held_ || stalled_ || asked_ || position_ >= needed_) return {};
  asked_ = ReplayRequest{position_, pending_.empty() ? 0 : pending_.begin()->first};
  return asked_;
}

}  // namespace laban::client
