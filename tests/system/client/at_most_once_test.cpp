// tests/system/client/at_most_once_test.cpp - events at most once, as a service says and hears them.
#include <doctest/doctest.h>

#include <thread>

#include "laban/bus.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

constexpr auto limit = 60s;

struct Fixture : HubFixture {
  HubAddress address() const { return {options.listen, "", ""}; }
  BusOptions bus(std::string service) const {
    BusOptions result;
    result.service = std::move(service);
    result.hub = address();
    return result;
  }
};

NewEvent event(std::string type, std::size_t bytes = 8) {
  NewEvent result;
  result.type = std::move(type);
  result.data.assign(bytes, std::byte{1});
  return result;
}

// Hears everything and tells stored from fleeting.
struct Listener {
  explicit Listener(const Fixture& fixture, SubscriptionOptions options = {})
      : subscriber{{"listener", fixture.address()}} {
    subscriber.subscribe(std::move(options),
                         [this](const Event& received) { received.offset() == 0 ? ++fleeting : ++stored; });
    REQUIRE(subscriber.wait_until_ready(limit));
  }
  template <class Condition>
  bool until(Condition condition) {
    return eventually(limit, [&] {
      subscriber.poll(5ms);
      return condition();
    });
  }
  Subscriber subscriber;
  std::uint64_t fleeting = 0;
  std::uint64_t stored = 0;
};

// The live path stands once something came over it.
void join(Bus& bus, Listener& listener) {
  REQUIRE(listener.until([&] {
    (void)bus.publish_at_most_once(event("a.joined"));
    return listener.fleeting > 0;
  }));
}

}  // namespace

TEST_CASE("at most once: what a service says reaches live subscribers beside what is stored (G218)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("meter")};
  Listener listener{fixture};
  join(bus, listener);
  for (int i = 0; i < 500; ++i) {
    CHECK(bus.publish_at_most_once(event("a.measured")));
    if (i % 10 == 0) bus.publish(event("a.stored"));
  }
  REQUIRE(bus.flush(limit));
  const auto arrived = [&] {
    const auto stats = listener.subscriber.stats();
    return listener.fleeting + stats.fleeting_missed + stats.fleeting_dropped;
  };
  // All that was given to the transport is heard, or counted by the subscriber; before it had joined it missed some unseen.
  CHECK(listener.until([&] { return listener.stored == 50 && listener.fleeting >= 500; }));
  CHECK(arrived() <= bus.stats().fleeting_sent);
  CHECK(bus.stats().confirmed == 50);
  CHECK(listener.subscriber.progress().position == 50);

  // Another kind of reader hears none of them.
  SubscriptionOptions stored_only;
  stored_only.from = SubscriptionOptions::From::first;
  stored_only.fleeting = false;
  Listener other{fixture, stored_only};
  CHECK(bus.publish_at_most_once(event("a.measured")));
  CHECK(other.until([&] { return other.stored == 50; }));
  CHECK(other.fleeting == 0);
}

TEST_CASE("at most once: it never waits: without a hub it is dropped and counted (G218)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("meter")};
  Listener listener{fixture};
  join(bus, listener);
  fixture.hub->crash();
  CHECK(eventually(limit, [&] { return !bus.connected(); }));
  const auto before = bus.stats().fleeting_dropped;
  CHECK_FALSE(bus.publish_at_most_once(event("a.measured")));
  CHECK(bus.stats().fleeting_dropped == before + 1);
  fixture.start();
  const auto heard = listener.fleeting;
  CHECK(listener.until([&] {
    (void)bus.publish_at_most_once(event("a.measured"));
    return listener.fleeting > heard;
  }));
}

TEST_CASE(
    "at most once: a flood is dropped where there is no room, each drop counted, and nothing stored suffers (G218, "
    "G220)") {
  Fixture fixture;
  fixture.start();
  Bus bus{fixture.bus("meter")};
  SubscriptionOptions small;
  small.buffer_events = 100;
  Listener slow{fixture, small};
  join(bus, slow);
  std::uint64_t refused = 0;
  std::uint64_t said = 0;
  // Until somebody has dropped something: here, or at the reader that does not read.
  REQUIRE(eventually(limit, [&] {
    for (int i = 0; i < 5'000; ++i) bus.publish_at_most_once(event("a.measured", 1'000)) ? ++said : ++refused;
    for (int i = 0; i < 10; ++i) bus.publish(event("a.stored"));
    return refused + bus.stats().fleeting_dropped + slow.subscriber.stats().fleeting_dropped > 0;
  }));
  REQUIRE(bus.flush(limit));
  const auto published = bus.stats().published;
  CHECK(slow.until([&] { return slow.stored == published; }));
  CHECK(slow.subscriber.stats().lost == 0);
  CHECK(bus.stats().fleeting_dropped >= refused);
  // After the flood all goes on.
  const auto heard = slow.fleeting;
  CHECK(slow.until([&] {
    (void)bus.publish_at_most_once(event("a.measured"));
    return slow.fleeting > heard;
  }));
}
