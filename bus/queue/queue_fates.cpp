// bus/queue/queue_fates.cpp - what becomes of a message, and what time does.
//
// Each fate writes its change first and then does what apply() does with the same change at a restart.
#include "bus/queue/queue_state.hpp"

namespace laban::queue {

QueueChange& Queue::State::change(ChangeKind kind, std::uint8_t code, std::uint64_t offset) {
  // Runs of the same fate share one change; what carries an instant or a text does not.
  const bool shares = kind == ChangeKind::moved || kind == ChangeKind::ledgered;
  auto& changes = effects.changes;
  if (!shares || changes.empty() || changes.back().kind != kind || changes.back().code != code) {
    changes.emplace_back();
    changes.back().kind = kind;
    changes.back().code = code;
  }
  changes.back().offsets.push_back(offset);
  return changes.back();
}

void Queue::State::acknowledge(Handle h, const std::string& consumer) {
  auto& changes = effects.changes;
  const bool same =
      !changes.empty() && changes.back().kind == ChangeKind::acknowledged && changes.back().consumer == consumer;
  if (!same) {
    changes.emplace_back();
    changes.back().kind = ChangeKind::acknowledged;
    changes.back().consumer = consumer;
  }
  changes.back().offsets.push_back(messages[h].offset);
  ++counts.acknowledged;
  remove(h);
}

void Queue::State::ledger(Handle h, LossReason reason) {
  change(ChangeKind::ledgered, static_cast<std::uint8_t>(reason), messages[h].offset);
  effects.ledgered.push_back({messages[h].offset, reason});
  ++counts.ledgered;
  remove(h);
}

void Queue::State::remember(Handle h, Time at, const std::string& reason, const std::string& consumer) {
  auto& history = trouble_of(h).history;
  if (history.size() == history_max) history.erase(history.begin());
  history.push_back({at, reason, consumer});
}

void Queue::State::do_failed(Handle h, Time at, Time not_before, const std::string& reason,
                             const std::string& consumer) {
  Trouble& trouble = trouble_of(h);
  ++trouble.attempts;
  trouble.not_before = not_before;
  trouble.soft_wait = false;
  remember(h, at, reason, consumer);
}

void Queue::State::attempt_failed(Handle h, std::string_view reason, std::string_view consumer, bool back_off) {
  ++stats.failed;
  const std::uint32_t attempts = attempts_of(h) + 1;
  if (attempts >= settings.delivery_limit && settings.dead_letter_exchange.empty()) {
    return park(h, ParkReason::delivery_limit, reason, consumer, true);
  }
  const bool last = attempts >= settings.delivery_limit;
  Time not_before{};
  if (back_off && !last && settings.backoff.count() > 0) {
    Duration delay = settings.backoff;
    for (std::uint32_t i = 1; i < attempts && delay < settings.backoff_max; ++i) delay *= 2;
    not_before = now + std::min(delay, settings.backoff_max);
  }
  QueueChange& failed = change(ChangeKind::failed, 0, messages[h].offset);
  failed.at = now;
  failed.not_before = not_before;
  failed.reason = reason.substr(0, reason_bytes_max);
  failed.consumer = consumer;
  do_failed(h, now, not_before, failed.reason, failed.consumer);
  if (last) return start_moving(h, DeadLetterReason::delivery_limit);
  if (not_before == Time{}) return returned(h);
  retry_at(h, not_before);
}

void Queue::State::rejected(Handle h, std::string_view reason, std::string_view consumer) {
  if (settings.dead_letter_exchange.empty()) return park(h, ParkReason::rejected, reason, consumer, true);
  QueueChange& failed = change(ChangeKind::failed, 0, messages[h].offset);
  failed.at = now;
  failed.reason = reason.substr(0, reason_bytes_max);
  failed.consumer = consumer;
  do_failed(h, now, Time{}, failed.reason, failed.consumer);
  start_moving(h, DeadLetterReason::rejected);
}

void Queue::State::do_parked(Handle h, ParkReason reason, Time at, const std::string& text, const std::string& consumer,
                             bool blames) {
  Trouble& trouble = trouble_of(h);
  if (blames) ++trouble.attempts;
  if (blames || !text.empty()) remember(h, at, text, consumer);
  trouble.park_reason = reason;
  trouble.parked_at = at;
  trouble.not_before = Time{};
  trouble.soft_wait = false;
  clear_expiry(h);  // a parked message waits for people
  set_state(h, MessageState::parked);
  if (settings.park_holds) return take_own_place(h);
  const std::uint32_t key = messages[h].key;
  unlink(h);
  wake_key(key);
}

void Queue::State::park(Handle h, ParkReason reason, std::string_view text, std::string_view consumer, bool blames) {
  QueueChange& parking = change(ChangeKind::parked, static_cast<std::uint8_t>(reason), messages[h].offset);
  parking.at = now;
  parking.reason = text.substr(0, reason_bytes_max);
  parking.consumer = consumer;
  parking.blames = blames;
  do_parked(h, reason, now, parking.reason, parking.consumer, blames);
  effects.parked.push_back({messages[h].offset, reason, attempts_of(h)});
}

void Queue::State::do_redriven(Handle h, Time at) {
  Extra& extra = extra_of(h);
  Trouble& trouble = trouble_of(h);
  trouble.attempts = 0;
  trouble.park_reason = {};
  trouble.parked_at = Time{};
  messages[h].redriven = 1;
  set_state(h, MessageState::ready);
  if (extra.deliver_at > at) {  // parked before it was due: people want it now
    unlink(h);
    extra.deliver_at = Time{};
    extra.joined_after = 0;
  }
  if (messages[h].linked == 0) link_sorted(h);
  wake_key(messages[h].key);
  make_ready(h);
}

void Queue::State::start_moving(Handle h, DeadLetterReason reason) {
  Trouble& trouble = trouble_of(h);
  trouble.dead_letter_reason = reason;
  set_state(h, MessageState::moving);
  effects.dead_letters.push_back({messages[h].offset, reason, trouble.attempts, trouble.history});
}

void Queue::State::expire(Handle h) {
  if (!settings.dead_letter_exchange.empty()) return start_moving(h, DeadLetterReason::expired);
  ledger(h, LossReason::expired);
}

bool Queue::State::waits_for(const Timer& timer) const {
  if (messages[timer.message].offset != timer.offset) return false;
  const Extra* extra = find_extra(timer.message);
  switch (state_of(timer.message)) {
    case MessageState::scheduled:
    case MessageState::retrying:
      return extra->wait_until == timer.at;
    case MessageState::moving:
    case MessageState::parked:
      return extra->joined_after == 0 && extra->deliver_at == timer.at;
    default:
      return false;
  }
}

bool Queue::State::expires_by(const Timer& timer) const {
  return messages[timer.message].offset == timer.offset && state_of(timer.message) != MessageState::dead &&
         expires_at(timer.message) == timer.at;
}

void Queue::State::fire_waits() {
  while (!waits.empty() && waits.first().at <= now) {
    const Timer timer = waits.first();
    waits.drop_first();
    if (!waits_for(timer)) continue;
    const Handle h = timer.message;
    if (state_of(h) != MessageState::retrying) {
      join(h);
      continue;
    }
    Trouble& trouble = trouble_of(h);
    if (trouble.soft_wait) {
      trouble.soft_wait = false;
      returned(h, true);
    } else {
      returned(h);
    }
  }
}

void Queue::State::fire_expiries() {
  while (!expiries.empty() && expiries.first().at <= now) {
    const Timer timer = expiries.first();
    expiries.drop_first();
    if (!expires_by(timer)) continue;
    const MessageState state = state_of(timer.message);
    // What a consumer has may still be acknowledged; it expires when it comes back.
    if (state == MessageState::unacknowledged || state == MessageState::moving) continue;
    expire(timer.message);
  }
}

void Queue::State::fire_timeouts() {
  while (first_deadline != none && flights[first_deadline].deadline <= now) {
    Consumer& consumer = *find_consumer(flights[first_deadline].consumer);
    // Only what its consumer was working on can be to blame, not what waited behind it.
    const bool blame = !consumer.stalled;
    consumer.stalled = true;
    const Handle h = land(first_deadline);
    ++stats.timed_out;
    if (blame) {
      attempt_failed(h, "no answer within the redelivery time-out", consumer.name, false);
    } else {
      returned(h);
    }
  }
}

void Queue::State::advance(Time to) {
  now = std::max(now, to);
  fire_waits();
  if (recovering) return;
  fire_expiries();
  fire_timeouts();
}

}  // namespace laban::queue
