// bus/hub/session.cpp - opens, ends and feeds the sessions.
#include "bus/hub/session.hpp"

#include <utility>

namespace laban::hub {

Sessions::Sessions(transport::Server& server, const HubOptions& options, Probe& probe)
    : server_(server), options_(options), probe_(probe) {}

Session* Sessions::find(const transport::Peer& peer) {
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() || found->second->ended ? nullptr : found->second.get();
}

Session* Sessions::find(std::uint32_t number) {
  const auto found = by_number_.find(number);
  return found == by_number_.end() || found->second->ended ? nullptr : found->second;
}

bool Sessions::full() const {
  return by_peer_.size() >= options_.limits.sessions_max;
}

Session& Sessions::open(const transport::Peer& peer, Clock::time_point now) {
  auto& place = by_peer_[peer];
  place = std::make_unique<Session>();
  place->number = next_number_++;
  place->peer = peer;
  place->heard = now;
  by_number_[place->number] = place.get();
  probe_.session_opened();
  return *place;
}

void Sessions::send(Session& session, codec::Frame frame) {
  if (session.ended) return;
  if (!session.backlog.empty()) {
    // Something waits already: later frames line up behind it.
    session.backlog_bytes += frame.size();
    session.backlog.push_back(std::move(frame));
  } else {
    const auto bytes = frame.size();
    switch (server_.send(session.peer, frame)) {
      case transport::Sent::sent:
        return;
      case transport::Sent::gone:
        probe_.session_vanished();
        return end(session);
      case transport::Sent::full:
        session.backlog.push_back(std::move(frame));
        session.backlog_bytes = bytes;
        ++backlogged_;
    }
  }
  if (session.backlog_bytes > options_.limits.session_backlog_bytes) {
    probe_.session_was_too_slow();
    end(session);
  }
}

void Sessions::answer(const transport::Peer& peer, const codec::HubMessage& message) {
  auto frame = codec::encode(message);
  (void)server_.send(peer, frame);
}

void Sessions::end(Session& session) {
  if (session.ended) return;
  session.ended = true;
  if (!session.backlog.empty()) --backlogged_;
  ended_.push_back(session.peer);
}

void Sessions::expire(Clock::time_point now) {
  for (auto& [peer, session] : by_peer_) {
    if (session->ended || now - session->heard < options_.lease) continue;
    probe_.session_was_silent();
    end(*session);
  }
}

void Sessions::flush_backlogs() {
  if (backlogged_ == 0) return;
  for (auto& [peer, session] : by_peer_) {
    if (session->ended || session->backlog.empty()) continue;
    while (!session->backlog.empty()) {
      auto& frame = session->backlog.front();
      const auto bytes = frame.size();
      const auto sent = server_.send(session->peer, frame);
      if (sent == transport::Sent::full) break;
      if (sent == transport::Sent::gone) {
        probe_.session_vanished();
        end(*session);
        break;
      }
      session->backlog_bytes -= bytes;
      session->backlog.pop_front();
      if (session->backlog.empty()) --backlogged_;
    }
  }
}

}  // namespace laban::hub
