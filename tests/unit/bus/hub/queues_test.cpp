// tests/unit/bus/hub/queues_test.cpp - queues over real sockets: deliveries, settlements, the death of a consumer, restarts.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/ledger_lines.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;

namespace {

nlohmann::json queue_of(Hub& hub, const std::string& name) {
  const auto answer = nlohmann::json::parse(hub.inspect("queues", nlohmann::json{{"queue", name}}.dump()));
  return answer.at("queues").at(0);
}

codec::ClientMessage consume(std::string_view queue, std::uint32_t prefetch) {
  return codec::ClientMessage{codec::Consume{1, queue, prefetch}};
}

}  // namespace

TEST_CASE("queues: prefetch bounds what is on its way, an acknowledgement asks for more (G41)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("q", "#"));
  std::vector<NewEvent> list;
  for (int i = 0; i < 5; ++i) list.push_back(raw_event(std::to_string(i), "x", "key" + std::to_string(i)));
  REQUIRE(client.publish(1, list).size() == 1);
  client.say(consume("q", 2));
  const auto first = client.deliveries(2);
  REQUIRE(first.size() == 2);
  CHECK(client.deliveries(1, 200ms).empty());
  client.acknowledge(1, first);
  const auto next = client.deliveries(2);
  REQUIRE(next.size() == 2);
  CHECK(next[0].id == "2");
  CHECK(next[1].id == "3");
}

TEST_CASE("queues: one message of a key at a time, in order (G41)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("q", "#"));
  REQUIRE_FALSE(
      client.publish(1, {raw_event("a1", "x", "a"), raw_event("a2", "x", "a"), raw_event("b1", "x", "b")}).empty());
  client.say(consume("q", 10));
  const auto first = client.deliveries(2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].id == "a1");
  CHECK(first[1].id == "b1");
  client.acknowledge(1, {first[0]});
  const auto second = client.deliveries(1);
  REQUIRE(second.size() == 1);
  CHECK(second[0].id == "a2");
}

TEST_CASE("queues: what a vanished consumer held comes again to another, marked (G42)") {
  HubFixture fixture;
  fixture.start();
  RawClient publisher{fixture.hub->endpoint()};
  REQUIRE(publisher.hello("p"));
  REQUIRE(publisher.declare_queue("q", "#"));
  REQUIRE(publisher.publish(1, {raw_event("a", "x", "a"), raw_event("b", "x", "b")}).size() == 1);
  {
    RawClient dying{fixture.hub->endpoint()};
    REQUIRE(dying.hello());
    dying.say(consume("q", 10));
    REQUIRE(dying.deliveries(2).size() == 2);
  }
  RawClient heir{fixture.hub->endpoint()};
  REQUIRE(heir.hello());
  heir.say(consume("q", 10));
  const auto again = heir.deliveries(2);
  REQUIRE(again.size() == 2);
  CHECK(again[0].redelivered);
  CHECK(again[1].redelivered);
}

TEST_CASE("queues: a consumer that says nothing for its lease has its deliveries taken back (G42)") {
  HubFixture fixture;
  fixture.options.lease = 200ms;
  fixture.start();
  RawClient silent{fixture.hub->endpoint()};
  REQUIRE(silent.hello("p"));
  REQUIRE(silent.declare_queue("q", "#"));
  REQUIRE(silent.publish(1, {raw_event("a", "x")}).size() == 1);
  silent.say(consume("q", 10));
  const auto held = silent.deliveries(1);
  REQUIRE(held.size() == 1);
  CHECK(eventually(10s, [&] { return queue_of(*fixture.hub, "q").at("consumers") == 0; }));
  silent.acknowledge(1, held);
  const auto refused = silent.hear<codec::Refused>();
  REQUIRE(refused);
  CHECK(refused->as<codec::Refused>().code == codec::Refusal::no_session);
  CHECK(queue_of(*fixture.hub, "q").at("acknowledged") == 0);
}

TEST_CASE("queues: a stale settlement is counted and changes nothing (G43)") {
  HubFixture fixture;
  fixture.start();
  RawClient publisher{fixture.hub->endpoint()};
  REQUIRE(publisher.hello("p"));
  REQUIRE(publisher.declare_queue("q", "#"));
  REQUIRE(publisher.publish(1, {raw_event("a", "x")}).size() == 1);
  publisher.say(consume("q", 10));
  const auto first = publisher.deliveries(1);
  REQUIRE(first.size() == 1);
  codec::Settle give_back;
  give_back.consumer = 1;
  give_back.outcome = codec::Outcome::give_back;
  give_back.numbers = {first[0].number};
  publisher.say(codec::ClientMessage{give_back});
  const auto second = publisher.deliveries(1);
  REQUIRE(second.size() == 1);
  CHECK(second[0].number > first[0].number);
  publisher.acknowledge(1, first);
  CHECK(eventually(
      10s, [&] { return fixture.hub->metrics().find("laban_hub_stale_settlements_total 1") != std::string::npos; }));
  CHECK(queue_of(*fixture.hub, "q").at("unacknowledged") == 1);
  publisher.acknowledge(1, second);
  CHECK(eventually(10s, [&] { return queue_of(*fixture.hub, "q").at("acknowledged") == 1; }));
}

TEST_CASE("queues: a restart keeps queues, bindings, messages and acknowledgements (G44)") {
  HubFixture fixture;
  fixture.start();
  for (const bool crash : {false, true, false}) {
    CAPTURE(crash);
    {
      RawClient client{fixture.hub->endpoint()};
      const auto welcome = client.hello("outbox", true);
      REQUIRE(welcome);
      const auto last = welcome->as<codec::Welcome>().last_sequence;
      REQUIRE(client.declare_queue("q", "#"));
      REQUIRE_FALSE(client.publish(last + 1, {raw_event("a", "x", "a"), raw_event("b", "x", "b")}).empty());
      client.say(consume("q", 1));
      const auto taken = client.deliveries(1);
      REQUIRE(taken.size() == 1);
      client.acknowledge(1, taken);
      REQUIRE(client.deliveries(1).size() == 1);  // so the acknowledgement was dealt with
      CHECK(eventually(10s, [&] { return queue_of(*fixture.hub, "q").at("unacknowledged") == 1; }));
    }
    const auto before = queue_of(*fixture.hub, "q");
    crash ? fixture.crash_and_start() : fixture.restart();
    const auto after = queue_of(*fixture.hub, "q");
    CHECK(after.at("enqueued") == before.at("enqueued"));
    CHECK(after.at("acknowledged") == before.at("acknowledged"));
    CHECK(after.at("ready") == before.at("enqueued").get<int>() - before.at("acknowledged").get<int>());
    CHECK(after.at("lawHolds") == true);
    CHECK(after.at("bindings") == before.at("bindings"));
  }
}

TEST_CASE("queues: what fails too often is parked with its history, and redriven in order (G45)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  QueueSpec spec;
  spec.name = "q";
  spec.delivery_limit = 2;
  spec.backoff = std::chrono::milliseconds{1};
  spec.backoff_max = std::chrono::milliseconds{1};
  REQUIRE(client.ask({0, spec}));
  BindingSpec binding;
  binding.exchange = "amq.topic";
  binding.queue = "q";
  binding.pattern = "#";
  REQUIRE(client.ask({0, codec::Bind{binding}}));
  REQUIRE(client.publish(1, {raw_event("poison", "x")}).size() == 1);
  client.say(consume("q", 10));
  for (std::uint32_t attempt = 0; attempt < 2; ++attempt) {
    const auto taken = client.deliveries(1);
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].attempts == attempt);
    codec::Settle fail;
    fail.consumer = 1;
    fail.outcome = codec::Outcome::fail;
    fail.numbers = {taken[0].number};
    fail.reason = "cannot be digested";
    client.say(codec::ClientMessage{fail});
  }
  CHECK(eventually(10s, [&] { return queue_of(*fixture.hub, "q").at("parked") == 1; }));
  fixture.crash_and_start();
  CHECK(queue_of(*fixture.hub, "q").at("parkedMessages").at(0).at("history").size() == 2);
  RawClient operating{fixture.hub->endpoint()};
  REQUIRE(operating.hello());
  const auto preview = operating.ask({0, codec::Redrive{"q", true, 0}});
  REQUIRE(preview);
  CHECK(nlohmann::json::parse(preview->as<codec::Reply>().json).at("messages") == 1);
  CHECK(queue_of(*fixture.hub, "q").at("parked") == 1);
  REQUIRE(operating.ask({0, codec::Redrive{"q", false, 0}}));
  operating.say(consume("q", 1));
  const auto again = operating.deliveries(1);
  REQUIRE(again.size() == 1);
  CHECK(again[0].id == "poison");
}

TEST_CASE("queues: a rejected message goes to the dead-letter exchange with the story of its death") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("graves", "#", "amq.fanout"));
  QueueSpec spec;
  spec.name = "q";
  spec.dead_letter_exchange = "amq.fanout";
  REQUIRE(client.ask({0, spec}));
  REQUIRE(client.publish(1, {raw_event("doomed", "q", {}, "")}).size() == 1);
  client.say(consume("q", 1));
  const auto taken = client.deliveries(1);
  REQUIRE(taken.size() == 1);
  codec::Settle reject;
  reject.consumer = 1;
  reject.outcome = codec::Outcome::reject;
  reject.numbers = {taken[0].number};
  client.say(codec::ClientMessage{reject});
  client.say(codec::ClientMessage{codec::Consume{2, "graves", 1}});
  const auto dead = client.hear<codec::Deliveries>();
  REQUIRE(dead);
  EventFields fields;
  REQUIRE(codec::read_envelope(dead->as<codec::Deliveries>().messages.at(0).recorded.envelope, fields));
  CHECK(fields.id == "doomed");
  CHECK(fields.exchange == "amq.fanout");
  bool told = false;
  for (const auto& [name, value] : fields.headers) {
    if (name == "x-first-death-queue") told = std::get<std::string>(value) == "q";
  }
  CHECK(told);
  CHECK(eventually(10s, [&] { return queue_of(*fixture.hub, "q").at("moved") == 1; }));
}

TEST_CASE("queues: a queue's deletion tells its consumers and ledgers what it held (G46)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("losses", "#", "laban.lost"));
  REQUIRE(client.declare_queue("q", "x"));
  REQUIRE(client.publish(1, {raw_event("a", "x"), raw_event("b", "x")}).size() == 1);
  client.say(codec::ClientMessage{codec::Consume{5, "q", 1}});
  REQUIRE(client.deliveries(1).size() == 1);
  const auto answer = client.ask({0, codec::DeleteQueue{"q"}});
  REQUIRE(answer);
  CHECK_FALSE(answer->as<codec::Reply>().refused);
  const auto cancelled = client.hear<codec::Cancelled>();
  REQUIRE(cancelled);
  CHECK(cancelled->as<codec::Cancelled>().consumer == 5);
  client.say(codec::ClientMessage{codec::Consume{6, "losses", 10}});
  const auto line = client.hear<codec::Deliveries>();
  REQUIRE(line);
  EventFields fields;
  REQUIRE(codec::read_envelope(line->as<codec::Deliveries>().messages.at(0).recorded.envelope, fields));
  const auto told =
      nlohmann::json::parse(std::string_view{reinterpret_cast<const char*>(fields.data.data()), fields.data.size()});
  CHECK(told.at("queue") == "q");
  CHECK(told.at("count") == 2);
  CHECK(told.at("reason") == "queue-deleted");
}

TEST_CASE("queues: declaring again is idempotent, and refused with the difference (G47)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello());
  QueueSpec spec;
  spec.name = "q";
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.ask({0, spec});
    REQUIRE(answer);
    CHECK_FALSE(answer->as<codec::Reply>().refused);
  }
  spec.keyed = false;
  const auto other = client.ask({0, spec});
  REQUIRE(other);
  CHECK(other->as<codec::Reply>().code == codec::Refusal::different);
  CHECK(other->as<codec::Reply>().message.find("keyed") != std::string_view::npos);
}

TEST_CASE("queues: unroutable events are kept up to a number, beyond it they are ledgered (G46)") {
  HubFixture fixture;
  fixture.options.limits.parking_max = 3;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  std::vector<NewEvent> events;
  for (int i = 0; i < 5; ++i) events.push_back(raw_event(std::to_string(i), "nobody"));
  REQUIRE(client.publish(1, events).size() == 1);
  CHECK(queue_of(*fixture.hub, "laban.parking").at("ready") == 3);
  std::vector<nlohmann::json> lines;
  CHECK(eventually(10s, [&] {
    lines = ledger_lines(client);
    return !lines.empty();
  }));
  REQUIRE(lines.size() == 1);
  CHECK((lines[0].at("who") == "laban.parking" && lines[0].at("reason") == "overflow"));
  CHECK((lines[0].at("from") == 4 && lines[0].at("to") == 5 && lines[0].at("count") == 2));
}
