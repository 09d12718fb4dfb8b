// tests/system/monitor/witnessing_test.cpp - what the monitor may be trusted with: it changes nothing on the bus, and a stream gives the
// verdicts of a batch.
#include <doctest/doctest.h>
#include <httplib.h>

#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "monitor/core/replay.hpp"
#include "monitor/definitions.hpp"
#include "monitor/monitor.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/hub_log.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr auto limit = 60s;

constexpr const char* loan_yaml = R"(
process: loan
steps:
  - asked
  - all of:
      risk: [checked, {rated: {optional: true}}]
      home: [visited]
  - one of:
      yes: [granted, paid]
      no: [refused]
  - told
)";

struct Watching {
  explicit Watching(const std::string& yaml = loan_yaml) {
    std::filesystem::create_directories(hub.directory / "definitions");
    std::ofstream(file()) << yaml;
    hub.start();
  }
  std::filesystem::path file() const { return hub.directory / "definitions" / "loan.yaml"; }
  MonitorOptions options() const {
    MonitorOptions out;
    out.hub.endpoint = hub.hub->endpoint();
    out.definitions = hub.directory / "definitions";
    out.data = hub.directory / "monitor";
    out.http = "127.0.0.1:0";
    return out;
  }
  void watch() { monitor = std::make_unique<Monitor>(options()); }
  std::string text(const std::string& path) const {
    httplib::Client client("127.0.0.1", monitor->http_port());
    const auto answer = client.Get(path);
    REQUIRE(answer);
    CAPTURE(path);
    REQUIRE(answer->status == 200);
    return answer->body;
  }
  Json get(const std::string& path) const { return Json::parse(text(path)); }
  BusOptions bus(const std::string& service) const {
    BusOptions out;
    out.service = service;
    out.hub.endpoint = hub.hub->endpoint();
    out.linger = 100ms;
    return out;
  }

  HubFixture hub;
  std::unique_ptr<Monitor> monitor;
};

// A seeded run of a shop of one queue, whose consumer fails, rejects and gives back as the dice fall. What the hub stored and what it
// delivered, each as a line.
std::vector<std::string> records(std::uint64_t seed, bool with_monitor) {
  Watching watching;
  if (with_monitor) watching.watch();
  std::mt19937_64 random(seed);
  std::vector<std::string> lines;
  Model model(HubAddress{watching.hub.hub->endpoint(), {}, {}}, limit);
  QueueSpec queue;
  queue.name = "desk";
  queue.delivery_limit = 3;
  queue.on_park = "release";
  model.declare(queue);
  BindingSpec binding;
  binding.exchange = "amq.topic";
  binding.queue = "desk";
  binding.pattern = "#";
  model.bind(binding);
  Bus consumer(watching.bus("desk"));
  ConsumeOptions from;
  from.queue = "desk";
  from.prefetch = 1;
  std::size_t settled = 0;
  consumer.consume(from, [&](const Event& event, const Delivery& delivery) {
    const auto dice = random() % 8;
    const auto verdict = dice == 0   ? laban::Verdict::fail
                         : dice == 1 ? laban::Verdict::reject
                                     : laban::Verdict::acknowledge;
    lines.push_back("delivered " + std::to_string(event.offset()) + " " + std::string(event.type()) + " attempts " +
                    std::to_string(delivery.attempts) + (delivery.redelivered ? " again" : ""));
    if (verdict != laban::Verdict::fail || delivery.attempts + 1 >= queue.delivery_limit) ++settled;
    return verdict;
  });
  Bus teller(watching.bus("teller"));
  const std::vector<std::string> types{"asked", "checked", "visited", "granted", "refused", "told", "weather"};
  for (std::size_t i = 0; i < 60; ++i) {
    NewEvent event;
    event.id = "event-" + std::to_string(i);
    event.type = types[random() % types.size()];
    event.correlationid = "loan-" + std::to_string(random() % 5);
    teller.publish_and_wait(std::move(event), limit);
    const auto until = i + 1;
    REQUIRE(eventually(limit, [&] {
      consumer.poll(5ms);
      return settled >= until;
    }));
  }
  if (with_monitor) {
    REQUIRE(watching.monitor->wait_for(60, limit));
    CHECK(watching.get("/api/v1/status")["offset"].get<std::uint64_t>() >= 60);
  }
  for (const auto& event : read_hub_log(watching.hub.hub->endpoint(), limit))
    lines.push_back("stored " + std::to_string(event.offset) + " " + event.id + " " + event.source + " " + event.type +
                    " " + event.exchange + " " + event.routingkey + " " + event.correlationid);
  const auto queues = Json::parse(model.inspect("queues"));
  for (const auto& row : queues.items()) lines.push_back("queue " + row.key());
  return lines;
}

// Random walks through the loan process, and steps left out, told twice, exchanged, and foreign ones.
std::map<std::string, std::vector<std::string>> random_log(std::mt19937_64& random, int traces) {
  std::map<std::string, std::vector<std::string>> log;
  for (int i = 0; i < traces; ++i) {
    std::vector<std::string> both{"checked", "visited"};
    if (random() % 2 == 0) std::swap(both[0], both[1]);
    std::vector<std::string> trace{"asked"};
    trace.insert(trace.end(), both.begin(), both.end());
    if (random() % 2 == 0) trace.insert(std::find(trace.begin(), trace.end(), "checked") + 1, "rated");
    if (random() % 2 == 0) {
      trace.insert(trace.end(), {"granted", "paid", "told"});
    } else {
      trace.insert(trace.end(), {"refused", "told"});
    }
    const auto somewhere = [&] { return trace.begin() + static_cast<std::ptrdiff_t>(random() % trace.size()); };
    switch (random() % 7) {
      case 0:
        trace.erase(somewhere());
        break;
      case 1:
        trace.insert(somewhere(), trace[random() % trace.size()]);
        break;
      case 2:
        std::iter_swap(somewhere(), somewhere());
        break;
      case 3:
        trace.insert(somewhere(), "coffee");
        break;
      case 4:
        trace.insert(trace.begin(), "coffee");
        break;
      case 5:
        trace.resize(1 + random() % trace.size());
        break;
      default:
        break;
    }
    log["trace-" + std::to_string(i)] = trace;
  }
  return log;
}

std::string text_of(const Json& deviations) {
  std::string out;
  for (const auto& one : deviations)
    out += one["kind"].get<std::string>() + " " + one["event"].get<std::string>() + " at " + one["index"].dump() +
           " missing " + one["missing"].dump() + " expected " + one["expected"].dump() + "\n";
  return out;
}

}  // namespace

TEST_CASE("monitor: with or without it the hub stores and delivers the same, record by record (G230)") {
  LABAN_SEED(seed);
  const auto without = records(seed, false), with = records(seed, true);
  REQUIRE(with.size() == without.size());
  for (std::size_t i = 0; i < with.size(); ++i) CHECK(with[i] == without[i]);
}

TEST_CASE("monitor: it holds nothing back: no queue, exchange or cursor of its own, running or stopped (G231)") {
  Watching watching;
  Model model(HubAddress{watching.hub.hub->endpoint(), {}, {}}, limit);
  const auto holdings = [&] {
    std::vector<std::string> names;
    const std::function<void(const Json&)> collect = [&](const Json& at) {
      if (at.is_object() && at.contains("name")) names.push_back(at["name"].dump());
      for (const auto& below : at)
        if (below.is_structured()) collect(below);
    };
    collect(Json::parse(model.inspect("queues")));
    collect(Json::parse(model.inspect("exchanges")));
    return names;
  };
  const auto before = holdings();
  watching.watch();
  Bus teller(watching.bus("teller"));
  NewEvent event;
  event.type = "asked";
  event.correlationid = "one";
  const auto offset = teller.publish_and_wait(std::move(event), limit).offset;
  REQUIRE(watching.monitor->wait_for(offset, limit));
  CHECK(holdings() == before);
  watching.monitor.reset();
  CHECK(holdings() == before);
  const Json status = Json::parse(model.inspect("status"));
  if (status.contains("cursors")) CHECK((status["cursors"].empty() || status["cursors"] == 0));
}

TEST_CASE("monitor: any log played over the bus gives each instance the verdict and the deviations of replay (G161)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const auto log = random_log(random, 60);
  Watching watching;
  watching.watch();

  std::map<std::string, std::pair<std::string, std::string>> expected;
  auto loaded = load_definitions(watching.file());
  REQUIRE(loaded.definitions.size() == 1);
  Replay replay(*loaded.definitions.front(), [&](CheckedTrace&& trace) {
    std::string text;
    for (const auto& deviation : trace.deviations)
      text += std::string(word(deviation.kind)) + " " + deviation.event + " at " + std::to_string(deviation.index) +
              " missing " + Json(deviation.missing).dump() + " expected " + Json(deviation.expected).dump() + "\n";
    expected[trace.id] = {std::string(word(trace.verdict)), text};
  });
  for (const auto& [id, trace] : log) {
    replay.begin_trace(id);
    for (const auto& activity : trace) {
      LogEvent event;
      event.activity = activity;
      replay.event(event);
    }
    replay.end_trace();
  }

  // As laban play does, traces interleaved.
  Bus bus(watching.bus("laban-play"));
  std::vector<std::pair<std::string, std::size_t>> open;
  for (const auto& [id, trace] : log) open.emplace_back(id, 0);
  std::size_t events = 0;
  while (!open.empty()) {
    auto& [id, at] = open[random() % std::min<std::size_t>(open.size(), 7)];
    NewEvent event;
    event.type = log.at(id)[at];
    event.correlationid = id;
    event.headers.emplace_back("laban-definition", std::string("loan"));
    bus.publish(std::move(event));
    ++events;
    if (++at == log.at(id).size())
      open.erase(std::find_if(open.begin(), open.end(), [&](const auto& one) { return &one.first == &id; }));
  }
  REQUIRE(bus.flush(limit));
  REQUIRE(watching.monitor->wait_for(events, limit));
  for (const auto& [id, verdict] : expected) {
    CAPTURE(id);
    CAPTURE(Json(log.at(id)).dump());
    const Json shown = watching.get("/api/v1/instances/" + id);
    CHECK(shown["verdict"] == verdict.first);
    CHECK(text_of(shown["deviations"]) == verdict.second);
    CHECK(shown["events"].size() == log.at(id).size());
  }
}

TEST_CASE("monitor: what a publisher numbered and never came is counted under its name (G108)") {
  Watching watching;
  watching.watch();
  Bus bus(watching.bus("counter"));
  std::uint64_t last = 0;
  for (const std::uint64_t sequence : {1, 2, 5, 6, 9}) {
    NewEvent event;
    event.type = "asked";
    event.correlationid = "one-" + std::to_string(sequence);
    event.sequence = sequence;
    last = bus.publish_and_wait(std::move(event), limit).offset;
  }
  REQUIRE(watching.monitor->wait_for(last, limit));
  CHECK(watching.text("/metrics").find("laban_monitor_sequence_gaps_total{publisher=\"counter\"} 4") !=
        std::string::npos);
  CHECK(watching.text("/metrics").find("laban_monitor_sequence_gaps_total{publisher=\"hub\"} 0") != std::string::npos);
}

TEST_CASE(
    "monitor: a silence that no deadline is modelled for is told by what was learned, with step and service (G233)") {
  Watching watching("process: loan\nsteps:\n  - asked: {by: desk}\n  - checked: {by: risk}\n  - told: {by: desk}\n");
  auto options = watching.options();
  options.tracking.learn_after = 20;
  options.tracking.shortest_stall = 300ms;
  watching.monitor = std::make_unique<Monitor>(options);
  Bus desk(watching.bus("desk")), risk(watching.bus("risk"));
  const auto say = [&](Bus& bus, const char* type, const std::string& key) {
    NewEvent event;
    event.type = type;
    event.correlationid = key;
    return bus.publish_and_wait(std::move(event), limit).offset;
  };
  for (int i = 0; i < 25; ++i) {
    const std::string key = "quick-" + std::to_string(i);
    say(desk, "asked", key);
    say(risk, "checked", key);
    say(desk, "told", key);
  }
  say(desk, "asked", "forgotten");
  Json problem;
  CHECK(eventually(limit, [&] {
    const Json told = watching.get("/api/v1/problems");
    for (const auto& one : told["problems"])
      if (one["kind"] == "stuck") problem = one;
    return !problem.is_null();
  }));
  CHECK(problem["sample"] == "forgotten");
  CHECK(problem["step"] == "asked");
  CHECK(problem["waitsFor"] == Json{"checked"});
  CHECK(problem["from"] == Json{"risk"});
}
