// bus/codec/log_record.cpp - events, notes and checkpoints of the hub's log.
#include "bus/codec/log_record.hpp"

#include <cassert>
#include <cstring>

#include "bus/codec/guarded.hpp"
#include "bus/codec/model_spec.hpp"
#include "laban/error.hpp"
#include "laban/log.capnp.h"

namespace laban::codec {
namespace {

// The layout of docs/log-format.md: little-endian, 24 bytes, then queue numbers, principal, and padding to 8.
struct FixedHeader {
  std::uint32_t producer = 0;
  std::uint16_t flags = 0;
  std::uint16_t queues = 0;
  std::uint64_t sequence = 0;
  std::uint16_t principal_bytes = 0;
  std::uint8_t version = 1;
  std::uint8_t reserved[5] = {};
};
static_assert(sizeof(FixedHeader) == 24);

constexpr std::uint8_t header_version = 1;

std::size_t padded(std::size_t bytes) {
  return (bytes + 7) / 8 * 8;
}

[[noreturn]] void foreign(const char* what) {
  throw Error{Errc::malformed, std::string{"the log has "} + what +
                                   " that this version cannot read: start the hub with the version that wrote it"};
}

std::string text(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

std::vector<std::byte> bytes(capnp::Data::Reader from) {
  const auto blob = view(from);
  return {blob.begin(), blob.end()};
}

void write(const SequencesRefused& from, schema::SequencesRefused::Builder to) {
  to.setProducer(from.producer);
  to.setFirst(from.first);
  to.setCount(from.count);
  to.setCode(static_cast<schema::RefusalCode>(from.code));
}

SequencesRefused read(schema::SequencesRefused::Reader from) {
  return {from.getProducer(), from.getFirst(), from.getCount(), static_cast<Refusal>(from.getCode())};
}

void write(const ProducerState& from, schema::Producer::Builder to) {
  to.setNumber(from.number);
  LABAN_SET_TEXT(to, Name, from.name);
  to.setNamed(from.named);
  to.setStored(from.stored);
  to.setHeard(nanoseconds(from.heard));
  auto refused = to.initRefused(static_cast<unsigned>(from.refused.size()));
  for (unsigned i = 0; i < refused.size(); ++i) write(from.refused[i], refused[i]);
}

ProducerState read(schema::Producer::Reader from) {
  ProducerState to{from.getNumber(), text(from.getName()), from.getNamed(), from.getStored(), at(from.getHeard()), {}};
  for (auto refused : from.getRefused()) to.refused.push_back(read(refused));
  return to;
}

void write(const CursorSaved& from, schema::Cursor::Builder to) {
  LABAN_SET_TEXT(to, Name, from.name);
  to.setOffset(from.offset);
  to.setObserver(from.observer);
}

CursorSaved read(schema::Cursor::Reader from) {
  return {text(from.getName()), from.getOffset(), from.getObserver()};
}

void write(const ErasureBegun& from, schema::Erasure::Builder to) {
  LABAN_SET_TEXT(to, Instance, from.instance);
  to.setUpTo(from.up_to);
}

ErasureBegun read(schema::Erasure::Reader from) {
  return {text(from.getInstance()), from.getUpTo()};
}

template <class Builder>
void write_nodes(const std::vector<std::vector<std::byte>>& from, Builder to) {
  for (unsigned i = 0; i < to.size(); ++i) to.set(i, data_of(from[i]));
}

struct NoteWriter {
  schema::Note::Builder to;

  void operator()(const Started& note) { to.setStarted(note.number); }
  void operator()(const ExchangeSpec& note) { write_spec(note, to.initExchangeDeclared()); }
  void operator()(const ExchangeDeleted& note) { LABAN_SET_TEXT(to, ExchangeDeleted, note.name); }
  void operator()(const QueueSpec& note) { write_spec(note, to.initQueueDeclared()); }
  void operator()(const QueueDeleted& note) { LABAN_SET_TEXT(to, QueueDeleted, note.name); }
  void operator()(const Bound& note) { write_spec(note.binding, to.initBound()); }
  void operator()(const Unbound& note) { write_spec(note.binding, to.initUnbound()); }
  void operator()(const ProducerState& note) { write(note, to.initProducerOpened()); }
  void operator()(const ProducerForgotten& note) { to.setProducerForgotten(note.number); }
  void operator()(const SequencesRefused& note) { write(note, to.initSequencesRefused()); }
  void operator()(const CursorSaved& note) { write(note, to.initCursorSaved()); }
  void operator()(const SchemasKept& note) {
    write_nodes(note.nodes, to.initSchemas(static_cast<unsigned>(note.nodes.size())));
  }
  void operator()(const CursorDeleted& note) { LABAN_SET_TEXT(to, CursorDeleted, note.name); }
  void operator()(const Retained& note) {
    auto target = to.initRetained();
    target.setFirst(note.first);
    target.setLast(note.last);
    target.setCarried(note.carried);
  }
  void operator()(const ErasureBegun& note) { write(note, to.initErasureBegun()); }
  void operator()(const ErasureEnded& note) { LABAN_SET_TEXT(to, ErasureEnded, note.instance); }
};

// Our own bytes, checked by the log: as deep as they are, and each word read once or a few times. Whoever forges a log, with
// its checksums, gets no more memory for it than a small multiple of what he wrote.
capnp::ReaderOptions own_limits(std::size_t words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words * 8 + 1'024;
  options.nestingLimit = 64;
  return options;
}

template <class Root, class Read>
auto read_own(Blob body, const char* what, Read use) {
  if (body.empty() || body.size() % sizeof(capnp::word) != 0) foreign(what);
  std::vector<std::uint64_t> aligned;
  const std::byte* begin = body.data();
  if (reinterpret_cast<std::uintptr_t>(begin) % sizeof(capnp::word) != 0) {
    aligned.resize(body.size() / 8);
    std::memcpy(aligned.data(), begin, body.size());
    begin = reinterpret_cast<const std::byte*>(aligned.data());
  }
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(begin), body.size() / 8};
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), own_limits(segment.size())};
    return use(message.getRoot<Root>());
  } catch (const kj::Exception&) {
    foreign(what);
  }
}

Note read_note(schema::Note::Reader from) {
  switch (from.which()) {
    case schema::Note::STARTED:
      return Started{from.getStarted()};
    case schema::Note::EXCHANGE_DECLARED:
      return read_spec(from.getExchangeDeclared());
    case schema::Note::EXCHANGE_DELETED:
      return ExchangeDeleted{text(from.getExchangeDeleted())};
    case schema::Note::QUEUE_DECLARED:
      return read_spec(from.getQueueDeclared());
    case schema::Note::QUEUE_DELETED:
      return QueueDeleted{text(from.getQueueDeleted())};
    case schema::Note::BOUND:
      return Bound{read_spec(from.getBound())};
    case schema::Note::UNBOUND:
      return Unbound{read_spec(from.getUnbound())};
    case schema::Note::PRODUCER_OPENED:
      return read(from.getProducerOpened());
    case schema::Note::PRODUCER_FORGOTTEN:
      return ProducerForgotten{from.getProducerForgotten()};
    case schema::Note::SEQUENCES_REFUSED:
      return read(from.getSequencesRefused());
    case schema::Note::CURSOR_SAVED:
      return read(from.getCursorSaved());
    case schema::Note::SCHEMAS: {
      SchemasKept kept;
      for (auto node : from.getSchemas()) kept.nodes.push_back(bytes(node));
      return kept;
    }
    case schema::Note::CURSOR_DELETED:
      return CursorDeleted{text(from.getCursorDeleted())};
    case schema::Note::RETAINED:
      return Retained{from.getRetained().getFirst(), from.getRetained().getLast(), from.getRetained().getCarried()};
    case schema::Note::ERASURE_BEGUN:
      return read(from.getErasureBegun());
    case schema::Note::ERASURE_ENDED:
      return ErasureEnded{text(from.getErasureEnded())};
  }
  foreign("a note");
}

}  // namespace

void encode_event_header(const EventHeader& header, std::vector<std::byte>& into) {
  assert(header.queues.size() <= 0xffff && header.principal.size() <= 0xffff);
  FixedHeader fixed;
  fixed.producer = header.producer;
  fixed.flags = header.flags;
  fixed.queues = static_cast<std::uint16_t>(header.queues.size());
  fixed.sequence = header.sequence;
  fixed.principal_bytes = static_cast<std::uint16_t>(header.principal.size());
  const auto queues_bytes = header.queues.size_bytes();
  into.assign(padded(sizeof fixed + queues_bytes + header.principal.size()), std::byte{0});
  std::memcpy(into.data(), &fixed, sizeof fixed);
  if (queues_bytes != 0) std::memcpy(into.data() + sizeof fixed, header.queues.data(), queues_bytes);
  if (!header.principal.empty()) {
    std::memcpy(into.data() + sizeof fixed + queues_bytes, header.principal.data(), header.principal.size());
  }
}

LoggedEvent decode_event(Blob body) {
  FixedHeader fixed;
  if (body.size() < sizeof fixed) foreign("an event");
  std::memcpy(&fixed, body.data(), sizeof fixed);
  const std::size_t queues_bytes = std::size_t{fixed.queues} * sizeof(std::uint32_t);
  const std::size_t header_bytes = padded(sizeof fixed + queues_bytes + fixed.principal_bytes);
  if (fixed.version != header_version || body.size() <= header_bytes) foreign("an event");
  LoggedEvent event;
  event.header.producer = fixed.producer;
  event.header.flags = fixed.flags;
  event.header.sequence = fixed.sequence;
  event.header.queues = {reinterpret_cast<const std::uint32_t*>(body.data() + sizeof fixed), fixed.queues};
  event.header.principal = {reinterpret_cast<const char*>(body.data() + sizeof fixed + queues_bytes),
                            fixed.principal_bytes};
  event.envelope = body.subspan(header_bytes);
  return event;
}

Frame encode(const Note& note) {
  FlatBuilder message{64};
  std::visit(NoteWriter{message.initRoot<schema::Note>()}, note);
  return message.finish();
}

Note decode_note(Blob body) {
  return read_own<schema::Note>(body, "a note", read_note);
}

Frame encode(const HubState& state) {
  FlatBuilder message{4'096};
  auto to = message.initRoot<schema::State>();
  const auto count = [](const auto& list) { return static_cast<unsigned>(list.size()); };
  to.setStarts(state.starts);
  auto exchanges = to.initExchanges(count(state.exchanges));
  for (unsigned i = 0; i < exchanges.size(); ++i) write_spec(state.exchanges[i], exchanges[i]);
  auto queues = to.initQueues(count(state.queues));
  for (unsigned i = 0; i < queues.size(); ++i) {
    queues[i].setNumber(state.queues[i].number);
    write_spec(state.queues[i].spec, queues[i].initSpec());
    queues[i].setBytes(state.queues[i].bytes);
  }
  auto bindings = to.initBindings(count(state.bindings));
  for (unsigned i = 0; i < bindings.size(); ++i) write_spec(state.bindings[i], bindings[i]);
  to.setNextQueue(state.next_queue);
  auto producers = to.initProducers(count(state.producers));
  for (unsigned i = 0; i < producers.size(); ++i) write(state.producers[i], producers[i]);
  to.setNextProducer(state.next_producer);
  auto cursors = to.initCursors(count(state.cursors));
  for (unsigned i = 0; i < cursors.size(); ++i) write(state.cursors[i], cursors[i]);
  write_nodes(state.schemas, to.initSchemas(count(state.schemas)));
  auto totals = to.initTotals(count(state.totals));
  for (unsigned i = 0; i < totals.size(); ++i) {
    const auto& total = state.totals[i];
    LABAN_SET_TEXT(totals[i], Name, total.name);
    auto labels = totals[i].initLabels(count(total.labels));
    for (unsigned k = 0; k < labels.size(); ++k) labels.set(k, total.labels[k]);
    totals[i].setValue(total.value);
  }
  auto erasures = to.initErasures(count(state.erasures));
  for (unsigned i = 0; i < erasures.size(); ++i) write(state.erasures[i], erasures[i]);
  return message.finish();
}

HubState decode_hub_state(Blob body) {
  return read_own<schema::State>(body, "a checkpoint", [](schema::State::Reader from) {
    HubState state;
    state.starts = from.getStarts();
    for (auto exchange : from.getExchanges()) state.exchanges.push_back(read_spec(exchange));
    for (auto queue : from.getQueues()) {
      state.queues.push_back({queue.getNumber(), read_spec(queue.getSpec()), queue.getBytes()});
    }
    for (auto binding : from.getBindings()) state.bindings.push_back(read_spec(binding));
    state.next_queue = from.getNextQueue();
    for (auto producer : from.getProducers()) state.producers.push_back(read(producer));
    state.next_producer = from.getNextProducer();
    for (auto cursor : from.getCursors()) state.cursors.push_back(read(cursor));
    for (auto node : from.getSchemas()) state.schemas.push_back(bytes(node));
    for (auto total : from.getTotals()) {
      HubState::Total to{text(total.getName()), {}, total.getValue()};
      for (auto label : total.getLabels()) to.labels.push_back(text(label));
      state.totals.push_back(std::move(to));
    }
    for (auto erasure : from.getErasures()) state.erasures.push_back(read(erasure));
    return state;
  });
}

}  // namespace laban::codec
