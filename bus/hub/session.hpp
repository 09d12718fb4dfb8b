// bus/hub/session.hpp - the connected clients: who they are, when they were last heard, what still has to be
// sent.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/codec/codec.hpp"
#include "bus/hub/options.hpp"
#include "bus/hub/probe.hpp"
#include "bus/transport/server.hpp"

namespace laban::hub {

using Clock = std::chrono::steady_clock;

struct Feed;
struct Grants;

// What a session subscribed to. Without a feed it is told of news by Advanced, once for each Replay.
struct Subscription {
  std::uint64_t number = 0;
  std::shared_ptr<Feed> feed;  // also holds exchange and patterns where `live` is false
  bool live = false;           // the feed is multicast
  bool told = false;           // of news since its last Replay
  std::uint64_t replayed_to = 0;
};

struct Session {
  std::uint32_t number = 0;  // unique while the hub runs; names consumers in the queues
  transport::Peer peer;
  std::string source;
  std::string version;
  std::uint64_t id = 0;            // the client's random number of this connect
  std::string producer;            // empty: publishes nothing
  const Grants* grants = nullptr;  // what it may do; null: everything
  bool named = false;
  Clock::time_point heard;
  bool ended = false;  // reaped at the end of the cycle
  bool said_bye = false;

  std::unordered_map<std::uint64_t, Subscription> subscriptions;
  std::unordered_map<std::uint64_t, std::uint64_t> consumers;  // the client's number -> the hub's
  std::vector<std::uint64_t> types;                            // ids of the schema nodes that it speaks

  // Gathered for this group, by the level that the publisher asked for.
  std::array<codec::Confirms, 3> confirms;
  bool confirming = false;
  std::deque<codec::Frame> backlog;
  std::size_t backlog_bytes = 0;
};

// Threads: belongs to the hub's thread.
class Sessions {
 public:
  Sessions(transport::Server& server, const HubOptions& options, Probe& probe);

  Session* find(const transport::Peer& peer);
  Session* find(std::uint32_t number);
  std::size_t size() const { return by_peer_.size(); }
  bool full() const;

  // A new session of the peer; an old one of it is ended and must have been taken out by end() and reap()
  // before.
  Session& open(const transport::Peer& peer, Clock::time_point now);

  // Frames keep their order; a client that does not read is cut off when its backlog is full.
  void send(Session& session, const codec::HubMessage& message) { send(session, codec::encode(message)); }
  void send(Session& session, codec::Frame frame);

  // To a peer without a session, once: a refusal that it may not read.
  void answer(const transport::Peer& peer, const codec::HubMessage& message);

  void end(Session& session);
  // Sessions that were silent for longer than their lease end.
  void expire(Clock::time_point now);
  // Tries again what did not fit.
  void flush_backlogs();

  bool has_ended() const { return !ended_.empty(); }

  // Calls `before` for each ended session, then removes it.
  template <class Before>
  void reap(Before before) {
    while (!ended_.empty()) {
      const auto peer = std::move(ended_.back());
      ended_.pop_back();
      const auto found = by_peer_.find(peer);
      if (found == by_peer_.end()) continue;
      before(*found->second);
      by_number_.erase(found->second->number);
      by_peer_.erase(found);
    }
  }

  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [peer, session] : by_peer_) {
      if (!session->ended) visit(*session);
    }
  }

 private:
  transport::Server& server_;
  const HubOptions& options_;
  Probe& probe_;
  std::uint32_t next_number_ = 1;
  std::unordered_map<transport::Peer, std::unique_ptr<Session>> by_peer_;
  std::unordered_map<std::uint32_t, Session*> by_number_;
  std::vector<transport::Peer> ended_;
  std::size_t backlogged_ = 0;  // sessions with a backlog
};

}  // namespace laban::hub
