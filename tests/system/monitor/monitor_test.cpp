// tests/system/monitor/monitor_test.cpp - the whole monitor beside a hub, both in this process, as its users meet it.
#include "monitor/monitor.hpp"

#include <doctest/doctest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <fstream>
#include <mutex>
#include <regex>
#include <thread>

#include "bus/journal/journal.hpp"
#include "laban/bus.hpp"
#include "laban/error.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr auto limit = 60s;

const char* const order_yaml = R"(
process: order
steps:
  - order.placed
  - order.paid: {within: 300ms, by: payment}
  - order.sent
  - end: completed
)";

// A hub, a directory of definitions, and a monitor that can be started over what the one before it left.
struct Watched {
  Watched() {
    std::filesystem::create_directories(hub.directory / "definitions");
    define(order_yaml);
    hub.start();
  }
  void define(const std::string& yaml) const { std::ofstream(hub.directory / "definitions" / "order.yaml") << yaml; }

  MonitorOptions options() const {
    MonitorOptions out;
    out.hub.endpoint = hub.hub->endpoint();
    out.definitions = hub.directory / "definitions";
    out.data = hub.directory / "monitor";
    out.http = "127.0.0.1:0";
    out.version = "test";
    return out;
  }
  void watch() { monitor = std::make_unique<Monitor>(options()); }

  Json get(const std::string& path, int status = 200) const {
    httplib::Client client("127.0.0.1", monitor->http_port());
    const auto answer = client.Get(path.c_str());
    REQUIRE(answer);
    CAPTURE(path);
    CAPTURE(answer->body);
    CHECK(answer->status == status);
    return Json::parse(answer->body);
  }
  std::string metrics() const {
    httplib::Client client("127.0.0.1", monitor->http_port());
    const auto answer = client.Get("/metrics");
    REQUIRE(answer);
    return answer->body;
  }

  HubFixture hub;
  std::unique_ptr<Monitor> monitor;
};

class Shop {
 public:
  explicit Shop(const Watched& watched, const std::string& source = "payment") : bus_(options(watched, source)) {}

  std::uint64_t say(const std::string& instance, const std::string& type, const std::string& json = {}) {
    NewEvent event;
    event.type = type;
    event.correlationid = instance;
    if (!json.empty()) {
      event.datacontenttype = std::string(json_content_type);
      const auto* bytes = reinterpret_cast<const std::byte*>(json.data());
      event.data.assign(bytes, bytes + json.size());
    }
    return bus_.publish_and_wait(std::move(event), limit).offset;
  }
  void whole(const std::string& instance) {
    for (const char* type : {"order.placed", "order.paid", "order.sent"}) last = say(instance, type);
  }

  std::uint64_t last = 0;

 private:
  static BusOptions options(const Watched& watched, const std::string& source) {
    BusOptions out;
    out.service = source;
    out.hub.endpoint = watched.hub.hub->endpoint();
    out.linger = 100ms;
    return out;
  }
  Bus bus_;
};

std::uint64_t sample(const std::string& text, const std::string& series) {
  const auto at = ("\n" + text).find("\n" + series + " ");
  REQUIRE(at != std::string::npos);
  return static_cast<std::uint64_t>(std::stod(text.substr(at + series.size() + 1)));
}

}  // namespace

TEST_CASE("monitor: shows an instance with its events, payloads and what is expected next") {
  Watched watched;
  watched.watch();
  Shop shop(watched);
  shop.say("o-1", "order.placed", R"({"amount":7})");
  const auto offset = shop.say("o-1", "order.paid");
  REQUIRE(watched.monitor->wait_for(offset, limit));
  const Json shown = watched.get("/api/v1/instances/o-1");
  CHECK(shown["state"] == "running");
  CHECK(shown["verdict"] == "conforming");
  CHECK(shown["steps"] == Json{"order.paid"});
  CHECK(shown["expected"] == Json{"order.sent"});
  REQUIRE(shown["events"].size() == 2);
  CHECK(shown["events"][0]["type"] == "order.placed");
  CHECK(shown["events"][0]["data"] == Json{{"amount", 7}});
  CHECK(shown["events"][1]["data"].is_null());
  CHECK(shown["events"][1]["dataReason"] == "it has no payload");
  CHECK(watched.get("/readyz")["ready"] == true);
  CHECK(watched.get("/api/v1/instances/o-2", 404)["error"]["code"] == "no-instance");
}

TEST_CASE("monitor: in every scrape and answer under load started equals ended and live (G135)") {
  Watched watched;
  watched.watch();
  std::atomic<bool> done{false};
  std::thread load([&] {
    Shop shop(watched);
    for (int i = 0; i < 150; ++i) {
      shop.say("o-" + std::to_string(i), "order.placed");
      if (i % 3 != 0) shop.say("o-" + std::to_string(i), "order.paid");
      if (i % 3 == 1) shop.say("o-" + std::to_string(i), "order.sent");
    }
    done = true;
  });
  std::size_t scrapes = 0;
  while (!done || scrapes < 5) {
    const std::string text = watched.metrics();
    const auto of = [&](const std::string& series) { return sample(text, "laban_monitor_" + series); };
    const auto ended = of("instances_ended_total{process=\"order\",outcome=\"completed\"}") +
                       of("instances_ended_total{process=\"order\",outcome=\"failed\"}") +
                       of("instances_ended_total{process=\"order\",outcome=\"compensated\"}");
    const auto live = of("instances{process=\"order\",state=\"running\"}") +
                      of("instances{process=\"order\",state=\"compensating\"}");
    CHECK(of("instances_started_total{process=\"order\"}") == ended + live);
    const Json definition = watched.get("/api/v1/definitions").at(0);
    CHECK(definition["started"] ==
          definition["ended"].get<std::uint64_t>() + definition["instances"]["running"].get<std::uint64_t>());
    ++scrapes;
  }
  load.join();
}

TEST_CASE("monitor: names instance, step and silent service when a deadline has passed, without any event (G136)") {
  Watched watched;
  watched.watch();
  Shop shop(watched, "order");
  REQUIRE(watched.monitor->wait_for(shop.say("o-1", "order.placed"), limit));
  CHECK(eventually(limit, [&] { return watched.get("/api/v1/instances?flag=late")["total"] == 1; }));
  const Json shown = watched.get("/api/v1/instances/o-1");
  CHECK(shown["flags"] == Json{"late"});
  CHECK(shown["expected"] == Json{"order.paid"});
  CHECK(shown["explanation"].get<std::string>().find("waits for “order.paid” from “payment”") != std::string::npos);
  const Json problem = watched.get("/api/v1/problems")["problems"].at(0);
  CHECK(problem["kind"] == "late");
  CHECK(problem["sample"] == "o-1");
  CHECK(problem["from"] == Json{"payment"});
}

TEST_CASE("monitor: tells of each service what it says, how soon it reacts and what waits for it (G142)") {
  Watched watched;
  watched.watch();
  const auto publish = [&](Bus& bus, const std::string& key, const std::string& type, const std::string& cause) {
    NewEvent event;
    event.type = type;
    event.correlationid = key;
    event.causationid = cause;
    const auto confirm = bus.publish_and_wait(std::move(event), limit);
    return confirm.id;
  };
  const auto bus_of = [&](const std::string& service) {
    BusOptions options;
    options.service = service;
    options.hub.endpoint = watched.hub.hub->endpoint();
    options.linger = 100ms;
    return options;
  };
  Bus shop(bus_of("shop"));
  Bus payment(bus_of("payment"));
  const auto placed = publish(shop, "o-1", "order.placed", "");
  publish(payment, "o-1", "order.paid", placed);
  publish(shop, "o-2", "order.placed", "");
  Json told;
  const auto row = [&](const std::string& id) -> Json {
    for (const auto& service : told["services"]) {
      if (service["id"] == id) return service;
    }
    return nullptr;
  };
  CHECK(eventually(limit, [&] {
    told = watched.get("/api/v1/services");
    return row("payment").is_object() && row("payment")["missingCount"] == 1;
  }));
  CAPTURE(told.dump());
  CHECK(row("shop")["publishes"][0]["type"] == "order.placed");
  CHECK(row("shop")["publishes"][0]["count"] == 2);
  CHECK(row("payment")["consumes"][0]["type"] == "order.placed");
  CHECK(row("payment")["consumes"][0]["reactions"] == 1);
  CHECK(row("payment")["missing"][0]["type"] == "order.paid");
  CHECK(row("payment")["missing"][0]["step"] == "order.placed");
  CHECK(row("payment")["missing"][0]["sample"] == "o-2");
  CHECK(row("payment")["lastHeard"].is_string());
}

TEST_CASE("monitor: goes on where it stopped, and the hub may come later, go and come back (G137)") {
  Watched watched;
  watched.watch();
  Shop shop(watched);
  shop.whole("o-1");
  shop.say("o-2", "order.placed");
  REQUIRE(watched.monitor->wait_for(shop.last + 1, limit));
  watched.monitor.reset();
  shop.say("o-2", "order.paid");
  watched.hub.restart();
  shop.whole("o-3");
  watched.watch();
  REQUIRE(watched.monitor->wait_for(shop.last, limit));
  watched.hub.crash_and_start();
  shop.say("o-2", "order.sent");
  shop.whole("o-4");
  REQUIRE(watched.monitor->wait_for(shop.last, limit));
  const Json definition = watched.get("/api/v1/definitions").at(0);
  CHECK(definition["instances"]["completed"] == 4);
  CHECK(definition["verdicts"]["conforming"] == 4);
  CHECK(watched.get("/api/v1/instances/o-2")["events"].size() == 3);
  CHECK(watched.get("/api/v1/status")["gaps"] == 0);
}

TEST_CASE("monitor: the stream tells first everything and then what changed") {
  Watched watched;
  watched.watch();
  std::mutex mutex;
  std::string received;
  std::atomic<bool> enough{false};
  std::thread reader([&] {
    httplib::Client client("127.0.0.1", watched.monitor->http_port());
    client.set_read_timeout(20);
    client.Get("/api/v1/stream", [&](const char* data, std::size_t size) {
      const std::lock_guard lock(mutex);
      received.append(data, size);
      return !enough;
    });
  });
  const auto has = [&](const std::string& text) {
    return eventually(limit, [&] {
      const std::lock_guard lock(mutex);
      return received.find(text) != std::string::npos;
    });
  };
  CHECK(has("event: definitions\ndata: {\"offset\":0,\"all\":true"));
  Shop shop(watched);
  shop.whole("o-1");
  CHECK(has("\"id\":\"o-1\",\"definition\":\"order\""));
  CHECK(has("\"completed\":1"));
  enough = true;
  shop.whole("o-2");
  reader.join();
}

TEST_CASE("monitor: a changed definition is followed without a restart") {
  Watched watched;
  watched.watch();
  Shop shop(watched);
  REQUIRE(watched.monitor->wait_for(shop.say("old", "order.placed"), limit));
  watched.define(std::string(order_yaml) + "# another text\n");
  CHECK(eventually(limit, [&] { return watched.get("/api/v1/definitions").size() == 2; }));
  shop.whole("new");
  REQUIRE(watched.monitor->wait_for(shop.last, limit));
  CHECK(watched.get("/api/v1/instances/new")["version"] != watched.get("/api/v1/instances/old")["version"]);
}

TEST_CASE("monitor: serves the dashboard and its files, and nothing else") {
  Watched watched;
  watched.watch();
  httplib::Client client("127.0.0.1", watched.monitor->http_port());
  for (const char* path : {"/", "/instances", "/instances/o-1", "/definitions/order"}) {
    const auto page = client.Get(path);
    REQUIRE(page);
    CHECK(page->status == 200);
    CHECK(page->get_header_value("Content-Security-Policy").find("default-src 'self'") == 0);
    // Every file that the page names is there.
    static const std::regex asset(R"((?:src|href)="(/assets/[^"]+)\")");
    for (std::sregex_iterator at(page->body.begin(), page->body.end(), asset), end; at != end; ++at) {
      CHECK(client.Get((*at)[1].str().c_str())->status == 200);
    }
  }
  const auto style = client.Get("/assets/style.css");
  CHECK(client.Get("/assets/style.css", httplib::Headers{{"If-None-Match", style->get_header_value("ETag")}})->status ==
        304);
  CHECK(client.Get("/assets/files.hpp")->status == 404);
  CHECK(client.Get("/assets/..%2Ffiles.hpp")->status == 404);
}

TEST_CASE("monitor: a second one on the same data or address is refused before it changes anything") {
  Watched watched;
  watched.watch();
  auto same_data = watched.options();
  try {
    Monitor second(same_data);
    FAIL("two monitors on one store");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::in_use);
  }
  auto same_port = watched.options();
  same_port.data = watched.hub.directory / "other";
  same_port.http = "127.0.0.1:" + std::to_string(watched.monitor->http_port());
  try {
    Monitor second(same_port);
    FAIL("two monitors on one port");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::in_use);
  }
  CHECK_FALSE(std::filesystem::exists(same_port.data));
}

TEST_CASE("monitor: a store of another hub's log stops it by name") {
  Watched watched;
  watched.watch();
  Shop shop(watched);
  shop.whole("o-1");
  REQUIRE(watched.monitor->wait_for(shop.last, limit));
  watched.monitor.reset();
  HubFixture other;
  other.start();
  auto options = watched.options();
  options.hub.endpoint = other.hub->endpoint();
  Monitor misled(options);
  CHECK_THROWS_AS(misled.wait({}), Error);
}

TEST_CASE("monitor: what the log no longer has makes an instance incomplete, never deviating (G94)") {
  Watched watched;
  const std::string filling = "\"" + std::string(watched.hub.options.segment_bytes / 8, 'x') + "\"";
  {
    Shop shop{watched};
    shop.say("lost", "order.placed");
    for (int i = 0; i < 20; ++i) shop.say("other", "filling", filling);
  }
  watched.hub.restart();  // both checkpoints that the log keeps now cover the beginning
  watched.hub.hub->stop();
  std::uint64_t dropped = 0;
  {
    journal::Options options;
    options.segment_bytes = watched.hub.options.segment_bytes;
    options.background = false;
    const auto log = journal::Journal::open(journal::posix_file_system(), watched.hub.options.data, options);
    for (bool more = true; more;) {
      journal::Retention retention;
      retention.bytes_max = options.segment_bytes / 2;
      const auto result = log->retain(retention);
      dropped += result.segments;
      INFO(result.reason);
      CHECK(result.reason.empty());
      more = result.more;
    }
    REQUIRE(log->close());
  }
  REQUIRE(dropped > 0);
  watched.hub.start();
  watched.watch();
  Shop shop{watched};
  shop.say("lost", "order.paid");  // its beginning is gone: this may fit or not, nobody can know
  const auto last = shop.say("lost", "order.sent");
  REQUIRE(eventually(limit, [&] { return watched.get("/api/v1/status")["offset"] >= last; }));
  CHECK(watched.get("/api/v1/status")["gaps"] > 0);
  CHECK(watched.get("/api/v1/instances/lost")["verdict"] == "incomplete");
  CHECK(watched.get("/api/v1/instances/lost")["deviations"].empty());
}
