// bus/hub/feeds.cpp - interns subscriptions, admits readers, packs and multicasts.
#include "bus/hub/feeds.hpp"

#include <algorithm>
#include <utility>

#include "bus/hub/random.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t wanted_max = 65'536;  // remembered (exchange, routing key) pairs
constexpr int wishes_a_cycle = 4'096;       // at most; the socket wakes the loop for the rest

std::string_view text_of(const transport::FeedId& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

// Exchange and patterns as one text. A length goes before each, since any byte may be in them.
std::string name_of(const std::string& exchange, const std::vector<std::string>& patterns) {
  std::string name = std::to_string(exchange.size()) + ":" + exchange;
  for (const auto& pattern : patterns) name += std::to_string(pattern.size()) + ":" + pattern;
  return name;
}

}  // namespace

bool Feed::wants(std::string_view of_exchange, std::string_view routingkey) const {
  return (exchange.empty() || exchange == of_exchange) && set.matches(routingkey);
}

Feeds::Feeds(transport::Server& server, const HubOptions& options, Probe& probe)
    : server_(server), options_(options), probe_(probe), epoch_(random_number()) {}

std::shared_ptr<Feed> Feeds::join(std::string exchange, std::vector<std::string> patterns, std::uint64_t head) {
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  auto name = name_of(exchange, patterns);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    ++found->second->subscriptions;
    return found->second;
  }
  auto feed = std::make_shared<Feed>();
  feed->exchange = std::move(exchange);
  feed->patterns = std::move(patterns);
  feed->set = routing::TopicSet{feed->patterns};
  feed->covered = head;
  feed->subscriptions = 1;
  feed->live = by_id_.size() < options_.limits.feeds_max;
  if (!feed->live) return feed;
  feed->number = next_number_++;
  feed->id = random_feed_id();
  auto& trie = tries_[feed->exchange];
  for (const auto& pattern : feed->patterns) trie.insert(pattern, feed->number);
  by_id_.emplace(text_of(feed->id), feed.get());
  by_number_.emplace(feed->number, feed.get());
  by_name_.emplace(std::move(name), feed);
  forget_wanted();
  return feed;
}

void Feeds::leave(const std::shared_ptr<Feed>& feed) {
  if (--feed->subscriptions > 0 || !feed->live) return;
  auto& trie = tries_[feed->exchange];
  for (const auto& pattern : feed->patterns) trie.erase(pattern, feed->number);
  if (trie.empty()) tries_.erase(feed->exchange);
  by_id_.erase(std::string{text_of(feed->id)});
  by_number_.erase(feed->number);
  std::erase(touched_, feed.get());
  std::erase(touched_fleeting_, feed.get());
  by_name_.erase(name_of(feed->exchange, feed->patterns));
  forget_wanted();
}

void Feeds::admit_readers(std::uint64_t head, Timestamp hub_time) {
  for (int wishes = 0; wishes < wishes_a_cycle && server_.receive(request_); ++wishes) {
    const auto topic = request_.topic.bytes();
    const auto found = by_id_.find(std::string_view{reinterpret_cast<const char*>(topic.data()), topic.size()});
    if (found == by_id_.end()) {
      // A feed that has gone may still be left; anything else is a guess.
      if (request_.wanted) probe_.denied_feed();
      if (!request_.wanted) server_.admit(request_);
      continue;
    }
    server_.admit(request_);
    if (request_.wanted) speak(*found->second, head, hub_time);
  }
}

const std::vector<Feed*>& Feeds::wanted_by(std::string_view exchange, std::string_view routingkey) {
  // Neighbours often go the same way.
  if (last_wanted_ != nullptr && exchange == last_exchange_ && routingkey == last_routingkey_) return *last_wanted_;
  last_exchange_.assign(exchange);
  last_routingkey_.assign(routingkey);
  name_.assign(exchange);
  name_ += '\0';
  name_ += routingkey;
  if (const auto found = wanted_.find(name_); found != wanted_.end()) {
    last_wanted_ = &found->second;
    return found->second;
  }
  if (wanted_.size() >= wanted_max) wanted_.clear();
  std::vector<Feed*> feeds;
  const auto collect = [&](std::uint32_t number) {
    feeds.push_back(by_number_.at(number));
    return true;
  };
  if (const auto any = tries_.find(""); any != tries_.end()) any->second.match(routingkey, collect);
  if (!exchange.empty()) {
    if (const auto one = tries_.find(exchange); one != tries_.end()) one->second.match(routingkey, collect);
  }
  std::sort(feeds.begin(), feeds.end());
  feeds.erase(std::unique(feeds.begin(), feeds.end()), feeds.end());
  last_wanted_ = &wanted_.emplace(name_, std::move(feeds)).first->second;
  return *last_wanted_;
}

void Feeds::add(const codec::Recorded& event, std::string_view exchange, std::string_view routingkey) {
  if (by_id_.empty()) return;
  for (Feed* feed : wanted_by(exchange, routingkey)) {
    if (feed->pending.empty()) {
      touched_.push_back(feed);
    } else if (feed->pending_bytes + event.envelope.size() > options_.limits.feed_batch_bytes) {
      speak(*feed, feed->pending.back().offset, event.recordedtime);
    }
    feed->pending.push_back(event);
    feed->pending_bytes += event.envelope.size() + codec::event_overhead_bytes;
  }
}

void Feeds::flush(std::uint64_t head, Timestamp hub_time) {
  for (Feed* feed : touched_) speak(*feed, head, hub_time);
  touched_.clear();
}

bool Feeds::add_fleeting(const codec::Recorded& event, std::string_view exchange, std::string_view routingkey) {
  if (by_id_.empty()) return false;
  const auto& wanted = wanted_by(exchange, routingkey);
  for (Feed* feed : wanted) {
    if (feed->fleeting.empty()) {
      touched_fleeting_.push_back(feed);
    } else if (feed->fleeting_bytes + event.envelope.size() > options_.limits.feed_batch_bytes) {
      speak_fleeting(*feed, event.recordedtime);
    }
    feed->fleeting.push_back(event);
    feed->fleeting_bytes += event.envelope.size() + codec::event_overhead_bytes;
  }
  return !wanted.empty();
}

void Feeds::flush_fleeting(Timestamp hub_time) {
  for (Feed* feed : touched_fleeting_) speak_fleeting(*feed, hub_time);
  touched_fleeting_.clear();
}

// It covers nothing and takes no sequence: a reader that loses it finds no gap among the stored events.
void Feeds::speak_fleeting(Feed& feed, Timestamp hub_time) {
  if (feed.fleeting.empty()) return;
  codec::FeedBatch batch;
  batch.epoch = epoch_;
  batch.sequence = feed.sequence;
  batch.after = batch.up_to = feed.covered;
  batch.recordedtime = hub_time;
  batch.fleeting_before = feed.fleeting_before;
  batch.fleeting = std::move(feed.fleeting);
  server_.publish(feed.id, codec::encode(batch));
  feed.fleeting_before += batch.fleeting.size();
  probe_.fed_fleeting(batch.fleeting.size());
  feed.fleeting = std::move(batch.fleeting);
  feed.fleeting.clear();
  feed.fleeting_bytes = 0;
}

void Feeds::heartbeat(std::uint64_t head, Timestamp hub_time, Clock::time_point now) {
  for (auto& [id, feed] : by_id_) {
    const auto silent = now - feed->spoke;
    const auto limit = feed->covered < head ? options_.heartbeat_moving : options_.heartbeat_idle;
    if (silent >= limit) speak(*feed, head, hub_time);
  }
}

void Feeds::speak(Feed& feed, std::uint64_t up_to, Timestamp hub_time) {
  codec::FeedBatch batch;
  batch.epoch = epoch_;
  batch.after = feed.covered;
  batch.up_to = up_to;
  batch.recordedtime = hub_time;
  batch.fleeting_before = feed.fleeting_before;
  if (!feed.pending.empty()) {
    ++feed.sequence;
    probe_.fed(feed.pending.size());
    batch.events = std::move(feed.pending);
  }
  batch.sequence = feed.sequence;
  server_.publish(feed.id, codec::encode(batch));
  feed.pending = std::move(batch.events);
  feed.pending.clear();
  feed.pending_bytes = 0;
  feed.covered = up_to;
  feed.spoke = Clock::now();
}

}  // namespace laban::hub
