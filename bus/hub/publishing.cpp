// bus/hub/publishing.cpp - producers, duplicates, addresses, limits.
#include "bus/hub/publishing.hpp"

#include <algorithm>
#include <utility>

#include "bus/codec/envelope.hpp"
#include "bus/hub/access.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t routes_max = 65'536;  // remembered addresses
constexpr std::size_t publish_bytes_max = 60u << 20;
constexpr std::size_t unlogged_max = 1'024;  // runs of refused sequences of one producer

bool is_hubs_own(std::string_view exchange) {
  return exchange == routing::lost_exchange || exchange == routing::parking_exchange;
}

bool is_reserved(std::string_view exchange) {
  return exchange.starts_with("laban.");
}

// Whether `address` is the exchange, a zero and the routing key.
bool is_address(std::string_view address, std::string_view exchange, std::string_view routingkey) {
  return address.size() == exchange.size() + 1 + routingkey.size() && address.ends_with(routingkey) &&
         address.starts_with(exchange) && address[exchange.size()] == '\0';
}

std::string in_quotes(std::string_view name) {
  return "'" + std::string{name} + "'";
}

}  // namespace

// --- producers

std::uint64_t Publishing::take_over(Session& session) {
  if (session.producer.empty()) return 0;
  Producer* producer = core_.broker.producer(session.producer);
  if (producer == nullptr) return 0;
  if (producer->holder != session.number) {
    if (Session* older = core_.sessions.find(producer->holder)) {
      core_.sessions.send(*older, codec::HubMessage{codec::Refused{
                                      codec::Refusal::fenced,
                                      "another program publishes as the same producer: stop one of the two", 0}});
    }
    producer->holder = session.number;
  }
  return producer->stored;
}

void Publishing::let_go(Session& session, bool clean) {
  Producer* producer = core_.broker.producer(session.producer);
  if (producer == nullptr || producer->holder != session.number) return;
  producer->holder = 0;
  if (!clean || producer->named) return;
  // Its events of this very group name it still.
  if (producer->pending != producer->stored) return;
  const codec::Note note = codec::ProducerForgotten{producer->number};
  group_.add_note(note);
  (void)core_.broker.apply(note, core_.now());
}

void Publishing::forget_old(Timestamp now) {
  std::vector<std::uint32_t> old;
  core_.broker.each_producer([&](const Producer& producer) {
    if (producer.named || producer.holder != 0 || producer.pending != producer.stored) return;
    if (now - producer.heard > core_.options.limits.producer_memory) old.push_back(producer.number);
  });
  for (const auto number : old) {
    const codec::Note note = codec::ProducerForgotten{number};
    group_.add_note(note);
    (void)core_.broker.apply(note, now);
  }
}

Producer* Publishing::open_producer(Session& session) {
  codec::ProducerState state;
  state.number = core_.broker.next_producer();
  state.name = session.producer;
  state.named = session.named;
  group_.add_note(codec::Note{state});
  (void)core_.broker.apply(codec::Note{state}, core_.now());
  Producer* producer = core_.broker.producer(session.producer);
  producer->holder = session.number;
  return producer;
}

Producer* Publishing::producer_of(Session& session, const codec::Publish& frame, Refusal& why) {
  if (session.producer.empty()) {
    why = {codec::Refusal::denied, "this session publishes nothing: name a producer in its hello"};
    return nullptr;
  }
  Producer* producer = core_.broker.producer(session.producer);
  if (producer == nullptr) {
    if (!session.named && frame.first_sequence > 1) {
      why = {codec::Refusal::unknown_producer,
             "the hub no longer knows this producer and cannot tell a resend from a new event: open a new one"};
      return nullptr;
    }
    if (core_.broker.producer_count() >= core_.options.limits.producers_max) {
      why = {codec::Refusal::limit, "the hub knows too many producers: close clients cleanly, or raise producers_max"};
      return nullptr;
    }
    return open_producer(session);
  }
  if (producer->holder != session.number) {
    why = {codec::Refusal::fenced, "another program publishes as the same producer: stop one of the two"};
    return nullptr;
  }
  return producer;
}

// --- one frame

void Publishing::publish(Session& session, const codec::Publish& frame) {
  if (frame.events.empty()) return;
  Refusal why;
  Producer* producer = producer_of(session, frame, why);
  if (producer == nullptr) return refuse_all(session, frame, why);
  if (group_.slot().size() > publish_bytes_max) {
    return refuse_all(session, frame, {codec::Refusal::too_large, "a publish frame is over 60 MiB: split it"});
  }
  group_.keep();

  queues_.clear();
  if (frame.atomic) return publish_atomic(session, *producer, frame);
  for (std::size_t i = 0; i < frame.events.size(); ++i) {
    const auto sequence = frame.first_sequence + i;
    check(session, *producer, sequence, frame.events[i], one_);
    settle_fate(session, *producer, frame, sequence, one_);
  }
}

// All or none: one refusal is everyone's.
void Publishing::publish_atomic(Session& session, Producer& producer, const codec::Publish& frame) {
  std::vector<Checked> all(frame.events.size());
  const Checked* bad = nullptr;
  // Each counts against the limits of its queues before the next one is looked at, as if it were stored.
  const auto count = [&](const Checked& checked, bool in) {
    if (checked.refused || checked.duplicate) return;
    for (const auto id : std::span{queues_}.subspan(checked.first_queue, checked.queue_count)) {
      QueueEntry* entry = core_.broker.queue(id);
      if (entry == nullptr) continue;
      entry->pending_messages += in ? 1 : -1;
      entry->pending_bytes += in ? checked.event.envelope.size() : -checked.event.envelope.size();
    }
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    check(session, producer, frame.first_sequence + i, frame.events[i], all[i]);
    if (all[i].refused && bad == nullptr) bad = &all[i];
    count(all[i], true);
  }
  for (const auto& checked : all) count(checked, false);
  const Refusal shared = bad == nullptr ? Refusal{} : bad->why;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (bad != nullptr && !all[i].duplicate) {
      all[i].refused = true;
      all[i].why = shared;
    }
    settle_fate(session, producer, frame, frame.first_sequence + i, all[i]);
  }
}

void Publishing::check(const Session& session, const Producer& producer, std::uint64_t sequence, codec::Blob envelope,
                       Checked& result) {
  result = {};
  const auto refuse = [&](codec::Refusal code, std::string text) {
    result.refused = true;
    result.why = {code, std::move(text)};
  };
  if (sequence == 0) return refuse(codec::Refusal::malformed, "an event has sequence 0: count from 1");
  if (sequence <= producer.pending) {
    if (const auto* refusal = producer.refusal_of(sequence)) {
      result.before = true;
      return refuse(refusal->code, "this event was refused before");
    }
    result.duplicate = true;
    result.waiting = sequence > producer.stored;
    return;
  }
  if (!core_.storage_trouble.empty() && core_.journal.failed()) {
    return refuse(codec::Refusal::storage, core_.storage_trouble);
  }
  if (core_.disk_low) {
    return refuse(codec::Refusal::storage, "the disk of the hub's log is nearly full: free space on it");
  }
  if (!codec::read_envelope(envelope, fields_)) {
    core_.probe.met_malformed_event();
    return refuse(codec::Refusal::malformed, "an envelope does not decode: write it with this version's schema");
  }
  if (auto excess = codec::check_limits(fields_); !excess.empty()) {
    return refuse(codec::Refusal::invalid_address, std::move(excess));
  }
  if (fields_.erased) return refuse(codec::Refusal::malformed, "only the hub marks an event as erased: leave it out");
  if (session.grants != nullptr && !session.grants->may_publish(fields_.routingkey)) {
    return refuse(codec::Refusal::denied, session.grants->denial("publish", fields_.routingkey));
  }
  auto& event = result.event;
  event.envelope = envelope;
  if (session.grants != nullptr) event.principal = session.grants->principal;
  event.exchange = fields_.exchange;
  event.routingkey = fields_.routingkey;
  event.key = fields_.key();
  event.deliver_at = fields_.deliverytime;
  event.expires_at = fields_.expirytime;
  event.priority = fields_.priority;
  event.sequence = sequence;
  event.producer = producer.number;
  check_route(result);
}

void Publishing::check_route(Checked& result) {
  const auto refuse = [&](codec::Refusal code, std::string text) {
    result.refused = true;
    result.why = {code, std::move(text)};
  };
  if (is_hubs_own(fields_.exchange)) {
    return refuse(codec::Refusal::denied,
                  "only the hub speaks on " + in_quotes(fields_.exchange) + ": publish to an exchange of your own");
  }
  const Route& to = route(fields_);
  if (!to.found) {
    return refuse(codec::Refusal::invalid_address,
                  "exchange " + in_quotes(fields_.exchange) + " is not declared: declare it first");
  }
  result.unroutable = to.unroutable;
  if (to.queues.empty() && fields_.mandatory) {
    return refuse(codec::Refusal::unroutable, "no queue takes " + in_quotes(fields_.routingkey) + " from " +
                                                  in_quotes(fields_.exchange) +
                                                  ": bind one, or do not make it mandatory");
  }
  for (const auto id : to.queues) {
    QueueEntry* entry = core_.broker.queue(id);
    if (entry == nullptr) continue;
    const auto room = entry->queue.room();
    if (room.messages <= entry->pending_messages || room.bytes < entry->pending_bytes + result.event.envelope.size()) {
      return refuse(codec::Refusal::queue_full, "queue " + in_quotes(entry->name) + " is full: consume from it first");
    }
  }
  result.first_queue = static_cast<std::uint32_t>(queues_.size());
  queues_.insert(queues_.end(), to.queues.begin(), to.queues.end());
  result.reached = static_cast<std::uint32_t>(to.queues.size());
  // Parking keeps what nobody took; it is no queue that the event reached.
  if (to.queues.empty() && !is_reserved(fields_.exchange)) {
    const QueueEntry* parking = core_.broker.parking();
    const bool room = parking != nullptr &&
                      parking->queue.counts().ready + parking->pending_messages < core_.options.limits.parking_max;
    if (room) queues_.push_back(parking->id);
    result.event.unparked = !room;
  }
  result.queue_count = static_cast<std::uint32_t>(queues_.size() - result.first_queue);
}

void Publishing::settle_fate(Session& session, Producer& producer, const codec::Publish& frame, std::uint64_t sequence,
                             const Checked& checked) {
  Group::Fate fate;
  fate.sequence = sequence;
  if (checked.refused) {
    core_.probe.refused(1);
    fate.refused = true;
    fate.code = checked.why.code;
    fate.text = group_.keep_text(checked.why.text);
    note_refusal(producer, sequence, checked.why.code);
    if (!checked.before) ledger_refusal(session, sequence, 1, checked.event.key, checked.why.text);
  } else if (checked.duplicate) {
    core_.probe.met_stored_event();
    if (checked.waiting) return;
    fate.duplicate = true;
    fate.offset = producer.offset_of(sequence);
  } else {
    fate.offset = group_.next_offset();
    fate.queues = checked.reached;
    fate.unroutable = checked.unroutable;
    GatheredEvent event = checked.event;
    if (checked.unroutable) event.flags |= codec::EventHeader::unroutable;
    const auto queues = std::span{queues_}.subspan(checked.first_queue, checked.queue_count);
    log_refusals(producer, sequence);
    group_.add(event, queues);
    producer.pending = sequence;
  }
  group_.confirm(session, frame.level, fate);
}

// A refused sequence must never be taken for a stored one once a later one is stored, also after a restart. So it is
// written down when that happens, and a flood of refusals alone writes nothing.
void Publishing::note_refusal(Producer& producer, std::uint64_t sequence, codec::Refusal code) {
  if (sequence <= producer.pending) return;
  auto& unlogged = producer.unlogged;
  if (!unlogged.empty() && unlogged.back().first + unlogged.back().count == sequence && unlogged.back().code == code) {
    ++unlogged.back().count;
    return;
  }
  if (unlogged.size() >= unlogged_max) unlogged.erase(unlogged.begin());
  unlogged.push_back({producer.number, sequence, 1, code});
}

void Publishing::log_refusals(Producer& producer, std::uint64_t before) {
  if (producer.unlogged.empty()) return;
  for (const auto& refusal : producer.unlogged) {
    // A sequence that was refused may be sent again and be stored.
    if (refusal.first >= before) continue;
    auto kept = refusal;
    kept.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kept.count, before - kept.first));
    group_.add_note(codec::Note{kept});
    (void)core_.broker.apply(codec::Note{kept}, core_.now());
  }
  producer.unlogged.clear();
}

// The publisher is told each refusal in its confirm; the ledger gets one line for many.
void Publishing::ledger_refusal(const Session& session, std::uint64_t first, std::uint64_t count, std::string_view key,
                                const std::string& why) {
  Loss loss;
  loss.why = "refused";
  loss.whose = "publisher";
  loss.who = session.source;
  loss.sequences = true;
  loss.from = first;
  loss.to = first + count - 1;
  loss.count = count;
  if (!key.empty()) loss.keys.emplace_back(key);
  loss.detail = why;
  losses_.tell_later(loss);
}

void Publishing::refuse_all(Session& session, const codec::Publish& frame, const Refusal& why) {
  core_.probe.refused(frame.events.size());
  ledger_refusal(session, frame.first_sequence, frame.events.size(), {}, why.text);
  const auto text = group_.keep_text(why.text);
  for (std::size_t i = 0; i < frame.events.size(); ++i) {
    Group::Fate fate;
    fate.sequence = frame.first_sequence + i;
    fate.refused = true;
    fate.code = why.code;
    fate.text = text;
    group_.confirm(session, frame.level, fate);
  }
}

// --- addresses

const Route& Publishing::route(const EventFields& fields) {
  const auto& topology = core_.broker.topology();
  const auto look_up = [&](Route& into) {
    topology.route(fields.exchange, fields.routingkey, fields.headers, result_);
    into.queues = result_.queues;
    into.found = result_.exchange_found;
    into.unroutable = result_.queues.empty() || result_.alternate;
  };
  if (topology.needs_headers()) {
    look_up(headers_route_);
    return headers_route_;
  }
  if (topology.generation() != routes_generation_ || routes_.size() >= routes_max) {
    routes_.clear();
    last_route_ = nullptr;
    routes_generation_ = topology.generation();
  }
  if (last_route_ != nullptr && is_address(address_, fields.exchange, fields.routingkey)) return *last_route_;
  address_.assign(fields.exchange);
  address_ += '\0';
  address_ += fields.routingkey;
  const auto [place, fresh] = routes_.try_emplace(address_);
  if (fresh) look_up(place->second);
  last_route_ = &place->second;
  return *last_route_;
}

void Publishing::say(const NewEvent& event, std::uint16_t flags) {
  auto frame = codec::encode_envelope(event);
  EventFields fields;
  if (!codec::read_envelope(frame.bytes(), fields)) return;
  const auto queues = route(fields).queues;
  GatheredEvent own;
  own.envelope = frame.bytes();
  own.exchange = fields.exchange;
  own.routingkey = fields.routingkey;
  own.key = fields.key();
  own.deliver_at = fields.deliverytime;
  own.expires_at = fields.expirytime;
  own.priority = fields.priority;
  own.flags = flags;
  group_.add_own(std::move(frame), own, queues);
}

}  // namespace laban::hub
