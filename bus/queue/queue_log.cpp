// bus/queue/queue_log.cpp - the durable state: changes read back, snapshots, the end of recovery.
//
// Layout of a snapshot: 'Q', version, four totals, last offset, horizon, number of messages, messages. Messages come in
// the order of their keys' lists. What only this process knows (deliveries, waiting after a give-back, that a schedule
// or a back-off is over) is not in it, so that a live queue and a replayed one write the same bytes.
#include <tuple>

#include "bus/queue/bytes.hpp"
#include "bus/queue/queue_state.hpp"
#include "laban/error.hpp"

namespace laban::queue {
namespace {

constexpr std::uint8_t snapshot_mark = 'Q';
constexpr std::uint8_t snapshot_version = 1;

enum Flag : std::uint64_t {
  is_keyed = 1,
  is_new_key = 2,
  was_given_redelivered = 4,
  was_redriven = 8,
  has_priority = 16,
  has_schedule = 32,
  has_joined = 64,
  has_expiry = 128,
  has_trouble = 256,
  is_parked = 512,
  all_flags = 1023,
};

bool worth_writing(const Trouble* trouble) {
  return trouble != nullptr && (trouble->attempts != 0 || !trouble->history.empty() || trouble->not_before != Time{});
}

void write_trouble(const Trouble& trouble, Writer& out) {
  out.number(trouble.attempts);
  out.number(number_from(trouble.not_before));
  out.number(trouble.history.size());
  for (const Attempt& attempt : trouble.history) {
    out.number(number_from(attempt.at));
    out.text(attempt.reason);
    out.text(attempt.consumer);
  }
}

void read_trouble(Trouble& trouble, Reader& in) {
  trouble.attempts = in.small();
  trouble.not_before = time_from(in.number());
  const std::size_t count = in.count();
  if (count > history_max) Reader::fail();
  for (std::size_t i = 0; i < count; ++i) {
    Attempt& attempt = trouble.history.emplace_back();
    attempt.at = time_from(in.number());
    attempt.reason = in.text();
    attempt.consumer = in.text();
  }
}

}  // namespace

// A schedule that came due after the newest enqueue is written as still to come: whether this process has noticed that
// it is over is not durable, and it will join at the same place.
bool Queue::State::writes_joined(Handle h) const {
  const Extra* extra = find_extra(h);
  return extra != nullptr && extra->joined_after != 0 && extra->joined_after != last_offset;
}

void Queue::snapshot(const std::function<void(std::span<const std::byte>)>& write) const {
  const State& state = *state_;
  std::vector<std::byte> bytes;
  Writer out{bytes};
  out.byte(snapshot_mark);
  out.byte(snapshot_version);
  for (const std::uint64_t total :
       {state.counts.enqueued, state.counts.acknowledged, state.counts.moved, state.counts.ledgered}) {
    out.number(total);
  }
  out.number(state.last_offset);
  out.fixed(state.horizon_requested);

  std::vector<Handle> order;
  order.reserve(state.counts.live());
  state.each_live([&](Handle h) { order.push_back(h); });
  const auto rank = [&state](Handle h) {
    const std::uint64_t offset = state.messages[h].offset;
    if (state.messages[h].extra == none || !state.writes_joined(h)) return std::tuple{offset, false, Time{}, offset};
    const Extra& extra = *state.find_extra(h);
    return std::tuple{extra.joined_after, true, extra.deliver_at, offset};
  };
  const auto before = [&rank](Handle a, Handle b) { return rank(a) < rank(b); };
  if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);

  out.number(order.size());
  std::vector<std::uint32_t> key_numbers(state.keys.end(), none);
  std::uint32_t next_key = 0;
  std::uint64_t last = 0;
  for (const Handle h : order) {
    const Message& message = state.messages[h];
    const Extra* extra = state.find_extra(h);
    const bool parked = state.state_of(h) == MessageState::parked;
    const bool new_key = message.key != none && key_numbers[message.key] == none;
    std::uint64_t flags = 0;
    if (message.key != none) flags |= is_keyed;
    if (new_key) flags |= is_new_key;
    if (message.given_redelivered != 0) flags |= was_given_redelivered;
    if (message.redriven != 0) flags |= was_redriven;
    if (message.priority != 0) flags |= has_priority;
    if (extra != nullptr && extra->deliver_at != Time{}) flags |= has_schedule;
    if (state.writes_joined(h)) flags |= has_joined;
    if (extra != nullptr && extra->expires_at != Time{}) flags |= has_expiry;
    if (extra != nullptr && worth_writing(extra->trouble.get())) flags |= has_trouble;
    if (parked) flags |= is_parked;
    out.number(flags);
    out.difference(message.offset, last);
    last = message.offset;
    out.number(message.bytes);
    if (new_key) {
      key_numbers[message.key] = next_key++;
      out.fixed(state.keys[message.key].hash);
    } else if (message.key != none) {
      out.number(key_numbers[message.key]);
    }
    if ((flags & has_priority) != 0) out.byte(message.priority);
    if ((flags & has_schedule) != 0) out.number(number_from(extra->deliver_at));
    if ((flags & has_joined) != 0) out.difference(extra->joined_after, message.offset);
    if ((flags & has_expiry) != 0) out.number(number_from(extra->expires_at));
    if ((flags & has_trouble) != 0) write_trouble(*extra->trouble, out);
    if (parked) {
      out.byte(static_cast<std::uint8_t>(extra->trouble->park_reason));
      out.number(number_from(extra->trouble->parked_at));
    }
    if (bytes.size() >= 1U << 16) {
      write(bytes);
      bytes.clear();
    }
  }
  write(bytes);
}

std::vector<std::byte> Queue::snapshot() const {
  std::vector<std::byte> all;
  snapshot([&all](std::span<const std::byte> piece) { all.insert(all.end(), piece.begin(), piece.end()); });
  return all;
}

Queue Queue::restore(Settings settings, std::span<const std::byte> bytes) {
  Queue queue{std::move(settings)};
  State& state = *queue.state_;
  state.recovering = true;
  if (bytes.empty()) return queue;
  Reader in{bytes};
  if (in.byte() != snapshot_mark || in.byte() != snapshot_version) Reader::fail();
  Counts totals;
  for (std::uint64_t* total : {&totals.enqueued, &totals.acknowledged, &totals.moved, &totals.ledgered}) {
    *total = in.number();
  }
  state.last_offset = in.number();
  state.horizon_requested = state.horizon_durable = in.fixed();
  const std::size_t count = in.count();
  std::vector<std::uint32_t> keys;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t flags = in.number();
    if ((flags & ~static_cast<std::uint64_t>(all_flags)) != 0) Reader::fail();
    const std::uint64_t offset = last = in.difference(last);
    if (offset > state.last_offset) Reader::fail();
    const std::uint32_t size = in.small();
    std::uint32_t key = none;
    if (((flags & (is_keyed | is_new_key)) != 0) && !state.settings.keyed) Reader::fail();
    if ((flags & is_new_key) != 0) {
      keys.push_back(key = state.key_numbered(in.fixed()));
    } else if ((flags & is_keyed) != 0) {
      const std::uint64_t number = in.number();
      if (number >= keys.size()) Reader::fail();
      key = keys[number];
    }
    const std::uint8_t priority = (flags & has_priority) != 0 ? in.byte() : std::uint8_t{0};
    const Handle h = state.add_message(offset, key, size, priority);
    Message& message = state.messages[h];
    message.given_redelivered = (flags & was_given_redelivered) != 0 ? 1 : 0;
    message.redriven = (flags & was_redriven) != 0 ? 1 : 0;
    const bool joined = (flags & has_joined) != 0;
    const bool unjoined = (flags & has_schedule) != 0 && !joined;
    if ((flags & has_schedule) != 0) state.extra_of(h).deliver_at = time_from(in.number());
    if (joined) state.extra_of(h).joined_after = in.difference(offset);
    if ((flags & has_expiry) != 0) state.set_expiry(h, time_from(in.number()));
    if ((flags & has_trouble) != 0) read_trouble(state.trouble_of(h), in);
    if ((flags & is_parked) != 0) {
      Trouble& trouble = state.trouble_of(h);
      trouble.park_reason = static_cast<ParkReason>(in.byte());
      trouble.parked_at = time_from(in.number());
      state.set_state(h, MessageState::parked);
      if (unjoined) {
        state.waits.add(state.extra_of(h).deliver_at, offset, h);
      } else if (state.settings.park_holds) {
        state.link_last(h);
      }
      continue;
    }
    if (unjoined) {
      state.wait(h, MessageState::scheduled, state.extra_of(h).deliver_at);
      continue;
    }
    state.set_state(h, MessageState::ready);
    state.link_last(h);
    const Trouble* trouble = state.find_trouble(h);
    if (trouble != nullptr && trouble->not_before != Time{}) {
      state.wait(h, MessageState::retrying, trouble->not_before);
    } else {
      state.make_ready(h);
    }
  }
  if (!in.done()) Reader::fail();
  state.counts.enqueued = totals.enqueued;
  state.counts.acknowledged = totals.acknowledged;
  state.counts.moved = totals.moved;
  state.counts.ledgered = totals.ledgered;
  if (!state.counts.law_holds()) Reader::fail();
  return queue;
}

Handle Queue::State::find_by_offset(std::uint64_t offset) {
  if (by_offset == nullptr) {
    by_offset = std::make_unique<absl::flat_hash_set<std::uint32_t, OffsetHash, OffsetEqual>>(
        counts.live(), OffsetHash{&messages}, OffsetEqual{&messages});
    each_live([this](Handle h) { by_offset->insert(h); });
  }
  const auto found = by_offset->find(offset);
  if (found == by_offset->end()) Reader::fail();
  return *found;
}

void Queue::apply(const QueueChange& change, Time) {
  State& state = *state_;
  if (!state.recovering) throw Error(Errc::usage, "a queue applies changes only during recovery: restore() it first");
  // By the change's own instant: it may have been written after events that came later.
  state.advance(change.at);
  if (change.kind == ChangeKind::horizon) {
    state.horizon_requested = state.horizon_durable = change.horizon;
    return;
  }
  for (const std::uint64_t offset : change.offsets) {
    const Handle h = state.find_by_offset(offset);
    const bool parked = state.state_of(h) == MessageState::parked;
    if (parked != (change.kind == ChangeKind::redriven) && change.kind != ChangeKind::ledgered) Reader::fail();
    switch (change.kind) {
      case ChangeKind::acknowledged:
        ++state.counts.acknowledged;
        state.remove(h);
        break;
      case ChangeKind::moved:
        ++state.counts.moved;
        state.remove(h);
        break;
      case ChangeKind::ledgered:
        ++state.counts.ledgered;
        state.remove(h);
        break;
      case ChangeKind::failed:
        state.do_failed(h, change.at, change.not_before, change.reason, change.consumer);
        if (change.not_before != Time{}) state.wait(h, MessageState::retrying, change.not_before);
        break;
      case ChangeKind::parked:
        state.do_parked(h, static_cast<ParkReason>(change.code), change.at, change.reason, change.consumer,
                        change.blames);
        break;
      case ChangeKind::redriven:
        state.do_redriven(h, change.at);
        break;
      case ChangeKind::horizon:
        break;
    }
  }
}

void Queue::finish_recovery(Time now, Fence first_fence) {
  State& state = *state_;
  if (!state.recovering) return;
  state.by_offset.reset();
  state.each_live([&state](Handle h) {
    if (state.messages[h].offset <= state.horizon_durable) state.messages[h].redelivered = 1;
  });
  state.max_delivered = std::min(state.horizon_durable, state.last_offset);
  state.next_fence = std::max(state.next_fence, first_fence);
  state.recovering = false;
  state.advance(now);
  state.unused_since = state.now;
  state.update_horizon();
}

bool Queue::recovering() const {
  return state_->recovering;
}

}  // namespace laban::queue
