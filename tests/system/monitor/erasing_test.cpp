// tests/system/monitor/erasing_test.cpp - what was said of an instance is erased: nobody can read it any more, and everything else
// is as it was.
#include <doctest/doctest.h>
#include <httplib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bus/journal/verify.hpp"
#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "monitor/monitor.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr auto limit = 60s;
const std::string secret = "zanzibar";

constexpr const char* loan_yaml = "process: loan\nsteps:\n  - asked\n  - granted\n  - end: completed\n";
constexpr const char* visit_yaml =
    "process: visit\ncorrelation: guest\nsteps:\n  - came\n  - left\n  - end: completed\n";

// A running monitor's list of its files may still name a word; the next start writes a new one.
bool is_file_list(const std::filesystem::path& file) {
  return file.filename().string().starts_with("MANIFEST");
}

bool is_in_a_file(const std::filesystem::path& directory, bool running = false) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || (running && is_file_list(entry.path()))) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (bytes.find(secret) != std::string::npos) return true;
  }
  return false;
}

class Erasing {
 public:
  Erasing() {
    std::filesystem::create_directories(hub.directory / "definitions");
    std::ofstream(hub.directory / "definitions" / "loan.yaml") << loan_yaml;
    std::ofstream(hub.directory / "definitions" / "visit.yaml") << visit_yaml;
    hub.options.segment_bytes = 1u << 20;
    hub.start();
    monitor = std::make_unique<Monitor>(options());
  }
  MonitorOptions options() const {
    MonitorOptions out;
    out.hub = address();
    out.definitions = hub.directory / "definitions";
    out.data = hub.directory / "monitor";
    out.http = "127.0.0.1:0";
    return out;
  }
  HubAddress address() const { return {hub.hub->endpoint(), {}, {}}; }
  std::unique_ptr<Bus> bus(const std::string& service) const {
    BusOptions out;
    out.service = service;
    out.hub = address();
    out.linger = 100ms;
    return std::make_unique<Bus>(out);
  }
  void say(Bus& teller, const std::string& type, const std::string& instance, const std::string& whose) {
    NewEvent event;
    event.type = type;
    event.correlationid = instance;
    event.subject = "Customer " + whose;
    event.datacontenttype = std::string(json_content_type);
    const std::string data = R"({"guest":"g-)" + instance + R"(","note":")" + whose + "\"}";
    const auto bytes = std::as_bytes(std::span{data});
    event.data.assign(bytes.begin(), bytes.end());
    head = teller.publish_and_wait(std::move(event), limit).offset;
  }
  void erase(const std::string& instance) {
    Model model(address());
    model.erase(instance);
    REQUIRE(eventually(limit, [&] { return Json::parse(model.inspect("erasures"))["underway"].empty(); }));
  }
  Json get(const std::string& path) const {
    httplib::Client client("127.0.0.1", monitor->http_port());
    const auto answer = client.Get(path);
    REQUIRE(answer);
    CAPTURE(path);
    REQUIRE(answer->status == 200);
    return Json::parse(answer->body);
  }
  std::uint64_t found(const std::string& text) const { return get("/api/v1/instances?q=" + text)["total"]; }

  HubFixture hub;
  std::unique_ptr<Monitor> monitor;
  std::uint64_t head = 0;
};

// What a late reader gets of it: payload, or that it was erased.
std::vector<std::string> replayed(Erasing& test, std::uint64_t until) {
  std::vector<std::string> out;
  const auto reader = test.bus("reader");
  SubscriptionOptions all;
  all.from = SubscriptionOptions::From::first;
  std::uint64_t seen = 0;
  reader->subscribe(all, [&](const Event& event) {
    seen = event.offset();
    if (event.offset() > until) return;
    out.push_back(std::to_string(event.offset()) + " " + std::string(event.type()) + " " + std::string(event.id()) +
                  " " +
                  (event.erased() ? "erased" : std::string(event.subject()) + std::to_string(event.data().size())));
  });
  REQUIRE(eventually(limit, [&] { return reader->poll(10ms), seen >= until; }));
  return out;
}

}  // namespace

TEST_CASE("erasing: what an instance's events say is in no file, replay, queue or answer any more (G252)") {
  Erasing test;
  Model model(test.address());
  QueueSpec queue;
  queue.name = "desk";
  model.declare(queue);
  model.bind({"amq.topic", "desk", {}, "granted", {}});
  const auto teller = test.bus("teller");
  test.say(*teller, "asked", "loan-1", secret);
  test.say(*teller, "asked", "loan-2", "miller");
  test.say(*teller, "granted", "loan-1", secret);
  test.say(*teller, "granted", "loan-2", "miller");
  test.say(*teller, "came", "stay-1", secret);
  test.say(*teller, "came", "stay-2", "miller");
  const auto last = test.head;
  REQUIRE(test.monitor->wait_for(last, limit));
  const auto before = replayed(test, last);
  CHECK(is_in_a_file(test.hub.directory / "log"));
  CHECK(test.found(secret) == 2);
  const auto shown = [&](const std::string& id) {
    Json one = test.get("/api/v1/instances/" + id);
    for (const char* changes : {"offset", "forecast"}) one.erase(changes);
    for (auto& event : one["events"])
      for (const char* gone : {"data", "dataReason", "subject"}) event.erase(gone);
    return one;
  };
  const auto loan = shown("loan-1"), stay = shown("g-stay-1");

  test.erase("loan-1");
  test.erase("stay-1");
  CHECK_FALSE(is_in_a_file(test.hub.directory / "log"));
  const auto after = replayed(test, last);
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    const bool erased = i == 0 || i == 2 || i == 4;
    CHECK(after[i].ends_with("erased") == erased);
    CHECK(after[i].substr(0, after[i].rfind(' ') - 9) == before[i].substr(0, after[i].rfind(' ') - 9));
  }
  // The monitor has forgotten its text, and nothing else.
  REQUIRE(eventually(limit, [&] { return test.found(secret) == 0; }));
  CHECK(shown("loan-1") == loan);
  CHECK(shown("g-stay-1") == stay);
  CHECK(test.found("miller") == 2);
  const Json event = test.get("/api/v1/instances/loan-1")["events"][0];
  CHECK(event["data"].is_null());
  CHECK(event["dataReason"] == "it was erased");
  CHECK_FALSE(event.contains("subject"));
  CHECK(test.get("/api/v1/instances/loan-2")["events"][0]["data"]["note"] == "miller");
  CHECK(eventually(limit, [&] { return !is_in_a_file(test.hub.directory / "monitor", true); }));

  // What waited in a queue is parked with its reason, and the other one is delivered.
  const auto desk = test.bus("desk");
  std::vector<std::string> delivered;
  ConsumeOptions from;
  from.queue = "desk";
  desk->consume(from, [&](const Event& got, const Delivery&) {
    delivered.emplace_back(got.correlationid());
    return laban::Verdict::acknowledge;
  });
  const auto parked = [&] {
    return Json::parse(model.inspect("queues", R"({"queue":"desk"})"))["queues"][0]["parked"];
  };
  REQUIRE(eventually(limit, [&] { return desk->poll(10ms), !delivered.empty() && parked() == 1; }));
  CHECK(delivered == std::vector<std::string>{"loan-2"});

  test.monitor.reset();
  test.monitor = std::make_unique<Monitor>(test.options());
  CHECK_FALSE(is_in_a_file(test.hub.directory / "monitor"));
  test.monitor.reset();
  test.hub.hub->stop();
  CHECK_FALSE(journal::verify(journal::posix_file_system(), (test.hub.directory / "log").string()).damage);
}

TEST_CASE("erasing: what is said of the instance afterwards stays, and a log from before is named as such (G254)") {
  Erasing test;
  const auto teller = test.bus("teller");
  test.say(*teller, "asked", "loan-1", secret);
  REQUIRE(test.monitor->wait_for(test.head, limit));
  Model model(test.address());
  model.backup((test.hub.directory / "backup").string());
  test.erase("loan-1");
  test.say(*teller, "granted", "loan-1", "timbuktu");
  REQUIRE(test.monitor->wait_for(test.head, limit));
  CHECK(test.found(secret) == 0);
  CHECK(test.found("timbuktu") == 1);
  CHECK(is_in_a_file(test.hub.directory / "backup"));
  test.monitor.reset();
  test.hub.hub->stop();
  test.hub.options.data = (test.hub.directory / "backup").string();
  test.hub.start();
  test.monitor = std::make_unique<Monitor>(test.options());
  std::string said;
  try {
    test.monitor->wait({});
  } catch (const Error& error) {
    said = error.what();
  }
  CAPTURE(said);
  CHECK(said.find("laban erase loan-1") != std::string::npos);
}
