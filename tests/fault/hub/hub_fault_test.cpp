// tests/fault/hub/hub_fault_test.cpp - the hub on a disk that fails: what it confirms, what it refuses, what survives.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>

#include "tests/support/eventually.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;

namespace {

// Everything here must hold wherever the sync is done, so each test runs twice.
struct FaultyHub {
  FaultyHub() {
    SUBCASE("synced by the loop") {
      fixture.options.limits.sync_beside_bytes = ~std::size_t{0};
    }
    SUBCASE("synced beside the loop") {
      fixture.options.limits.sync_beside_bytes = 0;
    }
    fixture.options.data = "/log";
    fixture.options.files = &files;
    fixture.options.segment_bytes = 1u << 20;
    fixture.options.ledger_every = std::chrono::hours{1};  // whose lines would stand among what was stored
  }
  FaultyFiles files;
  HubFixture fixture;
};

// Of the log, not of a segment that is being filled with zeros.
bool is_sync(const FileCall& call) {
  return call.kind == FileCall::Kind::sync && !call.path.ends_with(".spare.filling");
}

// Each sync of the log tells that it has begun, and waits.
void hold_syncs(FaultyFiles& files, std::atomic<bool>& held, const std::atomic<bool>& go) {
  files.on_call([&](const FileCall& call) {
    if (!is_sync(call)) return;
    held = true;
    while (!go) std::this_thread::yield();
  });
}

// Without waiting for the confirm.
void publish(RawClient& client, std::uint64_t sequence, const char* id) {
  const auto envelope = codec::encode_envelope(raw_event(id, "x"));
  codec::Publish publish;
  publish.first_sequence = sequence;
  publish.events = {envelope.bytes()};
  client.say(codec::ClientMessage{publish});
}

// What the hub's log has, read back over the socket.
std::vector<std::string> stored(Hub& hub) {
  RawClient reader{hub.endpoint()};
  REQUIRE(reader.hello());
  codec::Subscribe subscribe;
  subscribe.subscription = 1;
  subscribe.patterns = {"#"};
  reader.say(codec::ClientMessage{subscribe});
  const auto subscribed = reader.hear<codec::Subscribed>();
  REQUIRE(subscribed);
  const auto head = subscribed->as<codec::Subscribed>().head;
  std::vector<std::string> ids;
  std::uint64_t position = 0;
  while (position < head) {
    reader.say(codec::ClientMessage{codec::Replay{1, position, 0, 0}});
    const auto answer = reader.hear<codec::Replayed>();
    REQUIRE(answer);
    const auto& replayed = answer->as<codec::Replayed>();
    REQUIRE(replayed.up_to > position);
    position = replayed.up_to;
    for (const auto& event : replayed.events) {
      EventFields fields;
      REQUIRE(codec::read_envelope(event.envelope, fields));
      ids.emplace_back(fields.id);
    }
  }
  return ids;
}

}  // namespace

TEST_CASE("hub: nobody hears of an event, by confirm, delivery or feed, before its sync has returned (G30)") {
  FaultyHub test;
  RawClient client{test.fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("q", "#"));
  client.say(codec::ClientMessage{codec::Consume{1, "q", 10}});
  codec::Subscribe subscribe;
  subscribe.subscription = 1;
  subscribe.patterns = {"#"};
  client.say(codec::ClientMessage{subscribe});
  const auto subscribed = client.hear<codec::Subscribed>();
  REQUIRE(subscribed);
  RawReader reader{test.fixture.hub->feeds_endpoint()};
  reader.want(subscribed->as<codec::Subscribed>().feed);
  REQUIRE(reader.next());

  // The disk holds the sync until the test lets it go: whatever the client hears meanwhile was said too early.
  std::atomic<bool> held{false};
  std::atomic<bool> go{false};
  hold_syncs(test.files, held, go);
  publish(client, 1, "a");
  REQUIRE(eventually(10s, [&] { return held.load(); }));
  CHECK(client.hear<codec::Confirms>(100ms) == nullptr);
  CHECK(client.hear<codec::Deliveries>(1ms) == nullptr);
  CHECK(reader.next_events(50ms) == nullptr);
  go = true;
  CHECK(client.confirms(1).size() == 1);
  CHECK(client.deliveries(1).size() == 1);
  CHECK(reader.next_events());
  test.files.on_call({});
}

TEST_CASE("hub: what came during a sync is confirmed by the next one and not by this one (G30)") {
  FaultyHub test;
  RawClient client{test.fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  std::atomic<int> begun{0};
  std::atomic<int> allowed{0};
  test.files.on_call([&](const FileCall& call) {
    if (!is_sync(call)) return;
    const int mine = ++begun;
    while (allowed < mine) std::this_thread::yield();
  });
  publish(client, 2, "b");
  REQUIRE(eventually(10s, [&] { return begun == 1; }));
  publish(client, 3, "c");
  CHECK(client.hear<codec::Confirms>(50ms) == nullptr);
  allowed = 1;
  const auto first = client.confirms(1);
  REQUIRE(first.size() == 1);
  CHECK(first[0].first_sequence == 2);
  REQUIRE(eventually(10s, [&] { return begun == 2; }));
  CHECK(client.hear<codec::Confirms>(50ms) == nullptr);
  allowed = 2;
  const auto second = client.confirms(1);
  REQUIRE(second.size() == 1);
  CHECK(second[0].first_sequence == 3);
  allowed = 1'000;
  test.files.on_call({});
}

TEST_CASE("hub: a sync that fails refuses its group and what came meanwhile (G30)") {
  FaultyHub test;
  RawClient client{test.fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  std::atomic<bool> held{false};
  std::atomic<bool> go{false};
  test.files.inject({.kind = Fault::Kind::error, .error = EIO, .at = 1, .how_often = 1, .only = is_sync});
  hold_syncs(test.files, held, go);
  publish(client, 2, "b");
  REQUIRE(eventually(10s, [&] { return held.load(); }));
  publish(client, 3, "c");
  go = true;
  for (const auto sequence : {2u, 3u}) {
    const auto refused = client.confirms(1);
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].first_sequence == sequence);
    CHECK(refused[0].refused);
    CHECK(refused[0].code == codec::Refusal::storage);
  }
  test.files.on_call({});
  test.files.heal();
  CHECK(stored(*test.fixture.hub) == std::vector<std::string>{"a"});
}

TEST_CASE("hub: a disk that is full behind a synced group refuses the next group alone (G30)") {
  FaultyHub test;
  RawClient client{test.fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  std::atomic<bool> held{false};
  std::atomic<bool> go{false};
  std::atomic<bool> full{false};
  test.files.inject(
      {.kind = Fault::Kind::error, .error = ENOSPC, .at = 1, .how_often = ~0ull, .only = [&](const FileCall& call) {
         return full && call.kind == FileCall::Kind::write;
       }});
  hold_syncs(test.files, held, go);
  publish(client, 2, "b");
  REQUIRE(eventually(10s, [&] { return held.load(); }));
  publish(client, 3, "c");
  full = true;
  go = true;
  const auto first = client.confirms(1);
  REQUIRE(first.size() == 1);
  CHECK(first[0].first_sequence == 2);
  CHECK_FALSE(first[0].refused);
  const auto second = client.confirms(1);
  REQUIRE(second.size() == 1);
  CHECK(second[0].first_sequence == 3);
  CHECK(second[0].code == codec::Refusal::storage);
  test.files.on_call({});
  test.files.heal();
  const auto again = client.publish(4, {raw_event("d", "x")});
  REQUIRE(again.size() == 1);
  CHECK_FALSE(again[0].refused);
  CHECK(again[0].first_offset == 3);
  test.fixture.crash_and_start();
  CHECK(stored(*test.fixture.hub) == std::vector<std::string>{"a", "b", "d"});
}

TEST_CASE("hub: after a failed sync publishing is refused with the reason, and reading goes on (G30)") {
  FaultyHub test;
  RawClient client{test.fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  test.files.inject({.kind = Fault::Kind::error, .error = EIO, .at = 1, .how_often = 1, .only = is_sync});
  const auto failed = client.publish(2, {raw_event("b", "x")});
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].refused);
  CHECK(failed[0].code == codec::Refusal::storage);
  test.files.heal();
  const auto still = client.publish(3, {raw_event("c", "x")});
  REQUIRE(still.size() == 1);
  CHECK(still[0].code == codec::Refusal::storage);
  CHECK(still[0].message.find(": ") != std::string_view::npos);
  CHECK(stored(*test.fixture.hub) == std::vector<std::string>{"a"});
}

TEST_CASE("hub: a full disk refuses publishing, and takes it again when there is room (G30)") {
  FaultyHub test;
  RawClient client{test.fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  test.files.inject(
      {.kind = Fault::Kind::error, .error = ENOSPC, .at = 1, .how_often = ~0ull, .only = [](const FileCall& call) {
         return call.kind == FileCall::Kind::write;
       }});
  const auto full = client.publish(2, {raw_event("b", "x")});
  REQUIRE(full.size() == 1);
  CHECK(full[0].code == codec::Refusal::storage);
  test.files.heal();
  const auto again = client.publish(3, {raw_event("c", "x")});
  REQUIRE(again.size() == 1);
  CHECK_FALSE(again[0].refused);
  test.fixture.crash_and_start();
  CHECK(stored(*test.fixture.hub) == std::vector<std::string>{"a", "c"});
}

TEST_CASE("hub: a power cut takes nothing that was confirmed as synced (G44)") {
  FaultyHub test;
  std::vector<std::string> confirmed;
  std::uint64_t sequence = 0;
  for (int round = 0; round < 5; ++round) {
    test.fixture.start();
    RawClient client{test.fixture.hub->endpoint()};
    const auto welcome = client.hello("outbox", true);
    REQUIRE(welcome);
    CHECK(welcome->as<codec::Welcome>().last_sequence == sequence);
    REQUIRE(client.declare_queue("q", "#"));
    for (int i = 0; i < 10; ++i) {
      const auto id = std::to_string(++sequence);
      const auto runs = client.publish(sequence, {raw_event(id, "x", id)});
      REQUIRE(runs.size() == 1);
      REQUIRE_FALSE(runs[0].refused);
      confirmed.push_back(id);
    }
    test.fixture.hub->crash();
    test.files.power_cut();
  }
  test.fixture.start();
  CHECK(stored(*test.fixture.hub) == confirmed);
}
