// tests/unit/bus/hub/ingest_test.cpp - events at most once: in by PUB, out by the feeds, and nothing of them anywhere else.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;

namespace {

constexpr auto limit = 60s;

// Whoever can reach the socket; it needs no session.
class RawSpeaker {
 public:
  explicit RawSpeaker(std::string endpoint) : socket_{context_, zmq::socket_type::xpub} {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, 20'000);
    if (const auto star = endpoint.find("://*"); star != std::string::npos) endpoint.replace(star + 3, 1, "127.0.0.1");
    socket_.connect(endpoint);
    zmq::message_t listens;
    REQUIRE(socket_.recv(listens));
  }

  void say(const std::vector<NewEvent>& events) {
    std::vector<codec::Frame> envelopes;
    codec::Fleeting fleeting{"meter", {}};
    for (const auto& event : events) envelopes.push_back(codec::encode_envelope(event));
    for (const auto& envelope : envelopes) fleeting.events.push_back(envelope.bytes());
    const auto frame = codec::encode(fleeting);
    say_bytes(std::string{reinterpret_cast<const char*>(frame.bytes().data()), frame.size()});
  }
  void say_bytes(const std::string& bytes, bool more = false) {
    socket_.send(zmq::buffer(bytes), more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

struct Fixture : HubFixture {
  Fixture() {
    start();
    client = std::make_unique<RawClient>(hub->endpoint());
    const auto welcome = client->hello("p");
    REQUIRE(welcome);
    ingest = welcome->as<codec::Welcome>().ingest;
    REQUIRE_FALSE(ingest.empty());
    codec::Subscribe subscribe;
    subscribe.subscription = 1;
    subscribe.patterns = {"x.#"};
    client->say(codec::ClientMessage{subscribe});
    const auto heard = client->hear<codec::Subscribed>();
    REQUIRE(heard);
    reader = std::make_unique<RawReader>(hub->feeds_endpoint());
    reader->want(heard->as<codec::Subscribed>().feed);
    REQUIRE(reader->next());
  }

  std::unique_ptr<RawReader::Batch> next_fleeting() {
    for (int i = 0; i < 1'000; ++i) {
      auto batch = reader->next();
      if (batch == nullptr || !batch->batch.fleeting.empty()) return batch;
    }
    return nullptr;
  }
  bool counts(const std::string& line) {
    return eventually(limit, [&] { return hub->metrics().find(line + "\n") != std::string::npos; });
  }

  std::string ingest;
  std::unique_ptr<RawClient> client;
  std::unique_ptr<RawReader> reader;
};

}  // namespace

TEST_CASE(
    "at most once: an event goes straight to who subscribes, and is stored, queued and confirmed nowhere (G218)") {
  Fixture fixture;
  REQUIRE(fixture.client->declare_queue("q", "#"));
  RawSpeaker speaker{fixture.ingest};
  speaker.say({raw_event("1", "x.measured"), raw_event("2", "other"), raw_event("3", "x.measured")});
  const auto batch = fixture.next_fleeting();
  REQUIRE(batch);
  REQUIRE(batch->batch.fleeting.size() == 2);
  CHECK(batch->batch.fleeting[0].offset == 0);
  EventFields fields;
  REQUIRE(codec::read_envelope(batch->batch.fleeting[1].envelope, fields));
  CHECK(fields.id == "3");
  CHECK(batch->batch.fleeting_before == 0);
  CHECK(fixture.counts("laban_hub_fleeting_events_total 3"));
  CHECK(fixture.counts("laban_hub_fleeting_sent_total 2"));
  CHECK(fixture.counts("laban_hub_fleeting_dropped_total{reason=\"unwanted\"} 1"));
  const auto status = nlohmann::json::parse(fixture.hub->inspect("status"));
  CHECK(status["head"] == 0);
  const auto queue = nlohmann::json::parse(fixture.hub->inspect("queues", R"({"queue":"q"})"));
  CHECK(queue["queues"][0]["enqueued"] == 0);
}

TEST_CASE("at most once: such events leave the feed's sequence and coverage alone (G220)") {
  Fixture fixture;
  RawSpeaker speaker{fixture.ingest};
  std::uint64_t sequence = 0;
  std::uint64_t covered = 0;
  std::uint64_t fleeting = 0;
  std::uint64_t stored = 0;
  for (std::uint64_t round = 1; round <= 20; ++round) {
    speaker.say({raw_event("f", "x.measured"), raw_event("f", "x.measured")});
    REQUIRE(fixture.client->publish(round, {raw_event("s", "x.stored")}).size() == 1);
  }
  while (stored < 20 || fleeting < 40) {
    const auto heard = fixture.reader->next();
    REQUIRE(heard);
    const auto& batch = heard->batch;
    CHECK(batch.sequence == sequence + (batch.events.empty() ? 0 : 1));
    sequence = batch.sequence;
    CHECK(batch.after == covered);
    if (!batch.fleeting.empty()) CHECK(batch.up_to == batch.after);
    covered = batch.up_to;
    CHECK(batch.fleeting_before == fleeting);
    fleeting += batch.fleeting.size();
    for (const auto& event : batch.events) CHECK(event.offset == ++stored);
  }
  CHECK(stored == 20);
  CHECK(fleeting == 40);
}

TEST_CASE("at most once: foreign, oversized and forbidden ones are refused and counted, and harm nobody (G219)") {
  Fixture fixture;
  RawSpeaker speaker{fixture.ingest};
  speaker.say_bytes("hello");
  speaker.say_bytes("");
  speaker.say_bytes("two", true);
  speaker.say_bytes("parts");
  speaker.say_bytes(std::string(2u << 20, '\0'));
  std::string noise(4'096, 'x');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * 2'654'435'761u >> 13);
  speaker.say_bytes(noise);
  CHECK(fixture.counts("laban_hub_odd_frames_total{reason=\"ingest\"} 5"));

  auto numbered = raw_event("n", "x.a");
  numbered.sequence = 7;
  auto endless = raw_event("e", std::string(256, 'k'));
  speaker.say({raw_event("f", "x.a", {}, "laban.lost"), raw_event("g", "x.a", {}, "no.such.exchange"), numbered,
               endless, raw_event("good", "x.a")});
  const auto batch = fixture.next_fleeting();
  REQUIRE(batch);
  REQUIRE(batch->batch.fleeting.size() == 1);
  CHECK(fixture.counts("laban_hub_fleeting_dropped_total{reason=\"refused\"} 4"));

  // One that breaks the transport's own limit loses its connection, the others go on.
  speaker.say_bytes(std::string(8u << 20, '\1'));
  RawSpeaker other{fixture.ingest};
  other.say({raw_event("still", "x.a")});
  CHECK(fixture.next_fleeting());
  REQUIRE(fixture.client->publish(1, {raw_event("s", "x.stored")}).size() == 1);
}

TEST_CASE("at most once: a hub that takes no such events names no address for them") {
  HubFixture fixture;
  fixture.options.at_most_once = false;
  RawClient client{fixture.start().endpoint()};
  const auto welcome = client.hello("p");
  REQUIRE(welcome);
  CHECK(welcome->as<codec::Welcome>().ingest.empty());
}
