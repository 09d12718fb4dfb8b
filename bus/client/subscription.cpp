// bus/client/subscription.cpp - from feed and replay to the handlers.
#include "bus/client/subscription.hpp"

#include <algorithm>
#include <cstring>

#include "bus/codec/envelope.hpp"

namespace laban::client {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t buffer_bytes_max = 256u << 20;
constexpr std::uint32_t replay_bytes = 1u << 20;
constexpr auto answer_patience = 10s;  // a replay that takes longer is asked for again
constexpr auto live_patience = 3s;     // a feed that is silent for longer is not trusted to have nothing to say

std::uint64_t count(const Miss& miss) {
  return miss.to < miss.from ? 0 : miss.to - miss.from + 1;
}

}  // namespace

Subscription::Subscription(std::uint64_t number, SubscriptionOptions options, Signal& signal)
    : number_(number), options_(std::move(options)), signal_(signal) {
  if (options_.patterns.empty()) {
    throw Error(Errc::usage, "a subscription without a pattern: use # for everything");
  }
  if (options_.patterns.size() > codec::patterns_max) {
    throw Error(Errc::usage, "a subscription with " + std::to_string(options_.patterns.size()) +
                                 " patterns: use at most " + std::to_string(codec::patterns_max));
  }
  for (const auto& pattern : options_.patterns) {
    if (pattern.size() > codec::address_bytes_max) {
      throw Error(Errc::usage, "a pattern of " + std::to_string(pattern.size()) + " bytes: use at most 255");
    }
  }
  if (options_.buffer_events == 0) throw Error(Errc::usage, "a buffer of no events: set buffer_events to at least 1");
  if (options_.from == SubscriptionOptions::From::cursor && options_.cursor.empty()) {
    throw Error(Errc::usage, "a subscription from a cursor without a name: set cursor");
  }
}

codec::Subscribe Subscription::wish() const {
  codec::Subscribe subscribe;
  subscribe.subscription = number_;
  subscribe.exchange = options_.exchange;
  subscribe.patterns.assign(options_.patterns.begin(), options_.patterns.end());
  using From = codec::Subscribe::From;
  if (merge_.started()) {
    subscribe.from = From::offset;
    subscribe.offset = merge_.position() + 1;
    subscribe.log_id = read_in_log_;
    subscribe.generation = read_in_generation_;
    return subscribe;
  }
  switch (options_.from) {
    case SubscriptionOptions::From::now:
      subscribe.from = From::now;
      break;
    case SubscriptionOptions::From::first:
      subscribe.from = From::first;
      break;
    case SubscriptionOptions::From::offset:
      subscribe.from = From::offset;
      subscribe.offset = options_.offset;
      subscribe.log_id = options_.log_id;
      subscribe.generation = options_.generation;
      break;
    case SubscriptionOptions::From::time:
      subscribe.from = From::time;
      subscribe.time = options_.time;
      break;
    case SubscriptionOptions::From::cursor:
      subscribe.from = From::cursor;
      subscribe.cursor = options_.cursor;
      break;
  }
  return subscribe;
}

void Subscription::welcomed(const codec::Welcome& welcome) {
  merge_.disconnected();
  request_.reset();
  has_feed_ = false;
  asks_ = true;
  saving_ = 0;
  next_fleeting_.reset();
  const std::lock_guard lock{mutex_};
  session_.connected = true;
  if (session_.log_id != 0 && session_.log_id != welcome.log_id && merge_.started()) {
    error_ =
        Error(Errc::refused,
              "the hub has another log than before, so offsets mean something else: start this reader anew, or give "
              "the hub its data directory back");
    asks_ = false;
  }
  session_.log_id = welcome.log_id;
  session_.generation = welcome.generation;
}

void Subscription::gone() {
  merge_.disconnected();
  request_.reset();
  has_feed_ = false;
  asks_ = false;
  const std::lock_guard lock{mutex_};
  session_.connected = false;
  session_.ready = false;
}

bool Subscription::received(const codec::HubMessage& message, const SharedFrame& frame, Speaker& speaker) {
  if (const auto* subscribed = std::get_if<codec::Subscribed>(&message)) {
    if (subscribed->subscription != number_) return false;
    has_feed_ = !subscribed->feed.empty();
    if (has_feed_) {
      std::copy(subscribed->feed.begin(), subscribed->feed.end(), feed_.begin());
      speaker.add_feed(feed_);
      wished_at_ = Clock::now();
    }
    merge_.subscribed(*subscribed);
    live_at_ = Clock::now();
    next_fleeting_.reset();
    // Whoever sees that it is ready sees where it begins.
    head_ = std::max(head_.load(), subscribed->head);
    if (position_ == 0) position_ = merge_.position();
    if (begin_ == 0) begin_ = position_ + 1;
    {
      const std::lock_guard lock{mutex_};
      session_.ready = true;
      read_in_log_ = session_.log_id;
      read_in_generation_ = session_.generation;
    }
    signal_.raise();
    return true;
  }
  if (const auto* replayed = std::get_if<codec::Replayed>(&message)) {
    if (replayed->subscription != number_) return false;
    request_.reset();
    merge_.replayed(*replayed, frame);
    hand_on();
    return true;
  }
  if (const auto* advanced = std::get_if<codec::Advanced>(&message)) {
    if (advanced->subscription != number_) return false;
    merge_.advanced(advanced->head);
    return true;
  }
  if (const auto* pong = std::get_if<codec::Pong>(&message)) {
    if (Clock::now() - live_at_ <= live_patience) return true;
    if (pong->head > merge_.position()) merge_.advanced(pong->head);
    // The hub speaks at once to whom it admits: a wish that a stranger has disturbed is said again.
    if (has_feed_ && Clock::now() - wished_at_ > live_patience) {
      speaker.remove_feed(feed_);
      speaker.add_feed(feed_);
      wished_at_ = Clock::now();
    }
    return true;
  }
  if (const auto* reply = std::get_if<codec::Reply>(&message)) {
    if (reply->id != number_) return false;
    if (reply->refused) {
      end(Error(Errc::refused, std::string{reply->message}));
    } else {
      saved_ = saving_;
    }
    saving_ = 0;
    signal_.raise();
    return true;
  }
  if (const auto* refused = std::get_if<codec::Refused>(&message)) {
    if (refused->about != number_) return false;
    end(Error(Errc::refused, std::string{refused->message}));
    return true;
  }
  return false;
}

void Subscription::received_feed(codec::Blob id, const SharedFrame& frame) {
  if (!has_feed_ || !std::equal(id.begin(), id.end(), feed_.begin(), feed_.end())) return;
  live_at_ = Clock::now();
  auto decoded = codec::decode_feed_batch(*frame);
  if (auto* batch = std::get_if<codec::FeedBatch>(&decoded)) {
    hand_on_fleeting(*batch, frame);
    merge_.live(std::move(*batch), frame);
    missed_ = merge_.missed_batches();
    hand_on();
  } else {
    ++malformed_;
  }
}

bool Subscription::flush(Speaker& speaker) {
  const bool ends = [&] {
    const std::lock_guard lock{mutex_};
    return error_.has_value();
  }();
  if (!say_drops(speaker, ends)) return false;
  {
    const std::lock_guard lock{mutex_};
    if (error_ && !unsubscribes_) {
      unsubscribes_ = true;
      asks_ = false;
      if (has_feed_) speaker.remove_feed(feed_);
      has_feed_ = false;
      merge_.disconnected();
      return speaker.say(codec::ClientMessage{codec::Unsubscribe{number_}});
    }
    if (error_) return true;
    if (held_ && buffered_events_ <= options_.buffer_events / 2 && buffered_bytes_ <= buffer_bytes_max / 2) {
      held_ = false;
      merge_.hold(false);
    }
  }
  if (asks_) {
    if (!speaker.say(codec::ClientMessage{wish()})) return false;
    asks_ = false;
  }
  if (request_ && asked_at_ != Clock::time_point{} && Clock::now() - asked_at_ > answer_patience) {
    request_.reset();
    merge_.forget_request();
  }
  if (!request_) {
    request_ = merge_.next_request();
    asked_at_ = {};
  }
  if (request_ && asked_at_ == Clock::time_point{}) {
    if (!speaker.say(codec::ClientMessage{codec::Replay{number_, request_->after, request_->up_to, replay_bytes}}))
      return false;
    asked_at_ = Clock::now();
  }
  return say_position(speaker);
}

bool Subscription::has_work() const {
  const std::lock_guard lock{mutex_};
  if (error_) return !unsubscribes_;
  if (save_wanted_ == position_ + 1 && wants_to_save() && merge_.ready()) return true;
  return asks_ || (held_ && buffered_events_ <= options_.buffer_events / 2 && buffered_bytes_ <= buffer_bytes_max / 2);
}

Clock::time_point Subscription::deadline() const {
  auto until = Clock::time_point::max();
  if (unsubscribes_) return until;
  if (request_ && asked_at_ != Clock::time_point{}) until = asked_at_ + answer_patience;
  if (options_.save_every.count() != 0 && wants_to_save() && merge_.ready()) until = std::min(until, next_save_);
  if (drops_.count != 0) until = std::min(until, next_drops_);
  return until;
}

bool Subscription::is_full() const {
  return buffered_events_ >= options_.buffer_events || buffered_bytes_ >= buffer_bytes_max;
}

void Subscription::hand_on() {
  auto chunks = merge_.take();
  if (chunks.empty()) return;
  {
    const std::lock_guard lock{mutex_};
    for (auto& chunk : chunks) push(std::move(chunk));
    if (options_.overflow == Overflow::spill && is_full()) {
      held_ = true;
      merge_.hold(true);
    }
  }
  signal_.raise();
}

void Subscription::push(FeedChunk chunk) {
  if (error_) return;
  if (chunk.miss) lost_ += count(*chunk.miss);
  if (!chunk.events.empty() && is_full()) {
    if (options_.overflow == Overflow::disconnect) {
      note_drops(chunk.events);
      error_ =
          Error(Errc::refused, "this subscription fell " + std::to_string(buffered_events_) +
                                   " events behind and its overflow policy is to disconnect: handle events faster, "
                                   "or use Overflow::spill");
      return;
    }
    if (options_.overflow == Overflow::drop_newest) {
      const Miss miss{chunk.events.front().offset, chunk.events.back().offset,
                      "dropped by overflow policy drop_newest"};
      dropped_ += chunk.events.size();
      note_drops(chunk.events);
      chunk.events.clear();
      if (!chunk.miss) chunk.miss = miss;
      chunk.miss->to = miss.to;
    }
  }
  const bool bare = chunk.events.empty();
  if (bare) chunk.frame.reset();
  if (bare && !buffer_.empty() && buffer_.back().events.empty() &&
      buffer_.back().miss.has_value() == chunk.miss.has_value()) {
    auto& last = buffer_.back();
    if (chunk.miss) last.miss->to = chunk.miss->to;
    last.position = chunk.position;
    last.head = chunk.head;
    last.hub_time = std::max(last.hub_time, chunk.hub_time);
    return;
  }
  buffered_events_ += chunk.events.size();
  buffered_bytes_ += chunk.frame ? chunk.frame->size() : 0;
  buffer_.push_back(std::move(chunk));
  if (options_.overflow == Overflow::drop_oldest) drop_oldest();
}

void Subscription::drop_oldest() {
  while (buffered_events_ > options_.buffer_events || buffered_bytes_ > buffer_bytes_max) {
    // The stretch at the front that was dropped before, if any, takes in the next one.
    const std::size_t first = buffer_.front().events.empty() ? 1 : 0;
    if (first + 1 >= buffer_.size()) return;  // the newest stays
    auto& oldest = buffer_[first];
    if (oldest.fleeting) {
      fleeting_dropped_ += oldest.events.size();
      buffered_events_ -= oldest.events.size();
      buffered_bytes_ -= oldest.frame->size();
      buffer_.erase(buffer_.begin() + static_cast<std::ptrdiff_t>(first));
      continue;
    }
    if (!oldest.events.empty()) {
      const Miss miss{oldest.events.front().offset, oldest.events.back().offset,
                      "dropped by overflow policy drop_oldest"};
      dropped_ += oldest.events.size();
      note_drops(oldest.events);
      buffered_events_ -= oldest.events.size();
      buffered_bytes_ -= oldest.frame ? oldest.frame->size() : 0;
      oldest.events.clear();
      oldest.frame.reset();
      if (!oldest.miss) oldest.miss = miss;
      oldest.miss->to = miss.to;
    }
    if (first == 1) {
      auto dropped = std::move(buffer_.front());
      buffer_.pop_front();
      auto& front = buffer_.front();
      if (dropped.miss && front.miss) front.miss->from = dropped.miss->from;
      if (dropped.miss && !front.miss) front.miss = dropped.miss;
    }
  }
}

void Subscription::end(const Error& error) {
  {
    const std::lock_guard lock{mutex_};
    if (!error_) error_ = error;
    session_.ready = false;
  }
  signal_.raise();
}

void Subscription::failed(const Error& error) {
  end(error);
}

std::size_t Subscription::handle(const FeedHandlers& handlers, std::size_t limit, std::stop_token stop) {
  std::size_t left = limit;
  while (left > 0 && !stop.stop_requested()) {
    if (!current_) {
      const std::lock_guard lock{mutex_};
      if (buffer_.empty()) {
        if (error_) throw *error_;
        break;
      }
      current_ = std::move(buffer_.front());
      buffer_.pop_front();
      next_event_ = 0;
    }
    if (!handle_chunk(handlers, left, stop)) break;
  }
  return limit - left;
}

bool Subscription::handle_chunk(const FeedHandlers& handlers, std::size_t& left, std::stop_token stop) {
  if (auto miss = std::exchange(current_->miss, {}); miss && handlers.on_miss) handlers.on_miss(*miss);
  for (; next_event_ < current_->events.size(); --left) {
    if (left == 0 || stop.stop_requested()) return false;
    const codec::Recorded& recorded = current_->events[next_event_++];
    EventFields fields;
    fields.offset = recorded.offset;
    fields.recordedtime = recorded.recordedtime;
    fields.principal = recorded.principal;
    if (codec::read_envelope(recorded.envelope, fields)) {
      handled_.store(handled_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // one thread counts
      if (handlers.on_event) handlers.on_event(Event{std::move(fields)});
    } else {
      ++malformed_;
    }
    if (current_->fleeting) continue;
    position_.store(recorded.offset, std::memory_order_release);
    const auto time = recorded.recordedtime.time_since_epoch().count();
    if (time > hub_time_.load(std::memory_order_relaxed)) hub_time_.store(time, std::memory_order_relaxed);
  }
  const bool fleeting = current_->fleeting;
  if (!fleeting) {
    position_ = current_->position;
    head_ = std::max(head_.load(), current_->head);
    hub_time_ = std::max(hub_time_.load(), current_->hub_time.time_since_epoch().count());
  }
  {
    const std::lock_guard lock{mutex_};
    buffered_events_ -= current_->events.size();
    buffered_bytes_ -= current_->frame ? current_->frame->size() : 0;
    if (held_) made_room_ = true;
  }
  current_.reset();
  if (handlers.on_progress && !fleeting) handlers.on_progress(progress());
  return true;
}

Progress Subscription::progress() const {
  const std::lock_guard lock{mutex_};
  Progress progress = session_;
  progress.position = position_;
  progress.head = std::max<std::uint64_t>(head_, position_);
  progress.hub_time = Timestamp{std::chrono::nanoseconds{hub_time_}};
  return progress;
}

void Subscription::check() const {
  const std::lock_guard lock{mutex_};
  if (error_) throw *error_;
}

void Subscription::add_to(BusStats& stats) const {
  stats.handled += handled_;
  stats.malformed += malformed_;
  stats.missed_live += missed_;
  stats.lost += lost_;
  stats.dropped += dropped_;
  stats.fleeting_dropped += fleeting_dropped_;
  stats.fleeting_missed += fleeting_missed_;
}

}  // namespace laban::client
