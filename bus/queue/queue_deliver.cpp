// bus/queue/queue_deliver.cpp - consumers, what they are given, and what they say about it.
#include "bus/queue/queue_state.hpp"

namespace laban::queue {

Consumer* Queue::State::find_consumer(ConsumerId id) {
  const auto found = consumers.find(id);
  return found == consumers.end() ? nullptr : found->second.get();
}

bool Queue::State::eligible(const Consumer& consumer) const {
  if (consumer.paused || consumer.stalled || consumer.unacknowledged >= consumer.prefetch) return false;
  return !settings.single_active || joined.front() == consumer.id;
}

void Queue::State::enlist(Consumer& consumer) {
  if (consumer.in_ring || !eligible(consumer)) return;
  consumer.in_ring = true;
  ring.push_back(consumer.id);
}

// Consumers with credit, in turn; those whose credit went meanwhile leave the ring.
Consumer* Queue::State::next_consumer() {
  while (!ring.empty()) {
    Consumer& consumer = *find_consumer(ring.front());
    if (eligible(consumer)) return &consumer;
    consumer.in_ring = false;
    ring.pop_front();
  }
  return nullptr;
}

void Queue::State::link_deadline(std::uint32_t number) {
  if (settings.redelivery_timeout.count() == 0) return;
  InFlight& flight = flights[number];
  flight.deadline = now + settings.redelivery_timeout;  // the same for all: the newest is the last
  flight.earlier = last_deadline;
  flight.later = none;
  (last_deadline == none ? first_deadline : flights[last_deadline].later) = number;
  last_deadline = number;
}

void Queue::State::unlink_deadline(InFlight& flight) {
  if (settings.redelivery_timeout.count() == 0) return;
  (flight.earlier == none ? first_deadline : flights[flight.earlier].later) = flight.later;
  (flight.later == none ? last_deadline : flights[flight.later].earlier) = flight.earlier;
}

void Queue::State::hand_out(Handle h, Consumer& consumer, std::vector<Delivery>& out) {
  const std::uint32_t number = flights.add();
  InFlight& flight = flights[number];
  flight.fence = next_fence++;
  flight.message = h;
  flight.consumer = consumer.id;
  flight.previous = consumer.last;
  (consumer.last == none ? consumer.first : flights[consumer.last].next) = number;
  consumer.last = number;
  ++consumer.unacknowledged;
  by_fence.emplace(flight.fence, number);
  link_deadline(number);

  Message& message = messages[h];
  set_state(h, MessageState::unacknowledged);
  const bool seen = message.redelivered != 0 || message.given_redelivered != 0 || message.redriven != 0;
  out.push_back(
      {consumer.id, flight.fence, message.offset, attempts_of(h), message.bytes, seen, message.redriven != 0});
  max_delivered = std::max(max_delivered, message.offset);
  ++stats.delivered;
  if (seen) ++stats.redelivered;
  message.redelivered = 1;
}

Handle Queue::State::land(std::uint32_t number) {
  InFlight& flight = flights[number];
  const Handle h = flight.message;
  if (Consumer* consumer = find_consumer(flight.consumer)) {
    (flight.previous == none ? consumer->first : flights[flight.previous].next) = flight.next;
    (flight.next == none ? consumer->last : flights[flight.next].previous) = flight.previous;
    --consumer->unacknowledged;
    enlist(*consumer);
  }
  unlink_deadline(flight);
  by_fence.erase(flight.fence);
  flights.remove(number);
  return h;
}

void Queue::State::returned(Handle h, bool behind) {
  set_state(h, MessageState::ready);
  take_own_place(h);
  behind ? make_ready_behind(h) : make_ready(h);
  expire_if_due(h);
}

void Queue::State::retry_at(Handle h, Time until) {
  wait(h, MessageState::retrying, until);
  expire_if_due(h);
}

// Its timer may have rung while it was out.
void Queue::State::expire_if_due(Handle h) {
  const Time expiry = expires_at(h);
  if (expiry != Time{} && expiry <= now && !recovering) expire(h);
}

void Queue::State::request_horizon(std::uint64_t horizon) {
  if (horizon == horizon_requested) return;
  horizon_requested = horizon;
  QueueChange& to = effects.changes.emplace_back();
  to.kind = ChangeKind::horizon;
  to.horizon = horizon;
}

void Queue::State::update_horizon() {
  if (recovering) return;
  if (consumers.empty()) {
    if (horizon_requested == horizon_open) request_horizon(max_delivered);
    return;
  }
  if (counts.ready <= backlog_small) return request_horizon(horizon_open);
  if (horizon_requested == horizon_open) {
    if (counts.ready > backlog_large) request_horizon(max_delivered + horizon_ahead);
    return;
  }
  const Handle first = peek_ready();
  const std::uint64_t needed = std::max(max_delivered, first == none ? 0 : messages[first].offset);
  if (needed + horizon_ahead / 2 > horizon_requested) request_horizon(needed + horizon_ahead);
}

void Queue::add_consumer(ConsumerId id, std::string_view name, std::uint32_t prefetch, Time now) {
  state_->advance(now);
  if (state_->find_consumer(id) != nullptr) return set_prefetch(id, prefetch, now);
  auto consumer = std::make_unique<Consumer>();
  consumer->id = id;
  consumer->name = name;
  consumer->prefetch = std::max(1U, prefetch);
  Consumer& added = *consumer;
  state_->consumers.emplace(id, std::move(consumer));
  state_->joined.push_back(id);
  state_->had_consumer = true;
  state_->enlist(added);
  state_->update_horizon();
}

void Queue::set_prefetch(ConsumerId id, std::uint32_t prefetch, Time now) {
  state_->advance(now);
  if (Consumer* consumer = state_->find_consumer(id)) {
    consumer->prefetch = std::max(1U, prefetch);
    state_->enlist(*consumer);
  }
}

void Queue::pause(ConsumerId id, bool paused) {
  if (Consumer* consumer = state_->find_consumer(id)) {
    consumer->paused = paused;
    state_->enlist(*consumer);
  }
}

void Queue::remove_consumer(ConsumerId id, Leave how, Time now) {
  State& state = *state_;
  state.advance(now);
  Consumer* consumer = state.find_consumer(id);
  if (consumer == nullptr) return;
  consumer->paused = true;  // takes nothing more while its deliveries go back
  bool blame = how == Leave::lost;
  while (consumer->first != none) {
    const Handle h = state.land(consumer->first);
    // A client works through its deliveries in order, so the oldest is the one that may have killed it.
    if (blame) {
      state.attempt_failed(h, "the consumer was lost", consumer->name, false);
    } else {
      state.returned(h);
    }
    blame = false;
  }
  const bool was_active = state.joined.front() == id;
  std::erase(state.joined, id);
  std::erase(state.ring, id);
  state.consumers.erase(id);
  if (state.consumers.empty()) {
    state.unused_since = state.now;
  } else if (was_active) {
    state.enlist(*state.find_consumer(state.joined.front()));
  }
  state.update_horizon();
}

std::size_t Queue::deliver(Time now, std::size_t budget, std::vector<Delivery>& out) {
  State& state = *state_;
  state.advance(now);
  if (state.recovering) return 0;
  std::size_t count = 0;
  while (count < budget) {
    Consumer* consumer = state.next_consumer();
    if (consumer == nullptr) break;
    const Handle h = state.peek_ready();
    if (h == none) break;
    if (state.messages[h].offset > state.effective_horizon()) break;
    state.ready.pop(state.messages[h].priority, [&state](Handle entry) { return state.position_of(entry); });
    state.messages[h].in_ready = 0;
    state.hand_out(h, *consumer, out);
    ++count;
    state.ring.pop_front();
    consumer->in_ring = false;
    state.enlist(*consumer);
  }
  state.update_horizon();
  return count;
}

bool Queue::deliverable() const {
  return !state_->recovering && state_->next_consumer() != nullptr && state_->peek_ready() != none;
}

SettleResult Queue::settle(const Settle& settle, Time now) {
  State& state = *state_;
  state.advance(now);
  SettleResult result;
  Consumer* consumer = state.find_consumer(settle.consumer);
  if (consumer != nullptr && consumer->stalled) {
    consumer->stalled = false;
    state.enlist(*consumer);
  }
  const auto one = [&](std::uint32_t number) {
    ++result.settled;
    if (settle.outcome == Settlement::renew) {
      InFlight& flight = state.flights[number];
      state.unlink_deadline(flight);
      state.link_deadline(number);
      return;
    }
    const Handle h = state.land(number);
    switch (settle.outcome) {
      case Settlement::acknowledge:
        state.acknowledge(h, consumer->name);
        break;
      case Settlement::give_back:
        if (settle.delay.count() > 0) {
          state.trouble_of(h).soft_wait = true;
          state.retry_at(h, state.now + settle.delay);
        } else {
          state.returned(h, true);
        }
        break;
      case Settlement::fail:
        state.attempt_failed(h, settle.reason, consumer->name, true);
        break;
      case Settlement::reject:
        state.rejected(h, settle.reason, consumer->name);
        break;
      case Settlement::renew:
        break;
    }
  };
  for (const Fence fence : settle.fences) {
    const auto found = state.by_fence.find(fence);
    if (found == state.by_fence.end() || state.flights[found->second].consumer != settle.consumer) {
      ++result.stale;
    } else {
      one(found->second);
    }
  }
  if (consumer != nullptr && settle.up_to != 0) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t at = consumer->first; at != none && state.flights[at].fence <= settle.up_to;
         at = state.flights[at].next) {
      numbers.push_back(at);
    }
    for (const std::uint32_t number : numbers) one(number);
  }
  state.stats.stale_settlements += result.stale;
  return result;
}

bool Queue::undeliverable(Fence fence, std::string_view why, Time now) {
  state_->advance(now);
  const auto found = state_->by_fence.find(fence);
  if (found == state_->by_fence.end()) return false;
  const Handle h = state_->land(found->second);
  state_->park(h, ParkReason::undeliverable, why, {}, false);
  return true;
}

std::vector<ConsumerInfo> Queue::consumers() const {
  std::vector<ConsumerInfo> result;
  for (const ConsumerId id : state_->joined) {
    const Consumer& consumer = *state_->find_consumer(id);
    const bool active = !state_->settings.single_active || state_->joined.front() == id;
    result.push_back({id, consumer.name, consumer.prefetch, consumer.unacknowledged, active, consumer.stalled});
  }
  return result;
}

std::size_t Queue::consumer_count() const {
  return state_->consumers.size();
}

}  // namespace laban::queue
