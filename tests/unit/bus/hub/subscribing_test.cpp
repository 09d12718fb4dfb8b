// tests/unit/bus/hub/subscribing_test.cpp - feeds, their coverage, and replay.
#include <doctest/doctest.h>

#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;

namespace {

std::vector<NewEvent> events(const std::string& routingkey, int count) {
  std::vector<NewEvent> list;
  for (int i = 0; i < count; ++i) list.push_back(raw_event(routingkey + std::to_string(i), routingkey));
  return list;
}

codec::Subscribe everything(std::uint64_t number, codec::Subscribe::From from = codec::Subscribe::From::now) {
  codec::Subscribe subscribe;
  subscribe.subscription = number;
  subscribe.patterns = {"#"};
  subscribe.from = from;
  return subscribe;
}

}  // namespace

TEST_CASE("feeds: an admitted reader is spoken to at once, and each batch says what it covers (G37)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  const auto welcome = client.hello("p");
  REQUIRE(welcome);
  client.say(codec::ClientMessage{everything(1)});
  const auto heard = client.hear<codec::Subscribed>();
  REQUIRE(heard);
  const auto& subscribed = heard->as<codec::Subscribed>();
  REQUIRE(subscribed.feed.size() == 16);
  CHECK(subscribed.head == 0);
  CHECK(subscribed.start == 1);
  RawReader reader{fixture.hub->feeds_endpoint()};
  reader.want(subscribed.feed);
  const auto first = reader.next();
  REQUIRE(first);
  CHECK(first->batch.events.empty());
  CHECK(first->batch.epoch == subscribed.epoch);

  REQUIRE(client.publish(1, events("x", 3)).size() == 1);
  const auto batch = reader.next_events();
  REQUIRE(batch);
  CHECK(batch->batch.sequence == subscribed.sequence + 1);
  CHECK(batch->batch.after == 0);
  CHECK(batch->batch.up_to == 3);
  REQUIRE(batch->batch.events.size() == 3);
  CHECK(batch->batch.events[0].offset == 1);
  CHECK(batch->batch.events[2].offset == 3);
  const auto beat = reader.next();
  REQUIRE(beat);
  CHECK(beat->batch.events.empty());
  CHECK(beat->batch.sequence == batch->batch.sequence);
  CHECK(beat->batch.up_to == 3);
}

TEST_CASE("feeds: a topic that the hub did not give out is not admitted (G38)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  client.say(codec::ClientMessage{everything(1)});
  const auto heard = client.hear<codec::Subscribed>();
  REQUIRE(heard);
  RawReader spy{fixture.hub->feeds_endpoint()};
  spy.want({});
  const std::vector<std::byte> guess(16, std::byte{1});
  spy.want(guess);
  RawReader reader{fixture.hub->feeds_endpoint()};
  reader.want(heard->as<codec::Subscribed>().feed);
  REQUIRE(reader.next());
  REQUIRE(client.publish(1, events("x", 1)).size() == 1);
  REQUIRE(reader.next_events());
  CHECK(spy.next(300ms) == nullptr);
}

TEST_CASE("feeds: equal subscriptions share a feed, others do not (G38)") {
  HubFixture fixture;
  RawClient one{fixture.start().endpoint()};
  RawClient two{fixture.hub->endpoint()};
  REQUIRE(one.hello());
  REQUIRE(two.hello());
  const auto feed_of = [](RawClient& client, std::vector<std::string_view> patterns) {
    codec::Subscribe subscribe;
    subscribe.subscription = 7;
    subscribe.patterns = std::move(patterns);
    client.say(codec::ClientMessage{subscribe});
    const auto heard = client.hear<codec::Subscribed>();
    REQUIRE(heard);
    const auto feed = heard->as<codec::Subscribed>().feed;
    return std::string{reinterpret_cast<const char*>(feed.data()), feed.size()};
  };
  const auto first = feed_of(one, {"b", "a"});
  CHECK(feed_of(two, {"a", "b", "a"}) == first);
  CHECK(feed_of(two, {"a"}) != first);
}

TEST_CASE("feeds: a feed carries what its patterns want, each event once, in offset order") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  codec::Subscribe subscribe = everything(1);
  subscribe.patterns = {"order.*", "order.placed", "#.refused"};
  client.say(codec::ClientMessage{subscribe});
  const auto heard = client.hear<codec::Subscribed>();
  REQUIRE(heard);
  RawReader reader{fixture.hub->feeds_endpoint()};
  reader.want(heard->as<codec::Subscribed>().feed);
  REQUIRE(reader.next());
  REQUIRE_FALSE(client
                    .publish(1, {raw_event("1", "order.placed"), raw_event("2", "stock.taken"),
                                 raw_event("3", "payment.refused"), raw_event("4", "order.placed.late")})
                    .empty());
  const auto batch = reader.next_events();
  REQUIRE(batch);
  REQUIRE(batch->batch.events.size() == 2);
  CHECK(batch->batch.events[0].offset == 1);
  CHECK(batch->batch.events[1].offset == 3);
  CHECK(batch->batch.up_to == 4);
}

TEST_CASE("feeds: beyond their limit a subscription is told of news and replays it (G39)") {
  HubFixture fixture;
  fixture.options.limits.feeds_max = 0;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  client.say(codec::ClientMessage{everything(5)});
  const auto heard = client.hear<codec::Subscribed>();
  REQUIRE(heard);
  CHECK(heard->as<codec::Subscribed>().feed.empty());
  for (std::uint64_t round = 1; round <= 3; ++round) {
    REQUIRE(client.publish(round, {raw_event(std::to_string(round), "x")}).size() == 1);
    const auto advanced = client.hear<codec::Advanced>();
    REQUIRE(advanced);
    CHECK(advanced->as<codec::Advanced>().subscription == 5);
    client.say(codec::ClientMessage{codec::Replay{5, round - 1, 0, 0}});
    const auto replayed = client.hear<codec::Replayed>();
    REQUIRE(replayed);
    REQUIRE(replayed->as<codec::Replayed>().events.size() == 1);
    CHECK(replayed->as<codec::Replayed>().events[0].offset == round);
  }
}

TEST_CASE("replay: everything comes back in bounded answers, filtered by the subscription's patterns (G40)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  std::vector<NewEvent> list;
  for (int i = 0; i < 500; ++i) list.push_back(raw_event(std::to_string(i), i % 5 == 0 ? "wanted" : "other"));
  REQUIRE_FALSE(client.publish(1, list).empty());
  fixture.restart();
  RawClient reader{fixture.hub->endpoint()};
  REQUIRE(reader.hello());
  codec::Subscribe subscribe = everything(3, codec::Subscribe::From::first);
  subscribe.patterns = {"wanted"};
  reader.say(codec::ClientMessage{subscribe});
  const auto heard = reader.hear<codec::Subscribed>();
  REQUIRE(heard);
  CHECK(heard->as<codec::Subscribed>().start == 1);
  std::uint64_t position = 0;
  std::vector<std::uint64_t> offsets;
  int answers = 0;
  while (position < 500 && answers < 1'000) {
    reader.say(codec::ClientMessage{codec::Replay{3, position, 0, 4'000}});
    const auto answer = reader.hear<codec::Replayed>();
    REQUIRE(answer);
    const auto& replayed = answer->as<codec::Replayed>();
    REQUIRE(replayed.up_to > position);
    position = replayed.up_to;
    for (const auto& event : replayed.events) offsets.push_back(event.offset);
    ++answers;
  }
  CHECK(answers > 3);
  REQUIRE(offsets.size() == 100);
  for (std::size_t i = 0; i < offsets.size(); ++i) CHECK(offsets[i] == i * 5 + 1);
}

TEST_CASE("replay: starts are an offset, a time, the first event, or a durable cursor (G40)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  for (std::uint64_t i = 1; i <= 4; ++i) REQUIRE(client.publish(i, {raw_event(std::to_string(i), "x")}).size() == 1);
  const auto start_of = [&](codec::Subscribe subscribe) -> std::uint64_t {
    client.say(codec::ClientMessage{subscribe});
    const auto heard = client.hear<codec::Subscribed>();
    REQUIRE(heard);
    return heard->as<codec::Subscribed>().start;
  };
  CHECK(start_of(everything(1)) == 5);
  CHECK(start_of(everything(1, codec::Subscribe::From::first)) == 1);
  auto by_offset = everything(1, codec::Subscribe::From::offset);
  by_offset.offset = 3;
  CHECK(start_of(by_offset) == 3);

  client.say(codec::ClientMessage{codec::Replay{1, 2, 3, 0}});
  const auto third = client.hear<codec::Replayed>();
  REQUIRE(third);
  REQUIRE(third->as<codec::Replayed>().events.size() == 1);
  auto by_time = everything(1, codec::Subscribe::From::time);
  by_time.time = third->as<codec::Replayed>().events[0].recordedtime;
  CHECK(start_of(by_time) == 3);

  auto by_cursor = everything(1, codec::Subscribe::From::cursor);
  by_cursor.cursor = "bookkeeper";
  CHECK(start_of(by_cursor) == 1);
  const auto saved = client.ask({0, codec::SaveCursor{"bookkeeper", 2}});
  REQUIRE(saved);
  CHECK_FALSE(saved->as<codec::Reply>().refused);
  CHECK(start_of(by_cursor) == 3);
  fixture.crash_and_start();
  RawClient later{fixture.hub->endpoint()};
  REQUIRE(later.hello());
  later.say(codec::ClientMessage{by_cursor});
  const auto heard = later.hear<codec::Subscribed>();
  REQUIRE(heard);
  CHECK(heard->as<codec::Subscribed>().start == 3);
}

TEST_CASE("replay: a start beyond the head belongs to another log and is refused (G40)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  auto subscribe = everything(9, codec::Subscribe::From::offset);
  subscribe.offset = 1'000;
  client.say(codec::ClientMessage{subscribe});
  const auto refused = client.hear<codec::Refused>();
  REQUIRE(refused);
  CHECK(refused->as<codec::Refused>().code == codec::Refusal::not_found);
  CHECK(refused->as<codec::Refused>().about == 9);
}
