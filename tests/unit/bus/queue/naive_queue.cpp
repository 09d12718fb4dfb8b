// tests/unit/bus/queue/naive_queue.cpp - the plain queue.
#include "tests/unit/bus/queue/naive_queue.hpp"

#include <algorithm>
#include <tuple>

namespace laban::test {

std::uint64_t NaiveQueue::position(std::uint64_t offset) const {
  const Message& m = messages.at(offset);
  return m.joined_after != 0 ? m.joined_after : offset;
}

bool NaiveQueue::before(std::uint64_t a, std::uint64_t b) const {
  const auto rank = [this](std::uint64_t offset) {
    const Message& m = messages.at(offset);
    const bool late = m.joined_after != 0;
    return std::tuple{position(offset), late, late ? m.deliver_at : Time{}, offset};
  };
  return rank(a) < rank(b);
}

bool NaiveQueue::is_first(std::uint64_t offset) const {
  const Message& m = messages.at(offset);
  if (m.key.empty()) return true;
  const auto found = lists.find(m.key);
  return found != lists.end() && !found->second.empty() && found->second.front() == offset;
}

bool NaiveQueue::can_go(std::uint64_t offset) const {
  return messages.at(offset).is == Is::ready && is_first(offset);
}

std::uint32_t NaiveQueue::unacknowledged(ConsumerId id) const {
  std::uint32_t count = 0;
  for (const auto& [offset, m] : messages) count += m.is == Is::unacknowledged && m.consumer == id ? 1 : 0;
  return count;
}

bool NaiveQueue::eligible(ConsumerId id) const {
  const auto found = consumers.find(id);
  if (found == consumers.end() || found->second.paused || found->second.stalled) return false;
  if (settings.single_active && joined.front() != id) return false;
  return unacknowledged(id) < found->second.prefetch;
}

bool NaiveQueue::could_deliver() const {
  const bool anyone = std::any_of(joined.begin(), joined.end(), [this](ConsumerId id) { return eligible(id); });
  return anyone && std::any_of(messages.begin(), messages.end(), [this](const auto& m) { return can_go(m.first); });
}

// Where its order of joining puts it, but never before a first message that is out.
void NaiveQueue::list(std::uint64_t offset) {
  Message& m = messages.at(offset);
  if (m.key.empty() || m.listed) return;
  auto& all = lists[m.key];
  auto at = all.begin();
  const bool out = at != all.end() && messages.at(*at).is != Is::ready && messages.at(*at).is != Is::parked;
  if (out) ++at;
  while (at != all.end() && before(*at, offset)) ++at;
  all.insert(at, offset);
  m.listed = true;
}

void NaiveQueue::unlist(std::uint64_t offset) {
  Message& m = messages.at(offset);
  if (m.listed) std::erase(lists[m.key], offset);
  m.listed = false;
}

void NaiveQueue::remove(std::uint64_t offset) {
  unlist(offset);
  messages.erase(offset);
}

void NaiveQueue::ledger(std::uint64_t offset) {
  ++totals.ledgered;
  remove(offset);
}

void NaiveQueue::expire(std::uint64_t offset) {
  Message& m = messages.at(offset);
  if (settings.dead_letter_exchange.empty()) return ledger(offset);
  m.is = Is::moving;
  m.dead_letter = DeadLetterReason::expired;
}

void NaiveQueue::take_own_place(std::uint64_t offset) {
  const Message& m = messages.at(offset);
  if (!m.listed) return;
  const auto& all = lists[m.key];
  const auto next = std::find(all.begin(), all.end(), offset) + 1;
  if (next == all.end() || !before(*next, offset)) return;
  unlist(offset);
  list(offset);
}

void NaiveQueue::back(std::uint64_t offset, bool behind) {
  Message& m = messages.at(offset);
  m.is = Is::ready;
  take_own_place(offset);
  m.ticket = behind ? last_offset : position(offset);
  if (m.expires_at != Time{} && m.expires_at <= now && !recovering) expire(offset);
}

void NaiveQueue::park(std::uint64_t offset, ParkReason reason, bool blames) {
  Message& m = messages.at(offset);
  m.is = Is::parked;
  m.park_reason = reason;
  m.attempts += blames ? 1 : 0;
  m.expires_at = Time{};
  settings.park_holds ? take_own_place(offset) : unlist(offset);
}

void NaiveQueue::failed(std::uint64_t offset, bool back_off) {
  Message& m = messages.at(offset);
  if (m.attempts + 1 >= settings.delivery_limit) {
    if (settings.dead_letter_exchange.empty()) return park(offset, ParkReason::delivery_limit, true);
    ++m.attempts;
    m.is = Is::moving;
    m.dead_letter = DeadLetterReason::delivery_limit;
    return;
  }
  ++m.attempts;
  if (!back_off || settings.backoff.count() == 0) return back(offset, false);
  Duration delay = settings.backoff;
  for (std::uint32_t i = 1; i < m.attempts; ++i) delay = std::min(2 * delay, settings.backoff_max);
  m.is = Is::retrying;
  m.soft = false;
  m.wait = now + std::min(delay, settings.backoff_max);
}

void NaiveQueue::enqueue(const Enqueue& given, Time at) {
  advance(at);
  const std::uint64_t depth = messages.size() - counts().parked;
  std::uint64_t queued = 0;
  for (const auto& [offset, m] : messages) queued += m.is == Is::parked ? 0 : m.bytes;
  const bool full = (settings.messages_max != 0 && depth >= settings.messages_max) ||
                    (settings.bytes_max != 0 && queued + given.bytes > settings.bytes_max);
  Message m;
  if (settings.keyed) m.key = given.key;
  m.bytes = given.bytes;
  m.priority = given.priority;
  m.expires_at = given.expires_at;
  m.seen = given.redelivered;
  m.ticket = given.offset;
  if (settings.message_ttl.count() > 0 && (m.expires_at == Time{} || at + settings.message_ttl < m.expires_at)) {
    m.expires_at = at + settings.message_ttl;
  }
  const bool later = given.deliver_at > at;
  if (later) {
    m.is = Is::scheduled;
    m.deliver_at = m.wait = given.deliver_at;
  }
  messages.emplace(given.offset, m);
  // A schedule that ends after this event was recorded ends after it, whatever was known when.
  for (auto& [offset, other] : messages) {
    if (other.joined_after == 0 || other.joined_after != last_offset || other.deliver_at <= at) continue;
    other.joined_after = given.offset;
    exact_tickets = false;
  }
  last_offset = given.offset;
  ++totals.enqueued;
  if (!later) list(given.offset);
  if (full && settings.overflow_parks && !recovering) park(given.offset, ParkReason::overflow, false);
}

void NaiveQueue::advance(Time to) {
  now = std::max(now, to);
  std::vector<std::pair<Time, std::uint64_t>> due;
  for (const auto& [offset, m] : messages) {
    if ((m.is == Is::scheduled || m.is == Is::retrying) && m.wait <= now) due.emplace_back(m.wait, offset);
    const bool elsewhere = m.is == Is::parked || m.is == Is::moving;
    const bool unjoined = m.deliver_at != Time{} && m.joined_after == 0;
    if (elsewhere && unjoined && m.deliver_at <= now) due.emplace_back(m.deliver_at, offset);
  }
  std::sort(due.begin(), due.end());
  for (const auto& [at, offset] : due) {
    Message& m = messages.at(offset);
    if (m.is == Is::scheduled) {
      m.joined_after = m.ticket = last_offset;
      m.is = Is::ready;
      list(offset);
    } else if (m.is == Is::retrying) {
      back(offset, m.soft);
    } else {
      m.joined_after = last_offset;
      if (m.is == Is::parked && settings.park_holds) list(offset);
    }
  }
  if (recovering) return;
  due.clear();
  for (const auto& [offset, m] : messages) {
    const bool may = m.is == Is::ready || m.is == Is::scheduled || m.is == Is::retrying;
    if (may && m.expires_at != Time{} && m.expires_at <= now) due.emplace_back(m.expires_at, offset);
  }
  for (const auto& [at, offset] : due) expire(offset);
  due.clear();
  for (const auto& [offset, m] : messages) {
    const bool late = m.is == Is::unacknowledged && settings.redelivery_timeout.count() > 0 && m.deadline <= now;
    if (late) due.emplace_back(m.deadline, m.deadline_set);
  }
  std::sort(due.begin(), due.end());
  for (const auto& [at, set] : due) {
    for (auto& [offset, m] : messages) {
      if (m.is != Is::unacknowledged || m.deadline_set != set) continue;
      Consumer& consumer = consumers.at(m.consumer);
      const bool blame = !consumer.stalled;
      consumer.stalled = true;
      blame ? failed(offset, false) : back(offset, false);
      break;
    }
  }
}

std::string NaiveQueue::deliver(const Delivery& delivery) {
  const auto found = messages.find(delivery.offset);
  if (found == messages.end()) return "it is not in the queue";
  Message& m = found->second;
  if (!can_go(delivery.offset)) return "it is not its turn in its key, or it is not ready";
  if (!eligible(delivery.consumer)) return "the consumer has no credit";
  if (delivery.attempts != m.attempts) return "the attempts are wrong";
  if (m.seen && !delivery.redelivered) return "it was seen before and is not marked";
  if (m.redriven != delivery.redriven) return "the mark of the redrive is wrong";
  for (const auto& [offset, other] : messages) {
    if (!can_go(offset)) continue;
    if (other.priority > m.priority) return "another has a higher priority";
    if (exact_tickets && other.priority == m.priority && other.ticket < m.ticket)
      return "another was before it in line";
  }
  m.is = Is::unacknowledged;
  m.consumer = delivery.consumer;
  m.fence = delivery.fence;
  m.deadline = now + settings.redelivery_timeout;
  m.deadline_set = ++deadlines_set;
  m.seen = true;
  return {};
}

void NaiveQueue::settle(const Settle& settle, std::uint64_t offset) {
  Message& m = messages.at(offset);
  switch (settle.outcome) {
    case Settlement::acknowledge:
      ++totals.acknowledged;
      remove(offset);
      break;
    case Settlement::give_back:
      if (settle.delay.count() == 0) return back(offset, true);
      m.is = Is::retrying;
      m.soft = true;
      m.wait = now + settle.delay;
      break;
    case Settlement::fail:
      failed(offset, true);
      break;
    case Settlement::reject:
      if (settings.dead_letter_exchange.empty()) return park(offset, ParkReason::rejected, true);
      ++m.attempts;
      m.is = Is::moving;
      m.dead_letter = DeadLetterReason::rejected;
      break;
    case Settlement::renew:
      m.deadline = now + settings.redelivery_timeout;
      m.deadline_set = ++deadlines_set;
      break;
  }
}

void NaiveQueue::leave(ConsumerId id, Leave how) {
  std::vector<std::pair<Fence, std::uint64_t>> mine;
  for (const auto& [offset, m] : messages) {
    if (m.is == Is::unacknowledged && m.consumer == id) mine.emplace_back(m.fence, offset);
  }
  std::sort(mine.begin(), mine.end());
  bool blame = how == Leave::lost;
  for (const auto& [fence, offset] : mine) {
    blame ? failed(offset, false) : back(offset, false);
    blame = false;
  }
  consumers.erase(id);
  std::erase(joined, id);
}

void NaiveQueue::redrive(std::size_t limit) {
  std::vector<std::uint64_t> parked;
  for (const auto& [offset, m] : messages) {
    if (m.is == Is::parked && (limit == 0 || parked.size() < limit)) parked.push_back(offset);
  }
  if (!settings.park_holds && !parked.empty()) exact_tickets = false;
  for (auto offset = parked.rbegin(); offset != parked.rend(); ++offset) {
    Message& m = messages.at(*offset);
    m.attempts = 0;
    m.redriven = m.seen = true;
    if (m.joined_after == 0) m.deliver_at = Time{};
    m.is = Is::ready;
    m.ticket = position(*offset);
    list(*offset);
  }
}

void NaiveQueue::purge() {
  std::vector<std::uint64_t> going;
  for (const auto& [offset, m] : messages) {
    if (m.is == Is::ready || m.is == Is::scheduled || m.is == Is::retrying) going.push_back(offset);
  }
  for (const std::uint64_t offset : going) ledger(offset);
}

void NaiveQueue::discard(std::uint64_t offset) {
  ledger(offset);
}

void NaiveQueue::moved(std::uint64_t offset) {
  ++totals.moved;
  remove(offset);
}

void NaiveQueue::dead_letter_failed(std::uint64_t offset) {
  if (messages.at(offset).dead_letter == DeadLetterReason::expired) return ledger(offset);
  park(offset, ParkReason::dead_letter_failed, false);
}

void NaiveQueue::crash() {
  consumers.clear();
  joined.clear();
  recovering = true;
  for (auto& [offset, m] : messages) {
    const bool out = m.is == Is::unacknowledged || m.is == Is::moving || (m.is == Is::retrying && m.soft);
    if (!out) continue;
    m.is = m.deliver_at != Time{} && m.joined_after == 0 ? Is::scheduled : Is::ready;
    m.wait = m.deliver_at;
    if (m.is == Is::ready) list(offset);
  }
}

void NaiveQueue::restart(std::uint64_t horizon, Time at) {
  recovering = false;
  for (auto& [offset, m] : messages) {
    m.ticket = position(offset);
    m.seen = m.seen || offset <= horizon;
  }
  for (auto& [key, list] : lists) {
    std::sort(list.begin(), list.end(), [this](std::uint64_t a, std::uint64_t b) { return before(a, b); });
  }
  advance(at);
}

Counts NaiveQueue::counts() const {
  Counts counts = totals;
  for (const auto& [offset, m] : messages) {
    switch (m.is) {
      case Is::ready:
        ++counts.ready;
        break;
      case Is::unacknowledged:
      case Is::moving:
        ++counts.unacknowledged;
        break;
      case Is::scheduled:
      case Is::retrying:
        ++counts.delayed;
        break;
      case Is::parked:
        ++counts.parked;
        break;
    }
  }
  return counts;
}

std::uint64_t NaiveQueue::bytes() const {
  std::uint64_t total = 0;
  for (const auto& [offset, m] : messages) total += m.bytes;
  return total;
}

}  // namespace laban::test
