// bus/queue/queue_view.cpp - what a queue holds, for readers and for tests.
#include "bus/queue/queue_state.hpp"

namespace laban::queue {

Counts Queue::counts() const {
  return state_->counts;
}
const Stats& Queue::stats() const {
  return state_->stats;
}
std::uint64_t Queue::bytes() const {
  return state_->queued_bytes + state_->parked_bytes;
}
std::uint64_t Queue::last_offset() const {
  return state_->last_offset;
}
std::size_t Queue::key_count() const {
  return state_->keys.size();
}

std::uint64_t Queue::oldest_offset() const {
  std::uint64_t oldest = 0;
  each_offset([&oldest](std::uint64_t offset) { oldest = oldest == 0 ? offset : std::min(oldest, offset); });
  return oldest;
}

void Queue::each_offset(const std::function<void(std::uint64_t)>& visit) const {
  state_->each_live([&](Handle h) { visit(state_->messages[h].offset); });
}

std::size_t Queue::held_key_count() const {
  const State& state = *state_;
  std::size_t count = 0;
  for (const auto& [offset, h] : state.parked) count += state.messages[h].linked != 0 && state.is_first(h) ? 1 : 0;
  return count;
}

std::size_t Queue::memory_bytes() const {
  const State& state = *state_;
  const auto index = [](const auto& set, std::size_t slot) { return set.capacity() * (slot + 1); };
  std::size_t total = sizeof(State) + state.messages.memory_bytes() + state.extras.memory_bytes() +
                      state.keys.memory_bytes() + state.ready.memory_bytes() + state.waits.memory_bytes() +
                      state.expiries.memory_bytes() + state.flights.memory_bytes();
  total += index(state.key_index, sizeof(std::uint32_t)) + index(state.by_fence, 16) + index(state.moving, 16);
  total += state.parked.size() * 48;
  return total;
}

std::vector<ParkedMessage> Queue::parked(std::size_t limit, std::uint64_t after) const {
  const State& state = *state_;
  std::vector<ParkedMessage> result;
  for (auto at = state.parked.upper_bound(after); at != state.parked.end() && result.size() < limit; ++at) {
    const Message& message = state.messages[at->second];
    const Trouble& trouble = *state.find_trouble(at->second);
    result.push_back({message.offset, message.bytes, trouble.attempts, trouble.park_reason, message.linked != 0,
                      trouble.parked_at, trouble.history});
  }
  return result;
}

std::optional<Queue::Where> Queue::find(std::uint64_t offset) const {
  State& state = *state_;
  Handle found = none;
  state.each_live([&](Handle h) {
    if (state.messages[h].offset == offset) found = h;
  });
  if (found == none) return std::nullopt;
  Where where;
  where.attempts = state.attempts_of(found);
  if (const Trouble* trouble = state.find_trouble(found)) where.history = trouble->history;
  switch (state.state_of(found)) {
    case MessageState::dead:
      break;
    case MessageState::ready:
      where.state = state.is_first(found) ? "ready" : "waiting";
      break;
    case MessageState::unacknowledged:
      where.state = "unacknowledged";
      break;
    case MessageState::moving:
      where.state = "dead-lettering";
      break;
    case MessageState::scheduled:
      where.state = "scheduled";
      break;
    case MessageState::retrying:
      where.state = "retrying";
      break;
    case MessageState::parked:
      where.state = "parked";
      break;
  }
  if (where.state == "scheduled" || where.state == "retrying") where.until = state.find_extra(found)->wait_until;
  if (where.state == "unacknowledged") {
    for (const auto& [fence, number] : state.by_fence) {
      const InFlight& flight = state.flights[number];
      if (flight.message == found) where.consumer = state.find_consumer(flight.consumer)->name;
    }
  }
  return where;
}

std::optional<std::string> Queue::audit() const {
  State& state = *state_;
  Counts recount = state.counts;
  recount.ready = recount.unacknowledged = recount.delayed = recount.parked = 0;
  std::uint64_t queued = 0;
  std::uint64_t parked = 0;
  std::size_t expiring = 0;
  std::size_t linked = 0;
  std::string wrong;
  const auto say = [&wrong](const std::string& what) {
    if (wrong.empty()) wrong = what;
  };
  state.each_live([&](Handle h) {
    const Message& message = state.messages[h];
    const MessageState is = state.state_of(h);
    const std::string name = "message " + std::to_string(message.offset);
    (is == MessageState::parked ? parked : queued) += message.bytes;
    if (is == MessageState::ready) ++recount.ready;
    if (is == MessageState::unacknowledged || is == MessageState::moving) ++recount.unacknowledged;
    if (is == MessageState::scheduled || is == MessageState::retrying) ++recount.delayed;
    if (is == MessageState::parked) ++recount.parked;
    if (state.expires_at(h) != Time{}) ++expiring;
    if (message.linked != 0) ++linked;
    if (message.key != none && message.linked == 0 && is != MessageState::scheduled && is != MessageState::parked &&
        is != MessageState::moving) {
      say(name + " is in no list of its key");
    }
    if (message.key != none && is == MessageState::unacknowledged && !state.is_first(h)) {
      say(name + " is delivered before its key's first");
    }
    if (state.can_go(h) && message.in_ready == 0) say(name + " can go but is not in line");
  });
  for (const std::uint32_t key : state.key_index) {
    Handle previous = none;
    for (Handle h = state.keys[key].first; h != none; h = state.messages[h].next) {
      --linked;
      if (state.messages[h].key != key || state.messages[h].previous != previous) say("a key's list is broken");
      const bool first_out = previous == state.keys[key].first && previous != none &&
                             state.state_of(previous) != MessageState::ready &&
                             state.state_of(previous) != MessageState::parked;
      if (previous != none && !first_out && state.joins_before(h, previous)) say("a key's list is out of order");
      previous = h;
    }
    if (state.keys[key].last != previous) say("a key's list ends elsewhere");
  }
  if (linked != 0) say("messages are in lists that no key has");
  if (!(recount == state.counts)) say("the counts are not what is there");
  if (!state.counts.law_holds()) say("the queue law does not hold");
  if (queued != state.queued_bytes || parked != state.parked_bytes) say("the byte counts are not what is there");
  if (expiring != state.expiring) say("the count of what expires is not what is there");
  if (state.parked.size() != recount.parked) say("the list of parked messages is not what is there");
  if (state.by_fence.size() + state.moving.size() != recount.unacknowledged) say("deliveries are not what is there");
  if (state.key_index.size() != state.keys.size()) say("the index of keys is not what is there");
  if (wrong.empty()) return std::nullopt;
  return wrong;
}

}  // namespace laban::queue
