// tests/unit/bus/codec/protocol_test.cpp - each message of the protocol comes out as it went in.
#include <doctest/doctest.h>

#include "bus/codec/codec.hpp"
#include "bus/codec/envelope.hpp"

using namespace laban;
using namespace laban::codec;

namespace {

// Sends a message through its bytes, copied as if received.
template <class M>
struct Sent {
  explicit Sent(const ClientMessage& message) : frame(encode(message).bytes()), decoded(decode_client_message(frame)) {}
  const M& operator*() const { return std::get<M>(std::get<ClientMessage>(decoded)); }
  const M* operator->() const { return &**this; }
  Frame frame;
  Decoded<ClientMessage> decoded;
};

template <class M>
struct Said {
  explicit Said(const HubMessage& message) : frame(encode(message).bytes()), decoded(decode_hub_message(frame)) {}
  const M& operator*() const { return std::get<M>(std::get<HubMessage>(decoded)); }
  const M* operator->() const { return &**this; }
  Frame frame;
  Decoded<HubMessage> decoded;
};

Frame envelope(std::string type) {
  NewEvent event;
  event.type = std::move(type);
  return encode_envelope(event);
}

std::string type_of(Blob blob) {
  EventFields fields;
  REQUIRE(read_envelope(blob, fields));
  return std::string{fields.type};
}

Timestamp at(std::int64_t n) {
  return Timestamp{std::chrono::nanoseconds{n}};
}

}  // namespace

TEST_CASE("protocol: hello") {
  Sent<Hello> hello{Hello{7, "order", "outbox", true, 11, 12, "0.1.0"}};
  CHECK(hello->wire_version == 7);
  CHECK(hello->source == "order");
  CHECK(hello->producer == "outbox");
  CHECK(hello->named);
  CHECK(hello->session == 11);
  CHECK(hello->log_id == 12);
  CHECK(hello->version == "0.1.0");
}

TEST_CASE("protocol: publish carries its envelopes aligned") {
  const Frame a = envelope("a.happened"), b = envelope("b.happened");
  Sent<Publish> publish{Publish{5, Level::written, {a.bytes(), b.bytes()}, true}};
  CHECK(publish->first_sequence == 5);
  CHECK(publish->level == Level::written);
  CHECK(publish->atomic);
  REQUIRE(publish->events.size() == 2);
  CHECK(type_of(publish->events[0]) == "a.happened");
  CHECK(type_of(publish->events[1]) == "b.happened");
}

TEST_CASE("protocol: subscribe with each start") {
  using From = Subscribe::From;
  for (From from : {From::now, From::offset, From::time, From::first, From::cursor}) {
    Subscribe message{3, "amq.topic", {"order.#", ""}, from, 0, {}, {}, 5, 6};
    if (from == From::offset) message.offset = 99;
    if (from == From::time) message.time = at(77);
    if (from == From::cursor) message.cursor = "monitor";
    Sent<Subscribe> subscribe{message};
    CHECK(subscribe->subscription == 3);
    CHECK(subscribe->exchange == "amq.topic");
    CHECK(subscribe->patterns == message.patterns);
    CHECK(subscribe->from == from);
    CHECK(subscribe->offset == message.offset);
    CHECK(subscribe->time == message.time);
    CHECK(subscribe->cursor == message.cursor);
    CHECK((subscribe->log_id == 5 && subscribe->generation == 6));
  }
}

TEST_CASE("protocol: the small client messages") {
  Sent<Replay> replay{Replay{1, 2, 3, 4}};
  CHECK((replay->subscription == 1 && replay->after == 2 && replay->up_to == 3 && replay->bytes_max == 4));
  CHECK(Sent<Unsubscribe> {
    Unsubscribe {
      8
    }
  } -> subscription == 8);
  Sent<Consume> consume{Consume{2, "payment", 16}};
  CHECK((consume->consumer == 2 && consume->queue == "payment" && consume->prefetch == 16));
  Sent<Cancel> cancel{Cancel{2, "done"}};
  CHECK((cancel->consumer == 2 && cancel->reason == "done"));
  Sent<Settle> settle{Settle{2, Outcome::fail, {4, 6}, 3, 100, "out of paper"}};
  CHECK((settle->consumer == 2 && settle->outcome == Outcome::fail && settle->up_to == 3));
  CHECK((settle->numbers == std::vector<std::uint64_t>{4, 6} && settle->delay_millis == 100));
  CHECK(settle->reason == "out of paper");
  Sent<Dropped> dropped{Dropped{1, 2, 9, 4, "dropOldest", {"a", ""}}};
  CHECK((dropped->subscription == 1 && dropped->from == 2 && dropped->to == 9 && dropped->count == 4));
  CHECK((dropped->reason == "dropOldest" && dropped->keys == std::vector<std::string_view>{"a", ""}));
  Sent<Ping>{Ping{}}.operator*();
  Sent<Bye>{Bye{}}.operator*();
}

TEST_CASE("protocol: requests about the model") {
  QueueSpec queue;
  queue.name = "payment";
  queue.durable = false;
  queue.exclusive = queue.auto_delete = queue.passive = queue.single_active = true;
  queue.keyed = false;
  queue.delivery_limit = 5;
  queue.messages_max = 1000;
  queue.bytes_max = 2000;
  queue.overflow = "park";
  queue.message_ttl = std::chrono::milliseconds{3};
  queue.queue_ttl = std::chrono::milliseconds{4};
  queue.backoff = std::chrono::milliseconds{5};
  queue.backoff_max = std::chrono::milliseconds{6};
  queue.on_park = "release";
  queue.dead_letter_exchange = "dead";
  queue.dead_letter_key = "letter";
  queue.redelivery_timeout = std::chrono::milliseconds{7};
  Sent<Request> declared{Request{9, queue}};
  CHECK(declared->id == 9);
  const auto& q = std::get<QueueSpec>(declared->what);
  CHECK(
      (q.name == "payment" && !q.durable && q.exclusive && q.auto_delete && q.passive && q.single_active && !q.keyed));
  CHECK((q.delivery_limit == 5 && q.messages_max == 1000 && q.bytes_max == 2000 && q.overflow == "park"));
  CHECK(
      (q.message_ttl.count() == 3 && q.queue_ttl.count() == 4 && q.backoff.count() == 5 && q.backoff_max.count() == 6));
  CHECK((q.on_park == "release" && q.dead_letter_exchange == "dead" && q.dead_letter_key == "letter"));
  CHECK(q.redelivery_timeout.count() == 7);

  ExchangeSpec exchange{"shop", "headers", false, true, "elsewhere", true};
  Sent<Request> with_exchange{Request{1, exchange}};
  const auto& e = std::get<ExchangeSpec>(with_exchange->what);
  CHECK((e.name == "shop" && e.type == "headers" && !e.durable && e.auto_delete && e.alternate == "elsewhere" &&
         e.passive));

  BindingSpec binding{"shop", "payment", "", "order.*", {{"x-match", std::string{"all"}}, {"n", std::int64_t{1}}}};
  Sent<Request> bound{Request{1, Bind{binding}}};
  const auto& b = std::get<Bind>(bound->what).binding;
  CHECK((b.exchange == "shop" && b.queue == "payment" && b.pattern == "order.*" && b.arguments == binding.arguments));
  Sent<Request> unbound{Request{1, Unbind{binding}}};
  CHECK(std::get<Unbind>(unbound->what).binding.pattern == "order.*");

  Sent<Request> delete_queue{Request{1, DeleteQueue{"payment"}}};
  CHECK(std::get<DeleteQueue>(delete_queue->what).name == "payment");
  Sent<Request> delete_nameless{Request{1, DeleteExchange{""}}};
  CHECK(std::get<DeleteExchange>(delete_nameless->what).name == "");
  Sent<Request> inspect{Request{1, Inspect{"queues", "{}"}}};
  CHECK(std::get<Inspect>(inspect->what).what == "queues");
  CHECK(std::get<Inspect>(inspect->what).argument == "{}");
  Sent<Request> cursor{Request{1, SaveCursor{"monitor", 55, true}}};
  CHECK((std::get<SaveCursor>(cursor->what).offset == 55 && std::get<SaveCursor>(cursor->what).observer));
  Sent<Request> no_cursor{Request{1, DeleteCursor{"monitor"}}};
  CHECK(std::get<DeleteCursor>(no_cursor->what).name == "monitor");
  CHECK(std::holds_alternative<Backup>(Sent<Request> {
    Request {
      1, Backup {}
    }
  } -> what));
  const auto read = std::get<ReadBackup>(Sent<Request> {
    Request {
      1, ReadBackup {
        2, 3, 4, 5
      }
    }
  } -> what);
  CHECK((read.backup == 2 && read.file == 3 && read.at == 4 && read.bytes_max == 5));
  CHECK(std::get<EndBackup>(Sent<Request> {
          Request {
            1, EndBackup {
              2
            }
          }
        } -> what)
            .backup == 2);
  Sent<Request> redrive{Request{1, Redrive{"payment", true, 10}}};
  CHECK((std::get<Redrive>(redrive->what).queue == "payment" && std::get<Redrive>(redrive->what).dry_run));
  const Frame node = envelope("stands for a node");
  Sent<Request> schemas{Request{1, Schemas{{node.bytes(), node.bytes()}}}};
  CHECK(std::get<Schemas>(schemas->what).nodes.size() == 2);
}

TEST_CASE("protocol: the hub's session messages") {
  Said<Welcome> welcome{Welcome{1, 2, 3, 4, 5, "tcp://*:6", 7, 8, "0.1.0", "tcp://*:9", 10}};
  CHECK((welcome->wire_version == 1 && welcome->log_id == 2 && welcome->generation == 3 && welcome->first_offset == 4));
  CHECK((welcome->head == 5 && welcome->feeds == "tcp://*:6" && welcome->last_sequence == 7));
  CHECK((welcome->lease_millis == 8 && welcome->version == "0.1.0" && welcome->ingest == "tcp://*:9"));
  CHECK(welcome->generation_start == 10);
  Said<Refused> refused{Refused{Refusal::fenced, "another is newer: stop", 3}};
  CHECK((refused->code == Refusal::fenced && refused->message == "another is newer: stop" && refused->about == 3));
  Said<Pong> pong{Pong{5, at(6)}};
  CHECK((pong->head == 5 && pong->recordedtime == at(6)));
  Said<Advanced> advanced{Advanced{1, 2}};
  CHECK((advanced->subscription == 1 && advanced->head == 2));
  Said<Cancelled> cancelled{Cancelled{1, "queue deleted"}};
  CHECK((cancelled->consumer == 1 && cancelled->reason == "queue deleted"));
  Said<Reply> reply{Reply{4, true, Refusal::different, "durable differs", "{}"}};
  CHECK((reply->id == 4 && reply->refused && reply->code == Refusal::different));
  CHECK((reply->message == "durable differs" && reply->json == "{}" && reply->data.empty()));
  const Frame planned{encode(BackupPlan{1, 2, 3, 4, {{"a.log", 5}, {"b.log", 6}}}).bytes()};
  const auto decoded = decode_backup_plan(planned);
  const auto& plan = std::get<BackupPlan>(decoded);
  CHECK((plan.backup == 1 && plan.head == 2 && plan.log_id == 3 && plan.generation == 4 && plan.files.size() == 2));
  CHECK((plan.files[1].name == "b.log" && plan.files[1].bytes == 6));
  const Frame some = envelope("some bytes");
  Said<Reply> bytes{Reply{4, false, Refusal::unspecified, "", "", some.bytes()}};
  CHECK(std::equal(bytes->data.begin(), bytes->data.end(), some.bytes().begin(), some.bytes().end()));
}

TEST_CASE("protocol: confirms") {
  Confirms message;
  message.runs.push_back({1, 2, 3, Level::synced, 4, true, true, true, Refusal::storage, "disk full"});
  message.runs.push_back({3, 1, 5, Level::accepted, 0, false, false, false, Refusal::unspecified, ""});
  Said<Confirms> confirms{message};
  REQUIRE(confirms->runs.size() == 2);
  const auto& run = confirms->runs[0];
  CHECK((run.first_sequence == 1 && run.count == 2 && run.first_offset == 3 && run.level == Level::synced));
  CHECK((run.queues == 4 && run.unroutable && run.duplicate && run.refused && run.code == Refusal::storage));
  CHECK(run.message == "disk full");
  CHECK(confirms->runs[1].level == Level::accepted);
}

TEST_CASE("protocol: recorded events in replays, deliveries and feed batches") {
  const Frame a = envelope("a.happened"), b = envelope("b.happened");
  const Recorded first{10, at(100), "alice", a.bytes()};
  const Recorded second{11, at(101), "", b.bytes()};

  Said<Subscribed> subscribed{Subscribed{1, a.bytes().first(16), 2, 3, 4, 5}};
  CHECK((subscribed->subscription == 1 && subscribed->epoch == 2 && subscribed->sequence == 3));
  CHECK((subscribed->head == 4 && subscribed->start == 5 && subscribed->feed.size() == 16));

  Said<Replayed> replayed{Replayed{1, 9, 11, 12, {first, second}, 3, 4, "retention"}};
  CHECK((replayed->after == 9 && replayed->up_to == 11 && replayed->head == 12));
  CHECK((replayed->lost_from == 3 && replayed->lost_to == 4 && replayed->lost_reason == "retention"));
  REQUIRE(replayed->events.size() == 2);
  CHECK((replayed->events[0].offset == 10 && replayed->events[0].recordedtime == at(100)));
  CHECK(replayed->events[0].principal == "alice");
  CHECK(type_of(replayed->events[1].envelope) == "b.happened");

  Said<Deliveries> deliveries{Deliveries{6, {{20, 2, true, first}, {21, 0, false, second}}}};
  REQUIRE(deliveries->messages.size() == 2);
  CHECK((deliveries->consumer == 6 && deliveries->messages[0].number == 20 && deliveries->messages[0].attempts == 2));
  CHECK((deliveries->messages[0].redelivered && !deliveries->messages[1].redelivered));
  CHECK(type_of(deliveries->messages[0].recorded.envelope) == "a.happened");

  const Frame bytes{encode(FeedBatch{1, 2, 3, 4, {first, second}, at(5), {second}, 6}).bytes()};
  const auto decoded = decode_feed_batch(bytes);
  const auto& batch = std::get<FeedBatch>(decoded);
  CHECK((batch.epoch == 1 && batch.sequence == 2 && batch.after == 3 && batch.up_to == 4));
  CHECK(batch.recordedtime == at(5));
  REQUIRE(batch.events.size() == 2);
  CHECK(type_of(batch.events[1].envelope) == "b.happened");
  REQUIRE(batch.fleeting.size() == 1);
  CHECK((type_of(batch.fleeting[0].envelope) == "b.happened" && batch.fleeting_before == 6));

  const Frame said{encode(Fleeting{"meter", {a.bytes(), b.bytes()}}).bytes()};
  const auto heard = decode_fleeting(said);
  const auto& fleeting = std::get<Fleeting>(heard);
  REQUIRE(fleeting.events.size() == 2);
  CHECK((fleeting.source == "meter" && type_of(fleeting.events[1]) == "b.happened"));
}

TEST_CASE("protocol: a large batch keeps every event") {
  const Frame a = envelope(std::string(300, 'a'));
  FeedBatch batch;
  for (std::uint64_t offset = 1; offset <= 5000; ++offset) batch.events.push_back({offset, {}, "", a.bytes()});
  const Frame frame{encode(batch).bytes()};
  CHECK(frame.size() <= 5000 * (a.size() + event_overhead_bytes) + 1024);
  const auto decoded = decode_feed_batch(frame);
  const auto& result = std::get<FeedBatch>(decoded);
  REQUIRE(result.events.size() == 5000);
  CHECK(result.events[4999].offset == 5000);
  CHECK(type_of(result.events[4999].envelope) == std::string(300, 'a'));
}
