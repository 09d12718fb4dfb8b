// tests/fault/hub/stranger_test.cpp - connections that speak wrongly or not at all: what the hub says, counts and keeps from
// others.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/support/eventually.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/stranger.hpp"

using namespace laban;
using namespace laban::test;

namespace {

std::uint64_t counted(Hub& hub, const std::string& series) {
  const auto page = hub.metrics();
  const auto at = page.find("\n" + series + " ");
  return at == std::string::npos ? 0 : std::strtoull(page.c_str() + at + series.size() + 2, nullptr, 10);
}

bool counts(Hub& hub, const std::string& series, std::uint64_t least) {
  return eventually(20s, [&] { return counted(hub, series) >= least; });
}

std::string odd(const std::string& reason) {
  return "laban_hub_odd_frames_total{reason=\"" + reason + "\"}";
}

std::string refused(const std::string& reason) {
  return "laban_hub_connections_refused_total{reason=\"" + reason + "\"}";
}

// A raw subscriber: what comes, with the feed that it came in.
struct Listener {
  explicit Listener(const std::string& endpoint) : socket{context, zmq::socket_type::sub} {
    socket.set(zmq::sockopt::linger, 0);
    socket.connect("tcp://127.0.0.1:" + std::to_string(port_of(endpoint)));
  }
  void want(const std::string& feed) { socket.set(zmq::sockopt::subscribe, feed); }
  // The feed of the next message; empty where none comes.
  std::string next(std::chrono::milliseconds limit) {
    zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
    zmq::message_t feed;
    zmq::message_t batch;
    if (zmq::poll(&item, 1, limit) == 0 || !socket.recv(feed) || !socket.recv(batch)) return {};
    return feed.to_string();
  }
  zmq::context_t context;
  zmq::socket_t socket;
};

std::string feed_of(RawClient& client, std::uint64_t number, std::string_view pattern) {
  codec::Subscribe subscribe;
  subscribe.subscription = number;
  subscribe.patterns = {pattern};
  client.say(codec::ClientMessage{subscribe});
  const auto subscribed = client.hear<codec::Subscribed>();
  REQUIRE(subscribed);
  const auto feed = subscribed->as<codec::Subscribed>().feed;
  return {reinterpret_cast<const char*>(feed.data()), feed.size()};
}

}  // namespace

TEST_CASE("strangers: who says too little for too long is hung up on, and counted (G300)") {
  HubFixture fixture;
  fixture.options.handshake = 100ms;
  auto& hub = fixture.start();
  for (const auto& endpoint : {hub.endpoint(), hub.feeds_endpoint()}) {
    Stranger silent{port_of(endpoint)};
    Stranger half{port_of(endpoint)};
    REQUIRE(half.say(zmtp_greeting().substr(0, 20)));
    CHECK(silent.is_hung_up_on(10s));
    CHECK(half.is_hung_up_on(10s));
  }
  CHECK(counts(hub, refused("unfinished"), 4));
  CHECK(counts(hub, "laban_hub_connections_total", 4));
  RawClient client{hub.endpoint()};
  CHECK(client.hello());
}

TEST_CASE("strangers: another protocol gets nowhere, is counted, and the next client is served (G300)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  HubFixture fixture;
  fixture.options.handshake = 300ms;
  auto& hub = fixture.start();
  RawClient before{hub.endpoint()};
  REQUIRE(before.hello("p"));
  const auto openings = foreign_openings(random);
  std::vector<Stranger> strangers;
  for (const auto& opening : openings) {
    strangers.emplace_back(port_of(hub.endpoint()));
    (void)strangers.back().say(opening.bytes);
  }
  std::size_t hung_up = 0;
  for (auto& stranger : strangers) hung_up += stranger.is_hung_up_on(400ms) ? 1 : 0;
  CHECK(hung_up >= openings.size() / 3);
  // Those whose harm came after a sound greeting were hung up on without a count of their own.
  CHECK(eventually(20s, [&] {
    return counted(hub, refused("unfinished")) + counted(hub, refused("foreign")) >= openings.size() / 4;
  }));
  CHECK(before.publish(1, {raw_event("a", "x")}).size() == 1);
  RawClient after{hub.endpoint()};
  CHECK(after.hello());
}

TEST_CASE("strangers: what looks like a subscription is a bad message to the hub, and a guess to its feeds (G300)") {
  HubFixture fixture;
  auto& hub = fixture.start();
  RawClient client{hub.endpoint()};
  REQUIRE(client.hello("p"));
  client.say_bytes(std::string_view{"\x01#", 2});
  const auto refusal = client.hear<codec::Refused>();
  REQUIRE(refusal);
  CHECK(refusal->as<codec::Refused>().code == codec::Refusal::malformed);
  CHECK(counts(hub, odd("malformed"), 1));

  Stranger reader{port_of(hub.feeds_endpoint())};
  REQUIRE(shake_hands(reader, "SUB"));
  for (const char* topic : {"", "#", "0123456789abcdef"}) {
    REQUIRE(reader.say(zmtp_frame(std::string{"\x01"} + topic)));
    REQUIRE(reader.say(zmtp_frame(std::string{"\x01"} + topic, true) + zmtp_frame("\x01")));
  }
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  CHECK(counts(hub, odd("feed"), 9));
  CHECK(reader.hear(1, 200ms).empty());
}

// libzmq gives a wish that waits behind foreign bytes to the reader that stands next: the hub must not believe it.
TEST_CASE(
    "strangers: noise among the wishes for feeds gives nobody another's feed, and takes from nobody his own (G305)") {
  FaultyFiles files;
  HubFixture fixture;
  fixture.options.limits.sync_beside_bytes = ~std::size_t{0};
  fixture.options.data = "/log";
  fixture.options.files = &files;
  fixture.options.segment_bytes = 1u << 20;
  auto& hub = fixture.start();
  RawClient client{hub.endpoint()};
  REQUIRE(client.hello("p"));
  const auto feed_a = feed_of(client, 1, "a");
  const auto feed_b = feed_of(client, 2, "b");
  Stranger noise{port_of(hub.feeds_endpoint())};
  REQUIRE(shake_hands(noise, "SUB"));
  Listener a{hub.feeds_endpoint()};
  Listener b{hub.feeds_endpoint()};
  // Connected for sure: each has been admitted to something, and left it.
  for (auto* listener : {&a, &b}) {
    listener->want(feed_a);
    REQUIRE(listener->next(10s) == feed_a);
    listener->socket.set(zmq::sockopt::unsubscribe, feed_a);
  }
  while (!a.next(300ms).empty() || !b.next(300ms).empty()) continue;

  const auto before = counted(hub, odd("feed"));
  // The hub is held in a sync while the noise and then the wishes arrive.
  std::atomic<bool> held{false};
  std::atomic<bool> go{false};
  files.on_call([&](const FileCall& call) {
    if (call.kind != FileCall::Kind::sync || call.path.ends_with(".spare.filling")) return;
    held = true;
    while (!go) std::this_thread::yield();
  });
  const auto envelope = codec::encode_envelope(raw_event("x", "x"));
  codec::Publish publish;
  publish.first_sequence = 1;
  publish.events = {envelope.bytes()};
  client.say(codec::ClientMessage{publish});
  REQUIRE(eventually(10s, [&] { return held.load(); }));
  REQUIRE(noise.say(zmtp_frame("\x02noise")));
  CHECK(noise.hear(1, 100ms).empty());  // it is there before the wishes are
  a.want(feed_a);
  CHECK(a.next(100ms).empty());
  b.want(feed_b);
  CHECK(b.next(100ms).empty());
  go = true;
  files.on_call({});
  CHECK(counts(hub, odd("feed"), before + 1));
  for (int i = 0; i < 5; ++i) {
    const auto at_a = a.next(100ms);
    const auto at_b = b.next(100ms);
    CHECK((at_a.empty() || at_a == feed_a));
    CHECK((at_b.empty() || at_b == feed_b));
  }
  // Who asks again, as clients do who are not spoken to, is admitted.
  a.socket.set(zmq::sockopt::unsubscribe, feed_a);
  a.want(feed_a);
  CHECK(a.next(10s) == feed_a);
  b.socket.set(zmq::sockopt::unsubscribe, feed_b);
  b.want(feed_b);
  CHECK(b.next(10s) == feed_b);
}
