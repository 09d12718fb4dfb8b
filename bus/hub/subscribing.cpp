// bus/hub/subscribing.cpp - joins feeds, resolves starts, replays from the log.
#include "bus/hub/subscribing.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "bus/codec/envelope.hpp"
#include "bus/codec/log_record.hpp"
#include "bus/hub/access.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t wishes_max = 64;  // waiting replays of one session
constexpr std::size_t read_bytes = 1u << 20;

void refuse(Core& core, Session& session, codec::Refusal code, std::string_view text, std::uint64_t about) {
  core.sessions.send(session, codec::HubMessage{codec::Refused{code, text, about}});
}

}  // namespace

void Subscribing::subscribe(Session& session, const codec::Subscribe& frame) {
  const auto& limits = core_.options.limits;
  const auto no = [&](codec::Refusal code, std::string_view text) {
    refuse(core_, session, code, text, frame.subscription);
  };
  if (frame.patterns.empty())
    return no(codec::Refusal::invalid_address, "a subscription has no pattern: give '#' for everything");
  if (frame.patterns.size() > limits.patterns_max) {
    return no(codec::Refusal::limit,
              "a subscription has more than " + std::to_string(limits.patterns_max) + " patterns: split it");
  }
  for (const auto pattern : frame.patterns) {
    if (const auto problem = routing::topic_problem("pattern", pattern)) {
      return no(codec::Refusal::invalid_address, *problem);
    }
    if (session.grants != nullptr && !session.grants->may_subscribe(pattern)) {
      return no(codec::Refusal::denied, session.grants->denial("subscribe", pattern));
    }
  }
  if (!frame.exchange.empty() && core_.broker.topology().exchange(frame.exchange) == nullptr) {
    return no(codec::Refusal::invalid_address,
              "exchange '" + std::string{frame.exchange} + "' is not declared: declare it first");
  }
  codec::Refusal code = codec::Refusal::unspecified;
  std::string why;
  const auto start = start_of(frame, code, why);
  if (start == 0) return no(code, why);
  unsubscribe(session, frame.subscription);
  if (session.subscriptions.size() >= limits.subscriptions_max) {
    return no(codec::Refusal::limit, "this session has too many subscriptions: end some");
  }
  auto& subscription = session.subscriptions[frame.subscription];
  subscription.number = frame.subscription;
  subscription.feed =
      core_.feeds.join(std::string{frame.exchange}, {frame.patterns.begin(), frame.patterns.end()}, core_.head);
  subscription.live = subscription.feed->live;
  subscription.replayed_to = core_.head;
  if (!subscription.live) ++without_feed_;
  codec::Subscribed answer;
  answer.subscription = frame.subscription;
  if (subscription.live) answer.feed = subscription.feed->id;
  answer.epoch = core_.feeds.epoch();
  answer.sequence = subscription.feed->sequence;
  answer.head = core_.head;
  answer.start = start;
  core_.sessions.send(session, codec::HubMessage{answer});
}

// The first offset wanted; 0 with a reason where there is no such point.
std::uint64_t Subscribing::start_of(const codec::Subscribe& frame, codec::Refusal& code, std::string& why) {
  const auto beyond = [&](std::uint64_t offset) -> std::uint64_t {
    code = codec::Refusal::not_found;
    why = "offset " + std::to_string(offset) + " is beyond the log's newest, " + std::to_string(core_.head) +
          ": it belongs to another log, start from 'first' or 'now'";
    return 0;
  };
  if (frame.from == codec::Subscribe::From::offset && !same_past(frame, why)) {
    code = codec::Refusal::not_found;
    return 0;
  }
  switch (frame.from) {
    case codec::Subscribe::From::now:
      return core_.head + 1;
    case codec::Subscribe::From::first:
      return std::min(core_.journal.first_offset(), core_.head + 1);
    case codec::Subscribe::From::offset:
      if (frame.offset > core_.head + 1) return beyond(frame.offset);
      return std::max<std::uint64_t>(frame.offset, 1);
    case codec::Subscribe::From::time:
      return std::min(core_.journal.offset_at(frame.time), core_.head + 1);
    case codec::Subscribe::From::cursor:
      break;
  }
  const auto* cursor = core_.broker.cursor(frame.cursor);
  // A cursor that was never saved has dealt with nothing.
  if (cursor == nullptr) return std::min(core_.journal.first_offset(), core_.head + 1);
  if (cursor->offset > core_.head) return beyond(cursor->offset);
  return cursor->offset + 1;
}

// An offset means what it meant when it was read only in the log that it was read in, and there only up to the backup
// that this one may have been restored from.
bool Subscribing::same_past(const codec::Subscribe& frame, std::string& why) const {
  const auto& journal = core_.journal;
  if (frame.log_id != 0 && frame.log_id != journal.log_id()) {
    why = "offset " + std::to_string(frame.offset) +
          " was read in another log: start from 'first' or 'now', or give the hub its data directory back";
    return false;
  }
  if (frame.generation == 0 || frame.generation == journal.generation()) return true;
  if (frame.generation > journal.generation()) {
    why = "offset " + std::to_string(frame.offset) + " was read in generation " + std::to_string(frame.generation) +
          " of this log, and this is generation " + std::to_string(journal.generation()) +
          ": an older copy of the log runs here, start the newest one, or start from 'first' or 'now'";
    return false;
  }
  const auto end = journal.end_of_generation(frame.generation);
  if (frame.offset <= end) return true;
  why = "this log was restored from a backup that ends at offset " + std::to_string(end - 1) + ", before offset " +
        std::to_string(frame.offset) + " that was read earlier: start from 'first', 'now' or offset " +
        std::to_string(end);
  return false;
}

void Subscribing::unsubscribe(Session& session, std::uint64_t number) {
  const auto found = session.subscriptions.find(number);
  if (found == session.subscriptions.end()) return;
  if (!found->second.live) --without_feed_;
  core_.feeds.leave(found->second.feed);
  session.subscriptions.erase(found);
}

void Subscribing::leave(Session& session) {
  while (!session.subscriptions.empty()) unsubscribe(session, session.subscriptions.begin()->first);
}

void Subscribing::replay(Session& session, const codec::Replay& frame) {
  if (!session.subscriptions.contains(frame.subscription)) {
    return refuse(core_, session, codec::Refusal::not_found, "there is no such subscription: subscribe first",
                  frame.subscription);
  }
  const auto waiting =
      std::count_if(wishes_.begin(), wishes_.end(), [&](const Wish& wish) { return wish.session == session.number; });
  if (static_cast<std::size_t>(waiting) >= wishes_max) {
    return refuse(core_, session, codec::Refusal::limit, "too many replays wait: ask after each answer",
                  frame.subscription);
  }
  wishes_.push_back({session.number, frame});
}

bool Subscribing::serve() {
  std::size_t bytes = 0;
  while (!wishes_.empty() && bytes < core_.options.limits.replay_cycle_bytes) {
    const auto wish = wishes_.front();
    wishes_.pop_front();
    Session* session = core_.sessions.find(wish.session);
    if (session == nullptr) continue;
    const auto found = session->subscriptions.find(wish.replay.subscription);
    if (found == session->subscriptions.end()) continue;
    bytes += answer(*session, found->second, wish.replay);
  }
  return !wishes_.empty();
}

// The first event behind the damage at `from` that can be read again; beyond the head where there is none.
std::uint64_t Subscribing::readable_after(std::uint64_t from) {
  const auto readable = [&](std::uint64_t offset) {
    return offset > core_.head || !core_.journal.read(offset, 1, 1).damage;
  };
  std::uint64_t damaged = from;
  std::uint64_t sound = from + 1;
  while (!readable(sound)) {
    damaged = sound;
    sound = std::min(from + 2 * (sound - from), core_.head + 1);
  }
  while (sound - damaged > 1) {
    const auto middle = damaged + (sound - damaged) / 2;
    (readable(middle) ? sound : damaged) = middle;
  }
  return sound;
}

std::size_t Subscribing::answer(Session& session, Subscription& subscription, const codec::Replay& replay) {
  const auto& limits = core_.options.limits;
  const auto& feed = *subscription.feed;
  const std::uint64_t target = replay.up_to == 0 ? core_.head : std::min(replay.up_to, core_.head);
  const std::size_t bytes_max =
      replay.bytes_max == 0 ? limits.replay_bytes : std::min<std::size_t>(replay.bytes_max, 32u << 20);
  codec::Replayed answer;
  answer.subscription = replay.subscription;
  answer.after = replay.after;
  answer.up_to = replay.after;
  answer.head = core_.head;
  std::vector<journal::Block> blocks;  // keep what the answer points into
  std::string lost;
  std::size_t scanned = 0;
  std::size_t packed = 0;
  const bool everything = feed.wants_everything();
  EventFields fields;
  bool full = false;
  while (answer.up_to < target && scanned < limits.replay_scan_bytes && !full) {
    auto read = core_.journal.read(answer.up_to + 1, read_bytes);
    if (read.lost_to > answer.up_to) {
      answer.lost_from = answer.lost_from == 0 ? answer.up_to + 1 : answer.lost_from;
      answer.lost_to = std::min(read.lost_to, target);
      answer.lost_reason = "retention";
      answer.up_to = answer.lost_to;
    }
    for (const auto& record : read.events) {
      if (record.offset <= answer.up_to) continue;
      if (record.offset > target) break;
      const auto event = codec::decode_event(record.body);
      scanned += record.body.size();
      const bool wanted = everything || (codec::read_envelope(event.envelope, fields) &&
                                         feed.wants(fields.exchange, fields.routingkey));
      if (wanted) {
        if (!answer.events.empty() &&
            (packed + event.envelope.size() > bytes_max || answer.events.size() >= codec::frame_events_max)) {
          full = true;
          break;
        }
        packed += event.envelope.size() + codec::event_overhead_bytes;
        answer.events.push_back({record.offset, record.recordedtime, event.header.principal, event.envelope});
      }
      answer.up_to = record.offset;
    }
    blocks.insert(blocks.end(), read.blocks.begin(), read.blocks.end());
    if (read.damage) {
      // A damaged stretch is told, never skipped in silence; what comes behind it is still there.
      lost = read.damage->text();
      const auto from = answer.up_to + 1;
      if (answer.lost_from == 0) answer.lost_from = from;
      answer.lost_to = std::min(readable_after(from) - 1, target);
      answer.lost_reason = lost;
      answer.up_to = answer.lost_to;
      break;
    }
    if (read.events.empty() && read.lost_to == 0) break;
  }
  core_.probe.replayed(answer.events.size());
  subscription.told = false;
  subscription.replayed_to = std::max(subscription.replayed_to, answer.up_to);
  core_.sessions.send(session, codec::HubMessage{std::move(answer)});
  return scanned + packed + 1;
}

void Subscribing::tell_advance() {
  if (without_feed_ == 0) return;
  core_.sessions.for_each([&](Session& session) {
    for (auto& [number, subscription] : session.subscriptions) {
      if (subscription.live || subscription.told || subscription.replayed_to >= core_.head) continue;
      subscription.told = true;
      core_.sessions.send(session, codec::HubMessage{codec::Advanced{number, core_.head}});
    }
  });
}

}  // namespace laban::hub
