// tests/unit/bus/hub/session_test.cpp - strangers, old versions, bad frames, second hubs.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "laban/error.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;

namespace {

template <class Call>
std::optional<Errc> error_of(Call call, std::string* text = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (text != nullptr) *text = error.what();
    return error.code();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("sessions: another wire version is refused with both versions and what to do (G48)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  codec::Hello hello;
  hello.wire_version = 7;
  client.say(codec::ClientMessage{hello});
  const auto refused = client.hear<codec::Refused>();
  REQUIRE(refused);
  CHECK(refused->as<codec::Refused>().code == codec::Refusal::wire_version);
  CHECK(refused->as<codec::Refused>().message.find('7') != std::string_view::npos);
  CHECK(refused->as<codec::Refused>().message.find("upgrade") != std::string_view::npos);
}

TEST_CASE("sessions: a malformed frame is refused and counted, and its session lives on (G48)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  for (const auto& bad : {std::string{}, std::string{"GET / HTTP/1.1\r\n"}, std::string(8, '\xff'), std::string(7, 'x'),
                          std::string(4'096, '\x7f')}) {
    client.say_bytes(bad);
    const auto refused = client.hear<codec::Refused>();
    REQUIRE(refused);
    CHECK(refused->as<codec::Refused>().code == codec::Refusal::malformed);
  }
  const auto runs = client.publish(1, {raw_event("a", "x")});
  REQUIRE(runs.size() == 1);
  CHECK_FALSE(runs[0].refused);
  CHECK(fixture.hub->metrics().find("laban_hub_odd_frames_total{reason=\"malformed\"} 5") != std::string::npos);
}

TEST_CASE("sessions: who has not said hello is told to (G48)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  client.say(codec::ClientMessage{codec::Ping{}});
  const auto refused = client.hear<codec::Refused>();
  REQUIRE(refused);
  CHECK(refused->as<codec::Refused>().code == codec::Refusal::no_session);
}

TEST_CASE("sessions: a later hello of the same socket replaces the session") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  REQUIRE(client.declare_queue("q", "#"));
  REQUIRE(client.publish(1, {raw_event("a", "x")}).size() == 1);
  client.say(codec::ClientMessage{codec::Consume{1, "q", 1}});
  REQUIRE(client.deliveries(1).size() == 1);
  REQUIRE(client.hello("p"));
  client.say(codec::ClientMessage{codec::Consume{1, "q", 1}});
  REQUIRE(client.deliveries(1).size() == 1);
}

TEST_CASE("start: a second hub on the same directory, port or HTTP address is told what to do (G49)") {
  HubFixture fixture;
  fixture.options.http = "127.0.0.1:0";
  fixture.start();
  std::string text;
  HubOptions options = fixture.options;
  options.http.clear();
  options.listen = "tcp://127.0.0.1:0";
  CHECK(error_of([&] { Hub{options}.start(); }, &text) == Errc::in_use);
  CHECK(text.find(": ") != std::string::npos);
  options.data += "-other";
  options.listen = fixture.hub->endpoint();
  CHECK(error_of([&] { Hub{options}.start(); }, &text) == Errc::in_use);
  options.listen = "tcp://127.0.0.1:0";
  options.http = fixture.hub->http_address();
  CHECK(error_of([&] { Hub{options}.start(); }, &text) == Errc::in_use);
}

TEST_CASE("start: addresses that others can reach need --insecure (G49)") {
  HubFixture fixture;
  HubOptions options = fixture.options;
  options.listen = "tcp://0.0.0.0:0";
  CHECK(error_of([&] { Hub{options}.start(); }) == Errc::usage);
  options.listen = "tcp://127.0.0.1:0";
  options.http = "0.0.0.0:0";
  CHECK(error_of([&] { Hub{options}.start(); }) == Errc::usage);
  options.insecure = true;
  Hub hub{options};
  CHECK_FALSE(error_of([&] { hub.start(); }));
}

TEST_CASE("start: a directory that cannot be one is refused (G49)") {
  HubFixture fixture;
  HubOptions options = fixture.options;
  options.data = (fixture.directory / "file").string();
  std::ofstream{options.data} << "not a directory";
  CHECK(error_of([&] { Hub{options}.start(); }) == Errc::storage);
  options.data.clear();
  CHECK(error_of([&] { Hub{options}.start(); }) == Errc::usage);
  options.data = fixture.options.data;
  options.listen = "carrier pigeon";
  CHECK(error_of([&] { Hub{options}.start(); }) == Errc::usage);
}

TEST_CASE("stop: what was sent before is stored and confirmed (G49)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p"));
  std::vector<NewEvent> events;
  for (int i = 0; i < 1'000; ++i) events.push_back(raw_event(std::to_string(i), "x"));
  const auto runs = client.publish(1, events);
  REQUIRE(runs.size() == 1);
  fixture.hub->stop();
  const auto goodbye = client.hear<codec::Refused>();
  REQUIRE(goodbye);
  CHECK(goodbye->as<codec::Refused>().code == codec::Refusal::stopping);
  fixture.start();
  RawClient again{fixture.hub->endpoint()};
  const auto welcome = again.hello();
  REQUIRE(welcome);
  CHECK(welcome->as<codec::Welcome>().head == 1'000);
}
