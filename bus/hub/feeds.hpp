// bus/hub/feeds.hpp - distinct subscriptions as feeds: each event is packed once for all who want the same.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/codec.hpp"
#include "bus/hub/options.hpp"
#include "bus/hub/probe.hpp"
#include "bus/hub/session.hpp"
#include "bus/routing/string_map.hpp"
#include "bus/routing/topic.hpp"
#include "bus/transport/server.hpp"

namespace laban::hub {

// One (exchange, patterns). Its readers hear every matching event after they were admitted, in batches that say
// what they cover, so that a lost one shows.
struct Feed {
  std::uint32_t number = 0;
  transport::FeedId id{};
  std::string exchange;               // empty: every exchange
  std::vector<std::string> patterns;  // sorted, each once
  routing::TopicSet set;              // the same, ready to match
  std::uint64_t sequence = 0;         // of the last batch
  std::uint64_t covered = 0;          // the log's head when it last spoke
  std::size_t subscriptions = 0;
  std::vector<codec::Recorded> pending;
  std::size_t pending_bytes = 0;
  std::vector<codec::Recorded> fleeting;  // at most once: beside the stored ones, never among them
  std::size_t fleeting_bytes = 0;
  std::uint64_t fleeting_before = 0;  // carried so far
  bool live = true;                   // multicast; else beyond the limit, its subscriber is told to replay
  Clock::time_point spoke{};

  bool wants(std::string_view of_exchange, std::string_view routingkey) const;
  bool wants_everything() const { return exchange.empty() && patterns.front() == "#"; }
};

// Threads: belongs to the hub's thread.
class Feeds {
 public:
  Feeds(transport::Server& server, const HubOptions& options, Probe& probe);

  std::uint64_t epoch() const { return epoch_; }
  std::size_t size() const { return by_id_.size(); }

  // The feed of all who want the same. Beyond the limit a feed of its own, which is not live.
  std::shared_ptr<Feed> join(std::string exchange, std::vector<std::string> patterns, std::uint64_t head);
  void leave(const std::shared_ptr<Feed>& feed);

  // Answers what readers asked for. An admitted one is spoken to at once: that is how it knows that its live path
  // stands.
  void admit_readers(std::uint64_t head, Timestamp hub_time);

  // A stored event; its envelope must stay where it is until flush().
  void add(const codec::Recorded& event, std::string_view exchange, std::string_view routingkey);
  // Sends what was added; `head` is now covered by those feeds.
  void flush(std::uint64_t head, Timestamp hub_time);
  // An event at most once; false: nobody wants it. Its envelope must stay where it is until flush_fleeting().
  bool add_fleeting(const codec::Recorded& event, std::string_view exchange, std::string_view routingkey);
  void flush_fleeting(Timestamp hub_time);

  // Tells how far the log is where a feed has been silent for long enough.
  void heartbeat(std::uint64_t head, Timestamp hub_time, Clock::time_point now);

 private:
  void speak(Feed& feed, std::uint64_t up_to, Timestamp hub_time);
  void speak_fleeting(Feed& feed, Timestamp hub_time);
  const std::vector<Feed*>& wanted_by(std::string_view exchange, std::string_view routingkey);
  void forget_wanted() {
    wanted_.clear();
    last_wanted_ = nullptr;
  }

  transport::Server& server_;
  const HubOptions& options_;
  Probe& probe_;
  std::uint64_t epoch_ = 0;
  std::uint32_t next_number_ = 1;
  routing::StringMap<std::shared_ptr<Feed>> by_name_;
  routing::StringMap<Feed*> by_id_;
  absl::flat_hash_map<std::uint32_t, Feed*> by_number_;
  routing::StringMap<routing::TopicTrie> tries_;  // by exchange; the empty one is every exchange
  std::vector<Feed*> touched_;
  std::vector<Feed*> touched_fleeting_;
  // Which feeds want (exchange, routing key): asked for each event, changed by each new feed.
  routing::StringMap<std::vector<Feed*>> wanted_;
  std::string name_;
  const std::vector<Feed*>* last_wanted_ = nullptr;  // by the two below
  std::string last_exchange_;
  std::string last_routingkey_;
  transport::FeedRequest request_;
};

}  // namespace laban::hub
