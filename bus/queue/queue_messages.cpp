// bus/queue/queue_messages.cpp - messages, their keys' lists, and the line of what is ready.
#include <cstring>
#include <tuple>

#include "bus/queue/queue_state.hpp"

namespace laban::queue {

std::uint64_t hash_key(std::string_view key, std::uint64_t seed) {
  // Sixteen bytes of product folded into eight, eight bytes of the key at a time.
  const auto mix = [](std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  std::uint64_t hash = seed ^ 0x8F5C'1D3B'A96E'7042U;
  std::uint64_t position = 0xD6E8'FEB8'6659'FD93U;
  for (std::size_t at = 0; at < key.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data() + at, std::min<std::size_t>(8, key.size() - at));
    hash = mix(hash ^ word, position) + word;
    position += 0x9E37'79B9'7F4A'7C16U;  // stays odd
  }
  hash = mix(hash ^ key.size(), 0xE703'7ED1'A0B4'28DBU);
  return hash != 0 ? hash : 1;
}

Queue::State::State(Settings s, Fence first_fence)
    : settings(std::move(s)), key_index(0, KeyHash{&keys}, KeyEqual{&keys}), next_fence(first_fence) {}

std::uint64_t* Queue::State::counter_of(MessageState state) {
  switch (state) {
    case MessageState::dead:
      return nullptr;
    case MessageState::ready:
      return &counts.ready;
    case MessageState::unacknowledged:
    case MessageState::moving:
      return &counts.unacknowledged;
    case MessageState::scheduled:
    case MessageState::retrying:
      return &counts.delayed;
    case MessageState::parked:
      return &counts.parked;
  }
  return nullptr;
}

void Queue::State::set_state(Handle h, MessageState to) {
  Message& message = messages[h];
  const MessageState from = state_of(h);
  if (auto* counter = counter_of(from)) {
    --*counter;
    (from == MessageState::parked ? parked_bytes : queued_bytes) -= message.bytes;
  }
  if (auto* counter = counter_of(to)) {
    ++*counter;
    (to == MessageState::parked ? parked_bytes : queued_bytes) += message.bytes;
  }
  if (from == MessageState::parked) parked.erase(message.offset);
  if (from == MessageState::moving) moving.erase(message.offset);
  if (to == MessageState::parked) parked.emplace(message.offset, h);
  if (to == MessageState::moving) moving.emplace(message.offset, h);
  message.state = static_cast<std::uint8_t>(to) & 7U;
}

Extra& Queue::State::extra_of(Handle h) {
  Message& message = messages[h];
  if (message.extra == none) message.extra = extras.add();
  return extras[message.extra];
}

const Extra* Queue::State::find_extra(Handle h) const {
  const std::uint32_t number = messages[h].extra;
  return number == none ? nullptr : &extras[number];
}

Trouble& Queue::State::trouble_of(Handle h) {
  auto& trouble = extra_of(h).trouble;
  if (trouble == nullptr) trouble = std::make_unique<Trouble>();
  return *trouble;
}

const Trouble* Queue::State::find_trouble(Handle h) const {
  const Extra* extra = find_extra(h);
  return extra == nullptr ? nullptr : extra->trouble.get();
}

std::uint32_t Queue::State::attempts_of(Handle h) const {
  const Trouble* trouble = find_trouble(h);
  return trouble == nullptr ? 0 : trouble->attempts;
}

Time Queue::State::expires_at(Handle h) const {
  const Extra* extra = find_extra(h);
  return extra == nullptr ? Time{} : extra->expires_at;
}

void Queue::State::set_expiry(Handle h, Time at) {
  if (at == Time{}) return;
  extra_of(h).expires_at = at;
  ++expiring;
  expiries.add(at, messages[h].offset, h);
  expiries.trim([this](const Timer& timer) { return expires_by(timer); });
}

void Queue::State::clear_expiry(Handle h) {
  if (expires_at(h) == Time{}) return;
  extra_of(h).expires_at = Time{};
  --expiring;
}

std::uint64_t Queue::State::position_of(Handle h) const {
  const Extra* extra = find_extra(h);
  return extra != nullptr && extra->joined_after != 0 ? extra->joined_after : messages[h].offset;
}

bool Queue::State::joins_before(Handle a, Handle b) const {
  const auto rank = [this](Handle h) {
    const Extra* extra = find_extra(h);
    const bool late = extra != nullptr && extra->joined_after != 0;
    return std::tuple{position_of(h), late, late ? extra->deliver_at : Time{}, messages[h].offset};
  };
  return rank(a) < rank(b);
}

std::uint32_t Queue::State::key_numbered(std::uint64_t hash) {
  const auto found = key_index.find(hash);
  if (found != key_index.end()) return *found;
  const std::uint32_t number = keys.add();
  keys[number].hash = hash;
  key_index.insert(number);
  return number;
}

void Queue::State::insert_after(Handle h, Handle before) {
  Message& message = messages[h];
  Key& key = keys[message.key];
  message.previous = before;
  message.next = before == none ? key.first : messages[before].next;
  (message.previous == none ? key.first : messages[message.previous].next) = h;
  (message.next == none ? key.last : messages[message.next].previous) = h;
  message.linked = 1;
}

void Queue::State::link_last(Handle h) {
  if (messages[h].key != none) insert_after(h, keys[messages[h].key].last);
}

// The newest event is the last of its key, but for schedules that end only after it was recorded: this process knew of
// their end before the event was through the log, and a replay will not.
void Queue::State::link_newest(Handle h, Time at) {
  const std::uint64_t before_it = last_offset;
  last_offset = messages[h].offset;
  bool earlier = false;
  for (const Handle late : joined_since) {
    if (state_of(late) == MessageState::dead || messages[late].extra == none) continue;
    Extra& extra = extras[messages[late].extra];
    if (extra.joined_after != before_it || extra.deliver_at <= at) continue;
    extra.joined_after = last_offset;
    earlier = earlier || messages[late].key == messages[h].key;
  }
  std::erase_if(joined_since, [&](Handle late) { return position_of(late) != last_offset; });
  if (messages[h].key == none || state_of(h) != MessageState::ready) return;
  Handle before = keys[messages[h].key].last;
  while (earlier && before != none && joins_before(h, before) &&
         (state_of(before) == MessageState::ready || state_of(before) == MessageState::parked || !is_first(before))) {
    before = messages[before].previous;
  }
  insert_after(h, before);
}

// For what comes back into its key's list: almost always to the front, where the walk ends at once.
void Queue::State::link_sorted(Handle h) {
  if (messages[h].key == none) return;
  const Key& key = keys[messages[h].key];
  if (key.last == none || joins_before(key.last, h)) return link_last(h);
  Handle before = none;
  Handle at = key.first;
  // A first message that is delivered or waits for its retry keeps the key.
  const bool first_stays = state_of(at) != MessageState::ready && state_of(at) != MessageState::parked;
  while (at != none && ((first_stays && before == none) || joins_before(at, h))) {
    before = at;
    at = messages[at].next;
  }
  insert_after(h, before);
}

// While it was out, something that joined before it may have come behind it.
void Queue::State::take_own_place(Handle h) {
  const Handle next = messages[h].next;
  if (messages[h].linked == 0 || next == none || !joins_before(next, h)) return;
  unlink(h);
  link_sorted(h);
  wake_key(messages[h].key);
}

void Queue::State::unlink(Handle h) {
  Message& message = messages[h];
  if (message.linked == 0) return;
  Key& key = keys[message.key];
  (message.previous == none ? key.first : messages[message.previous].next) = message.next;
  (message.next == none ? key.last : messages[message.next].previous) = message.previous;
  message.previous = message.next = none;
  message.linked = 0;
}

void Queue::State::wake_key(std::uint32_t key) {
  if (key == none) return;
  const Handle first = keys[key].first;
  if (first == none) return;
  if (state_of(first) == MessageState::ready) make_ready(first);
}

void Queue::State::make_ready(Handle h) {
  Message& message = messages[h];
  if (message.in_ready != 0 || !can_go(h)) return;
  message.in_ready = 1;
  ready.push(h, message.priority, position_of(h));
}

void Queue::State::make_ready_behind(Handle h) {
  Message& message = messages[h];
  if (message.in_ready != 0 || !can_go(h)) return;
  message.in_ready = 1;
  ready.push_back_in_line(h, message.priority, last_offset);
}

Handle Queue::State::peek_ready() {
  return ready.peek([this](Handle h) { return position_of(h); }, [this](Handle h) { return can_go(h); },
                    [this](Handle h) { reuse(h); });
}

// An entry of the ready set is gone: a message that died meanwhile can be forgotten.
void Queue::State::reuse(Handle h) {
  messages[h].in_ready = 0;
  if (state_of(h) != MessageState::dead) return;
  --dead_in_ready;
  messages.remove(h);
}

Handle Queue::State::add_message(std::uint64_t offset, std::uint32_t key, std::uint32_t bytes, std::uint8_t priority) {
  const Handle h = messages.add();
  Message& message = messages[h];
  message.offset = offset;
  message.bytes = bytes;
  message.priority = priority;
  message.key = key;
  if (key != none) ++keys[key].messages;
  if (by_offset != nullptr) by_offset->insert(h);
  return h;
}

void Queue::State::remove(Handle h) {
  const std::uint32_t key = messages[h].key;
  unlink(h);
  clear_expiry(h);
  set_state(h, MessageState::dead);
  if (by_offset != nullptr) by_offset->erase(h);
  Message& message = messages[h];
  if (message.extra != none) extras.remove(message.extra);
  message.extra = none;
  message.key = none;
  if (message.in_ready == 0) {
    messages.remove(h);
  } else if (++dead_in_ready > 1024 && dead_in_ready > ready.size() / 2) {
    ready.sweep([this](Handle entry) { return can_go(entry); }, [this](Handle entry) { reuse(entry); });
  }
  if (key != none && --keys[key].messages == 0) {
    key_index.erase(key);
    keys.remove(key);
  } else {
    wake_key(key);
  }
  give_back_memory();
}

void Queue::State::wait(Handle h, MessageState state, Time until) {
  extra_of(h).wait_until = until;
  set_state(h, state);
  waits.add(until, messages[h].offset, h);
  waits.trim([this](const Timer& timer) { return waits_for(timer); });
}

// What was parked or is on its way elsewhere takes its place too, so that the place depends on the schedule alone.
void Queue::State::join(Handle h) {
  Extra& extra = extra_of(h);
  extra.joined_after = last_offset;
  joined_since.push_back(h);
  const MessageState is = state_of(h);
  if (is == MessageState::moving || (is == MessageState::parked && !settings.park_holds)) return;
  if (is == MessageState::scheduled) set_state(h, MessageState::ready);
  link_sorted(h);
  const Time not_before = extra.trouble == nullptr ? Time{} : extra.trouble->not_before;
  if (is == MessageState::scheduled && not_before > now) return wait(h, MessageState::retrying, not_before);
  wake_key(messages[h].key);
  make_ready(h);
}

void Queue::State::give_back_memory() {
  if (counts.live() != 0 || messages.end() < 4096) return;
  messages.clear();
  extras.clear();
  keys.clear();
  key_index = decltype(key_index)(0, KeyHash{&keys}, KeyEqual{&keys});
  ready.clear();
  dead_in_ready = 0;
  waits.clear();
  expiries.clear();
  joined_since.clear();
  if (by_offset != nullptr) by_offset->clear();
}

}  // namespace laban::queue
