// bus/codec/client_message.cpp - what a client says.
#include "bus/codec/guarded.hpp"
#include "bus/codec/model_spec.hpp"
#include "bus/codec/plain_reader.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

namespace {

Hello read(schema::Hello::Reader from) {
  Hello hello;
  hello.wire_version = from.getWireVersion();
  hello.source = view(from.getSource());
  hello.producer = view(from.getProducer());
  hello.named = from.getNamed();
  hello.session = from.getSession();
  hello.log_id = from.getLogId();
  hello.version = view(from.getVersion());
  return hello;
}

Publish read(schema::Publish::Reader from) {
  Publish publish;
  publish.first_sequence = from.getFirstSequence();
  publish.level = known(from.getLevel(), Level::synced);
  publish.atomic = from.getAtomic();
  const auto events = bounded(from.getEvents(), frame_events_max);
  publish.events.reserve(events.size());
  for (auto event : events) {
    publish.events.push_back(view(event));
    KJ_REQUIRE(event.size() <= envelope_bytes_max, "an envelope is too large", event.size());
  }
  return publish;
}

// Every event comes in a publish frame or a fleeting one, so those that lie as our clients lay them out are read by hand.
constexpr auto message_size = capnp::_::structSize<schema::ClientMessage>();
static_assert(message_size.data == 2 && message_size.pointers == 1);
constexpr auto publish_size = capnp::_::structSize<schema::Publish>();
static_assert(publish_size.data == 2 && publish_size.pointers == 1);

constexpr auto fleeting_size = capnp::_::structSize<schema::Fleeting>();
static_assert(fleeting_size.data == 0 && fleeting_size.pointers == 2);

// False: not plain, or more or larger than may be.
bool read_envelopes(PlainReader& from, const PlainReader::Object& of, std::size_t pointer,
                    std::vector<Blob>& envelopes) {
  const auto list = from.blobs(of, pointer);
  if (!from.plain() || list.count > frame_events_max) return false;
  envelopes.resize(list.count);
  bool small_enough = true;
  for (std::size_t i = 0; i < list.count; ++i) {
    envelopes[i] = from.blob(list, i);
    small_enough = small_enough && envelopes[i].size() <= envelope_bytes_max;
  }
  return small_enough && from.plain();
}

bool read_plain(std::span<const Word> words, Fleeting& fleeting) {
  PlainReader from{words};
  const auto root = from.root();
  fleeting.source = from.text(root, 0);
  return from.plain() && read_envelopes(from, root, 1, fleeting.events);
}

// False: not plain, or no publish frame.
bool read_plain(std::span<const Word> words, Publish& publish) {
  constexpr Word which_mask = 0xffff;
  constexpr Word level_mask = 0xffff;
  constexpr Word atomic_bit = 1u << 16;
  PlainReader from{words};
  const auto message = from.root();
  if (!from.plain() || (from.word(message, 0) & which_mask) != schema::ClientMessage::PUBLISH) return false;
  const auto root = from.object(message, 0);
  publish.first_sequence = from.word(root, 0);
  const Word small = from.word(root, 1);
  publish.level = static_cast<Level>(small & level_mask);
  publish.atomic = (small & atomic_bit) != 0;
  return from.plain() && (small & level_mask) <= static_cast<Word>(Level::synced) &&
         read_envelopes(from, root, 0, publish.events);
}

Subscribe read(schema::Subscribe::Reader from) {
  Subscribe subscribe;
  subscribe.subscription = from.getSubscription();
  subscribe.exchange = view(from.getExchange());
  for (auto pattern : bounded(from.getPatterns(), patterns_max)) subscribe.patterns.push_back(view(pattern));
  const auto start = from.getStart();
  switch (start.which()) {
    case schema::Subscribe::Start::NOW:
      break;
    case schema::Subscribe::Start::OFFSET:
      subscribe.from = Subscribe::From::offset;
      subscribe.offset = start.getOffset();
      break;
    case schema::Subscribe::Start::TIME:
      subscribe.from = Subscribe::From::time;
      subscribe.time = at(start.getTime());
      break;
    case schema::Subscribe::Start::FIRST:
      subscribe.from = Subscribe::From::first;
      break;
    case schema::Subscribe::Start::CURSOR:
      subscribe.from = Subscribe::From::cursor;
      subscribe.cursor = view(start.getCursor());
      break;
    default:
      KJ_FAIL_REQUIRE("a subscription that starts in an unknown way");
  }
  subscribe.log_id = from.getLogId();
  subscribe.generation = from.getGeneration();
  return subscribe;
}

Settle read(schema::Settle::Reader from) {
  Settle settle;
  settle.consumer = from.getConsumer();
  settle.outcome = known(from.getOutcome(), Outcome::renew);
  const auto numbers = bounded(from.getNumbers(), settle_numbers_max);
  settle.numbers.reserve(numbers.size());
  for (const std::uint64_t number : numbers) settle.numbers.push_back(number);
  settle.up_to = from.getUpTo();
  settle.delay_millis = from.getDelayMillis();
  settle.reason = view(from.getReason());
  return settle;
}

Request read(schema::Request::Reader from) {
  Request request;
  request.id = from.getId();
  switch (from.which()) {
    case schema::Request::DECLARE_EXCHANGE:
      request.what = read_spec(from.getDeclareExchange());
      break;
    case schema::Request::DELETE_EXCHANGE:
      request.what = DeleteExchange{view(from.getDeleteExchange())};
      break;
    case schema::Request::DECLARE_QUEUE:
      request.what = read_spec(from.getDeclareQueue());
      break;
    case schema::Request::DELETE_QUEUE:
      request.what = DeleteQueue{view(from.getDeleteQueue())};
      break;
    case schema::Request::BIND:
      request.what = Bind{read_spec(from.getBind())};
      break;
    case schema::Request::UNBIND:
      request.what = Unbind{read_spec(from.getUnbind())};
      break;
    case schema::Request::INSPECT:
      request.what = Inspect{view(from.getInspect().getWhat()), view(from.getInspect().getArgument())};
      break;
    case schema::Request::SAVE_CURSOR:
      request.what = SaveCursor{view(from.getSaveCursor().getName()), from.getSaveCursor().getOffset(),
                                from.getSaveCursor().getObserver()};
      break;
    case schema::Request::REDRIVE: {
      const auto redrive = from.getRedrive();
      request.what = Redrive{view(redrive.getQueue()), redrive.getDryRun(), redrive.getLimit()};
      break;
    }
    case schema::Request::SCHEMAS: {
      Schemas schemas;
      for (auto node : bounded(from.getSchemas(), schema_nodes_max)) schemas.nodes.push_back(view(node));
      request.what = std::move(schemas);
      break;
    }
    case schema::Request::DELETE_CURSOR:
      request.what = DeleteCursor{view(from.getDeleteCursor())};
      break;
    case schema::Request::BACKUP:
      request.what = Backup{};
      break;
    case schema::Request::READ_BACKUP: {
      const auto read = from.getReadBackup();
      request.what = ReadBackup{read.getBackup(), read.getFile(), read.getAt(), read.getBytesMax()};
      break;
    }
    case schema::Request::END_BACKUP:
      request.what = EndBackup{from.getEndBackup()};
      break;
    case schema::Request::ERASE:
      request.what = Erase{view(from.getErase())};
      break;
    default:
      break;
  }
  return request;
}

Dropped read(schema::Dropped::Reader from) {
  Dropped dropped{from.getSubscription(), from.getFrom(), from.getTo(), from.getCount(), view(from.getReason()), {}};
  for (auto key : bounded(from.getKeys(), dropped_keys_max)) dropped.keys.push_back(view(key));
  return dropped;
}

ClientMessage read(schema::ClientMessage::Reader from) {
  switch (from.which()) {
    case schema::ClientMessage::HELLO:
      return read(from.getHello());
    case schema::ClientMessage::PUBLISH:
      return read(from.getPublish());
    case schema::ClientMessage::SUBSCRIBE:
      return read(from.getSubscribe());
    case schema::ClientMessage::REPLAY: {
      const auto replay = from.getReplay();
      return Replay{replay.getSubscription(), replay.getAfter(), replay.getUpTo(), replay.getBytesMax()};
    }
    case schema::ClientMessage::UNSUBSCRIBE:
      return Unsubscribe{from.getUnsubscribe()};
    case schema::ClientMessage::CONSUME: {
      const auto consume = from.getConsume();
      return Consume{consume.getConsumer(), view(consume.getQueue()), consume.getPrefetch()};
    }
    case schema::ClientMessage::CANCEL:
      return Cancel{from.getCancel().getConsumer(), view(from.getCancel().getReason())};
    case schema::ClientMessage::SETTLE:
      return read(from.getSettle());
    case schema::ClientMessage::REQUEST:
      return read(from.getRequest());
    case schema::ClientMessage::PING:
      return Ping{};
    case schema::ClientMessage::BYE:
      return Bye{};
    case schema::ClientMessage::DROPPED:
      return read(from.getDropped());
    default:
      return Unknown{};
  }
}

std::size_t words_needed(const ClientMessage& message) {
  std::size_t words = 64;
  if (const auto* publish = std::get_if<Publish>(&message)) {
    for (const auto& event : publish->events) words += 1 + words_of(event.size());
  } else if (const auto* settle = std::get_if<Settle>(&message)) {
    words += settle->numbers.size() + words_of(settle->reason.size());
  } else if (const auto* request = std::get_if<Request>(&message)) {
    if (const auto* schemas = std::get_if<Schemas>(&request->what)) {
      for (const auto& node : schemas->nodes) words += 1 + words_of(node.size());
    }
  }
  return words;
}

void write(const Subscribe& subscribe, schema::Subscribe::Builder to) {
  to.setSubscription(subscribe.subscription);
  LABAN_SET_TEXT(to, Exchange, subscribe.exchange);
  auto patterns = to.initPatterns(static_cast<unsigned>(subscribe.patterns.size()));
  unsigned index = 0;
  for (const auto& pattern : subscribe.patterns) {
    set_text(pattern, [&](unsigned size) { return patterns.init(index, size); });
    ++index;
  }
  auto start = to.getStart();
  switch (subscribe.from) {
    case Subscribe::From::now:
      start.setNow();
      break;
    case Subscribe::From::offset:
      start.setOffset(subscribe.offset);
      break;
    case Subscribe::From::time:
      start.setTime(nanoseconds(subscribe.time));
      break;
    case Subscribe::From::first:
      start.setFirst();
      break;
    case Subscribe::From::cursor:
      set_text(subscribe.cursor, [&](unsigned size) { return start.initCursor(size); });
      break;
  }
  to.setLogId(subscribe.log_id);
  to.setGeneration(subscribe.generation);
}

void write(const Settle& settle, schema::Settle::Builder to) {
  to.setConsumer(settle.consumer);
  to.setOutcome(static_cast<schema::Outcome>(settle.outcome));
  if (!settle.numbers.empty()) {
    to.setNumbers(kj::ArrayPtr<const std::uint64_t>{settle.numbers.data(), settle.numbers.size()});
  }
  to.setUpTo(settle.up_to);
  to.setDelayMillis(settle.delay_millis);
  LABAN_SET_TEXT(to, Reason, settle.reason);
}

struct WriteRequest {
  schema::Request::Builder to;

  void operator()(const Unknown&) {}
  void operator()(const ExchangeSpec& spec) { write_spec(spec, to.initDeclareExchange()); }
  void operator()(const DeleteExchange& request) {
    to.initDeleteExchange(0);
    LABAN_SET_TEXT(to, DeleteExchange, request.name);
  }
  void operator()(const QueueSpec& spec) { write_spec(spec, to.initDeclareQueue()); }
  void operator()(const DeleteQueue& request) {
    to.initDeleteQueue(0);
    LABAN_SET_TEXT(to, DeleteQueue, request.name);
  }
  void operator()(const Bind& request) { write_spec(request.binding, to.initBind()); }
  void operator()(const Unbind& request) { write_spec(request.binding, to.initUnbind()); }
  void operator()(const Inspect& request) {
    auto inspect = to.initInspect();
    LABAN_SET_TEXT(inspect, What, request.what);
    LABAN_SET_TEXT(inspect, Argument, request.argument);
  }
  void operator()(const SaveCursor& request) {
    auto cursor = to.initSaveCursor();
    LABAN_SET_TEXT(cursor, Name, request.name);
    cursor.setOffset(request.offset);
    cursor.setObserver(request.observer);
  }
  void operator()(const Redrive& request) {
    auto redrive = to.initRedrive();
    LABAN_SET_TEXT(redrive, Queue, request.queue);
    redrive.setDryRun(request.dry_run);
    redrive.setLimit(request.limit);
  }
  void operator()(const Schemas& request) {
    auto nodes = to.initSchemas(static_cast<unsigned>(request.nodes.size()));
    for (unsigned index = 0; index < nodes.size(); ++index) nodes.set(index, data_of(request.nodes[index]));
  }
  void operator()(const DeleteCursor& request) {
    to.initDeleteCursor(0);
    LABAN_SET_TEXT(to, DeleteCursor, request.name);
  }
  void operator()(const Backup&) { to.setBackup(); }
  void operator()(const ReadBackup& request) {
    auto read = to.initReadBackup();
    read.setBackup(request.backup);
    read.setFile(request.file);
    read.setAt(request.at);
    read.setBytesMax(request.bytes_max);
  }
  void operator()(const EndBackup& request) { to.setEndBackup(request.backup); }
  void operator()(const Erase& request) {
    to.initErase(0);
    LABAN_SET_TEXT(to, Erase, request.instance);
  }
};

struct WriteClientMessage {
  schema::ClientMessage::Builder to;

  void operator()(const Unknown&) {}
  void operator()(const Hello& hello) {
    auto target = to.initHello();
    target.setWireVersion(hello.wire_version);
    LABAN_SET_TEXT(target, Source, hello.source);
    LABAN_SET_TEXT(target, Producer, hello.producer);
    target.setNamed(hello.named);
    target.setSession(hello.session);
    target.setLogId(hello.log_id);
    LABAN_SET_TEXT(target, Version, hello.version);
  }
  void operator()(const Publish& publish) {
    auto target = to.initPublish();
    target.setFirstSequence(publish.first_sequence);
    target.setLevel(static_cast<schema::Level>(publish.level));
    target.setAtomic(publish.atomic);
    auto events = target.initEvents(static_cast<unsigned>(publish.events.size()));
    for (unsigned index = 0; index < events.size(); ++index) events.set(index, data_of(publish.events[index]));
  }
  void operator()(const Subscribe& subscribe) { write(subscribe, to.initSubscribe()); }
  void operator()(const Replay& replay) {
    auto target = to.initReplay();
    target.setSubscription(replay.subscription);
    target.setAfter(replay.after);
    target.setUpTo(replay.up_to);
    target.setBytesMax(replay.bytes_max);
  }
  void operator()(const Unsubscribe& unsubscribe) { to.setUnsubscribe(unsubscribe.subscription); }
  void operator()(const Consume& consume) {
    auto target = to.initConsume();
    target.setConsumer(consume.consumer);
    LABAN_SET_TEXT(target, Queue, consume.queue);
    target.setPrefetch(consume.prefetch);
  }
  void operator()(const Cancel& cancel) {
    auto target = to.initCancel();
    target.setConsumer(cancel.consumer);
    LABAN_SET_TEXT(target, Reason, cancel.reason);
  }
  void operator()(const Settle& settle) { write(settle, to.initSettle()); }
  void operator()(const Request& request) {
    auto target = to.initRequest();
    target.setId(request.id);
    std::visit(WriteRequest{target}, request.what);
  }
  void operator()(const Ping&) { to.setPing(); }
  void operator()(const Bye&) { to.setBye(); }
  void operator()(const Dropped& dropped) {
    auto target = to.initDropped();
    target.setSubscription(dropped.subscription);
    target.setFrom(dropped.from);
    target.setTo(dropped.to);
    target.setCount(dropped.count);
    LABAN_SET_TEXT(target, Reason, dropped.reason);
    auto keys = target.initKeys(static_cast<unsigned>(dropped.keys.size()));
    for (unsigned index = 0; index < keys.size(); ++index) {
      set_text(dropped.keys[index], [&](unsigned size) { return keys.init(index, size); });
    }
  }
};

}  // namespace

Decoded<ClientMessage> decode_client_message(const Frame& frame) {
  if (Publish publish; has_words(frame) && read_plain(words_of(frame), publish))
    return ClientMessage{std::move(publish)};
  return guarded<ClientMessage, schema::ClientMessage>(frame, [](auto from) { return read(from); });
}

Frame encode(const ClientMessage& message) {
  FlatBuilder builder{words_needed(message)};
  std::visit(WriteClientMessage{builder.initRoot<schema::ClientMessage>()}, message);
  return builder.finish();
}

Decoded<Fleeting> decode_fleeting(const Frame& frame) {
  if (Fleeting fleeting; has_words(frame) && read_plain(words_of(frame), fleeting)) return fleeting;
  return guarded<Fleeting, schema::Fleeting>(frame, [](schema::Fleeting::Reader from) {
    Fleeting fleeting{view(from.getSource()), {}};
    const auto events = bounded(from.getEvents(), frame_events_max);
    fleeting.events.reserve(events.size());
    for (auto event : events) {
      KJ_REQUIRE(event.size() <= envelope_bytes_max, "an envelope is too large", event.size());
      fleeting.events.push_back(view(event));
    }
    return fleeting;
  });
}

Frame encode(const Fleeting& fleeting) {
  std::size_t words = 16 + words_of(fleeting.source.size());
  for (const auto& event : fleeting.events) words += 1 + words_of(event.size());
  FlatBuilder builder{words};
  auto to = builder.initRoot<schema::Fleeting>();
  LABAN_SET_TEXT(to, Source, fleeting.source);
  auto events = to.initEvents(static_cast<unsigned>(fleeting.events.size()));
  for (unsigned index = 0; index < events.size(); ++index) events.set(index, data_of(fleeting.events[index]));
  return builder.finish();
}

}  // namespace laban::codec
