// tests/system/monitor/passive_test.cpp - the monitor as the hub sees it: it may only listen, and holds nothing back.
#include <doctest/doctest.h>
#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "monitor/monitor.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/guarded_hub.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr auto limit = 60s;

MonitorOptions options_for(const HubFixture& hub, const HubAddress& address) {
  std::filesystem::create_directories(hub.directory / "definitions");
  std::ofstream(hub.directory / "definitions" / "loan.yaml")
      << "process: loan\nsteps:\n  - asked\n  - granted\n  - end: completed\n";
  MonitorOptions out;
  out.hub = address;
  out.definitions = hub.directory / "definitions";
  out.data = hub.directory / "monitor";
  out.http = "127.0.0.1:0";
  return out;
}

NewEvent event(const std::string& type, const std::string& instance, std::size_t size = 0) {
  NewEvent out;
  out.type = type;
  out.correlationid = instance;
  out.datacontenttype = std::string(json_content_type);
  const std::string data = "\"" + std::string(size, 'x') + "\"";
  const auto bytes = std::as_bytes(std::span{data});
  out.data.assign(bytes.begin(), bytes.end());
  return out;
}

Json instance(const Monitor& monitor, const std::string& id) {
  httplib::Client client("127.0.0.1", monitor.http_port());
  const auto answer = client.Get("/api/v1/instances/" + id);
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  return Json::parse(answer->body);
}

}  // namespace

TEST_CASE("monitor: a key that may only subscribe is enough for all that it does (G255)") {
  GuardedHub hub;
  hub.grant("shop", {{"publish", {"#"}}});
  hub.grant("monitor", {{"subscribe", {"#"}}});
  hub.start();
  // What that key does not let.
  Bus as_monitor(hub.bus("monitor", "liar"));
  CHECK(as_monitor.publish_and_wait(event("granted", "one"), limit).refused);
  Model model(hub.as("monitor"), limit);
  QueueSpec queue;
  queue.name = "mine";
  CHECK_THROWS_AS(model.declare(queue), Error);

  Bus shop(hub.bus("shop", "shop"));
  shop.publish_and_wait(event("asked", "one", 3), limit);
  {
    Monitor monitor(options_for(hub, hub.as("monitor")));
    REQUIRE(monitor.wait_for(1, limit));
    const auto last = shop.publish_and_wait(event("granted", "one", 4), limit).offset;
    REQUIRE(monitor.wait_for(last, limit));
    const Json seen = instance(monitor, "one");
    CHECK(seen["state"] == "completed");
    CHECK(seen["verdict"] == "conforming");
    CHECK(seen["events"][0]["data"] == "xxx");
    CHECK(seen["events"][1]["data"] == "xxxx");
  }
  const auto last = shop.publish_and_wait(event("asked", "two"), limit).offset;
  hub.restart();
  Monitor monitor(options_for(hub, hub.as("monitor")));
  REQUIRE(monitor.wait_for(last, limit));
  CHECK(instance(monitor, "two")["state"] == "running");
}

TEST_CASE("monitor: the log goes on without one that was stopped, which says what it missed (G231)") {
  HubFixture hub;
  hub.options.segment_bytes = 64u << 10;
  hub.options.keep.bytes = 256u << 10;
  hub.options.checkpoint_every = 50ms;
  hub.start();
  const HubAddress address{hub.hub->endpoint(), {}, {}};
  Model model(address, limit);
  BusOptions options;
  options.service = "shop";
  options.hub = address;
  Bus shop(options);
  // Unbound events wait in the parking queue; they are taken from there.
  Bus taker(options);
  ConsumeOptions from;
  from.queue = "laban.parking";
  taker.consume(from, [](const Event&, const Delivery&) { return laban::Verdict::acknowledge; });
  std::uint64_t seen = shop.publish_and_wait(event("asked", "one"), limit).offset;
  {
    Monitor monitor(options_for(hub, address));
    REQUIRE(monitor.wait_for(seen, limit));
  }
  const auto first = [&] { return Json::parse(model.inspect("status"))["firstOffset"].get<std::uint64_t>(); };
  const auto drops = eventually(limit, [&] {
    for (int i = 0; i < 20; ++i) shop.publish(event("filling", "other", 2'000));
    shop.flush(limit);
    taker.poll(10ms);
    return first() > seen + 1;
  });
  REQUIRE(drops);
  const auto last = shop.publish_and_wait(event("granted", "one"), limit).offset;
  Monitor monitor(options_for(hub, address));
  REQUIRE(monitor.wait_for(last, limit));
  CHECK(instance(monitor, "one")["verdict"] != "deviating");
  httplib::Client client("127.0.0.1", monitor.http_port());
  CHECK(Json::parse(client.Get("/api/v1/status")->body)["gaps"] > 0);
}
