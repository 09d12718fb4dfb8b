// bus/queue/queue.cpp - messages in, dead letters, and what operators do.
#include "bus/queue/queue.hpp"

#include "bus/queue/queue_state.hpp"

namespace laban::queue {

Queue::Queue(Settings settings, Fence first_fence)
    : state_(std::make_unique<State>(std::move(settings), first_fence)) {}
Queue::~Queue() = default;
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;

const Settings& Queue::settings() const {
  return state_->settings;
}

bool Queue::enqueue(const Enqueue& message, Time now) {
  State& state = *state_;
  state.advance(now);
  if (message.offset <= state.last_offset) return false;
  const Settings& settings = state.settings;
  const std::uint64_t depth = state.counts.live() - state.counts.parked;
  const bool full = (settings.messages_max != 0 && depth >= settings.messages_max) ||
                    (settings.bytes_max != 0 && state.queued_bytes + message.bytes > settings.bytes_max);
  const bool keyed = settings.keyed && !message.key.empty();
  const std::uint32_t key = keyed ? state.key_numbered(hash_key(message.key, settings.key_seed)) : none;
  const Handle h = state.add_message(message.offset, key, message.bytes, message.priority);
  ++state.counts.enqueued;
  state.messages[h].given_redelivered = message.redelivered ? 1 : 0;
  // Against the time given, not the newest time known: a replay has to decide the same.
  Time expiry = message.expires_at;
  if (settings.message_ttl.count() > 0 && (expiry == Time{} || now + settings.message_ttl < expiry)) {
    expiry = now + settings.message_ttl;
  }
  if (message.deliver_at > now) {
    state.extra_of(h).deliver_at = message.deliver_at;
    state.wait(h, MessageState::scheduled, message.deliver_at);
  } else {
    state.set_state(h, MessageState::ready);
  }
  state.link_newest(h, now);
  state.make_ready(h);
  state.set_expiry(h, expiry);
  if (full && settings.overflow_parks && !state.recovering) state.park(h, ParkReason::overflow, {}, {}, false);
  if (state.counts.ready > backlog_large && state.horizon_requested == horizon_open) state.update_horizon();
  return true;
}

Room Queue::room() const {
  constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();
  const auto left = [](std::uint64_t limit, std::uint64_t used) { return limit > used ? limit - used : 0; };
  const Settings& settings = state_->settings;
  const Counts& counts = state_->counts;
  if (settings.overflow_parks) return {left(settings.parked_max, counts.parked), no_limit};
  Room room{no_limit, no_limit};
  if (settings.messages_max != 0) room.messages = left(settings.messages_max, counts.live() - counts.parked);
  if (settings.bytes_max != 0) room.bytes = left(settings.bytes_max, state_->queued_bytes);
  return room;
}

void Queue::advance(Time now) {
  state_->advance(now);
  state_->update_horizon();
}

std::optional<Time> Queue::next_wakeup() const {
  const State& state = *state_;
  std::optional<Time> next;
  const auto consider = [&next](Time at) { next = next.has_value() ? std::min(*next, at) : at; };
  if (!state.waits.empty()) consider(state.waits.first().at);
  if (state.recovering) return next;
  if (!state.expiries.empty()) consider(state.expiries.first().at);
  if (state.first_deadline != none) consider(state.flights[state.first_deadline].deadline);
  if (state.settings.queue_ttl.count() > 0 && state.consumers.empty()) {
    consider(state.unused_since + state.settings.queue_ttl);
  }
  return next;
}

void Queue::moved(std::uint64_t offset, Time now) {
  State& state = *state_;
  state.advance(now);
  const auto found = state.moving.find(offset);
  if (found == state.moving.end()) return;
  const Handle h = found->second;
  state.change(ChangeKind::moved, static_cast<std::uint8_t>(state.trouble_of(h).dead_letter_reason), offset);
  ++state.counts.moved;
  state.remove(h);
}

void Queue::dead_letter_failed(std::uint64_t offset, std::string_view why, Time now) {
  State& state = *state_;
  state.advance(now);
  const auto found = state.moving.find(offset);
  if (found == state.moving.end()) return;
  const Handle h = found->second;
  // What nobody wanted in time is not worth anybody's attention, but it is accounted for.
  if (state.trouble_of(h).dead_letter_reason == DeadLetterReason::expired) return state.ledger(h, LossReason::expired);
  state.park(h, ParkReason::dead_letter_failed, why, {}, false);
}

std::vector<std::uint64_t> Queue::redrive(Time now, std::size_t limit) {
  State& state = *state_;
  state.advance(now);
  std::vector<Handle> handles;
  QueueChange redriven;
  redriven.kind = ChangeKind::redriven;
  redriven.at = state.now;
  for (const auto& [offset, h] : state.parked) {
    if (limit != 0 && handles.size() == limit) break;
    handles.push_back(h);
    redriven.offsets.push_back(offset);
  }
  if (handles.empty()) return {};
  // The newest first, so that each finds its place at the front of its key.
  for (auto h = handles.rbegin(); h != handles.rend(); ++h) state.do_redriven(*h, state.now);
  state.stats.redriven += handles.size();
  state.effects.changes.push_back(redriven);
  state.update_horizon();
  return std::move(redriven.offsets);
}

bool Queue::discard(std::uint64_t offset, Time now) {
  state_->advance(now);
  const auto found = state_->parked.find(offset);
  if (found == state_->parked.end()) return false;
  state_->ledger(found->second, LossReason::discarded);
  return true;
}

std::size_t Queue::purge(Time now) {
  State& state = *state_;
  state.advance(now);
  std::vector<std::pair<std::uint64_t, Handle>> going;
  state.each_live([&](Handle h) {
    const MessageState is = state.state_of(h);
    if (is == MessageState::ready || is == MessageState::scheduled || is == MessageState::retrying) {
      going.emplace_back(state.messages[h].offset, h);
    }
  });
  std::sort(going.begin(), going.end());
  for (const auto& [offset, h] : going) state.ledger(h, LossReason::purged);
  state.update_horizon();
  return going.size();
}

std::size_t Queue::close(Time now) {
  State& state = *state_;
  state.advance(now);
  std::vector<std::uint32_t> flights;
  for (const auto& [fence, number] : state.by_fence) flights.push_back(number);
  for (const std::uint32_t number : flights) state.land(number);
  std::vector<std::pair<std::uint64_t, Handle>> going;
  state.each_live([&](Handle h) { going.emplace_back(state.messages[h].offset, h); });
  std::sort(going.begin(), going.end());
  for (const auto& [offset, h] : going) state.ledger(h, LossReason::queue_deleted);
  return going.size();
}

void Queue::touch(Time now) {
  state_->advance(now);
  state_->unused_since = state_->now;
}

bool Queue::wants_deletion(Time now) const {
  const State& state = *state_;
  if (state.recovering || !state.consumers.empty()) return false;
  if (state.settings.auto_delete && state.had_consumer) return true;
  return state.settings.queue_ttl.count() > 0 && state.unused_since + state.settings.queue_ttl <= now;
}

Effects Queue::take_effects() {
  Effects taken;
  std::swap(taken, state_->effects);
  taken.horizon = state_->horizon_requested;
  return taken;
}

bool Queue::has_effects() const {
  return !state_->effects.empty();
}

void Queue::changes_durable(std::uint64_t horizon) {
  state_->horizon_durable = horizon;
}

}  // namespace laban::queue
