// tests/unit/bus/hub/asking_test.cpp - what the hub tells of an event: its confirm, where it went, where it would go.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/raw_client.hpp"

using namespace laban;
using namespace laban::test;
using nlohmann::json;

TEST_CASE(
    "asking: an event that nobody took reached no queue, one that an alternate exchange took reached its queues "
    "(G190)") {
  HubFixture fixture;
  const HubAddress hub{fixture.start().endpoint(), "", ""};
  Model model{hub};
  QueueSpec rest;
  rest.name = "rest";
  model.declare(rest);
  ExchangeSpec spare;
  spare.name = "spare";
  spare.type = "fanout";
  model.declare(spare);
  model.bind({"spare", "rest", {}, "", {}});
  ExchangeSpec main;
  main.name = "main";
  main.alternate = "spare";
  model.declare(main);
  RawClient client{hub.endpoint};
  REQUIRE(client.hello("p1"));
  auto taken_elsewhere = raw_event("b", "nobody.cares");
  taken_elsewhere.exchange = "main";

  const auto runs = client.publish(1, {raw_event("a", "nobody.cares"), taken_elsewhere});

  REQUIRE(runs.size() == 2);
  CHECK(runs[0].unroutable);
  CHECK(runs[0].queues == 0);
  CHECK(runs[1].unroutable);
  CHECK(runs[1].queues == 1);
  CHECK(json::parse(fixture.hub->inspect("queues", R"({"queue":"laban.parking"})"))["queues"][0]["ready"] == 1);
}

TEST_CASE("asking: a second hub on the same HTTP address is told so in one line and does not start (G191)") {
  HubFixture first;
  first.options.http = "127.0.0.1:0";
  first.start();
  HubFixture second;
  second.options.http = first.hub->http_address();
  try {
    second.start();
    FAIL("two hubs share an HTTP address");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::in_use);
    const std::string what = error.what();
    CHECK(what.find(second.options.http) != what.npos);
    CHECK(what.find(": ") != what.npos);
    CHECK(what.find('\n') == what.npos);
  }
  CHECK(first.hub->running());
}

namespace {

// Asks until the answer is whole, as the tools do.
json explain(Hub& hub, json question, int* steps = nullptr) {
  json answer;
  for (int step = 1; step <= 1'000; ++step) {
    answer = json::parse(hub.inspect("explain", question.dump()));
    if (steps != nullptr) *steps = step;
    if (!answer.contains("more")) return answer;
    question = answer["more"];
  }
  FAIL("explain does not end");
  return answer;
}

json fate(const json& answer, const std::string& queue) {
  for (const auto& one : answer["fates"]) {
    if (one["queue"] == queue) return one;
  }
  return json::object();
}

std::vector<std::string> lints(const json& answer) {
  std::vector<std::string> codes;
  for (const auto& lint : answer["lints"]) {
    codes.push_back(lint["code"].get<std::string>() + " " + lint["subject"].get<std::string>());
  }
  std::sort(codes.begin(), codes.end());
  return codes;
}

bool has(const std::vector<std::string>& list, const std::string& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

QueueSpec queue_named(std::string name) {
  QueueSpec spec;
  spec.name = std::move(name);
  return spec;
}

}  // namespace

TEST_CASE("asking: an event's queues and what became of it in each are told from the log, also after a crash (G192)") {
  HubFixture fixture;
  fixture.start();
  const HubAddress hub{fixture.hub->endpoint(), "", ""};
  {
    Model model{hub};
    ExchangeSpec graveyard;
    graveyard.name = "graveyard";
    graveyard.type = "fanout";
    model.declare(graveyard);
    model.declare(queue_named("graves"));
    model.bind({"graveyard", "graves", {}, "", {}});
    auto doomed = queue_named("doomed");
    doomed.dead_letter_exchange = "graveyard";
    auto poisoned = queue_named("poisoned");
    poisoned.delivery_limit = 1;
    for (const auto& spec : {queue_named("done"), queue_named("waiting"), queue_named("dropped"), doomed, poisoned}) {
      model.declare(spec);
      model.bind({"amq.topic", spec.name, {}, "order.*", {}});
    }
  }
  Bus bus{{.service = "teller", .hub = hub, .linger = std::chrono::milliseconds{100}}};
  NewEvent event;
  event.id = "the-one";
  event.type = "order.placed";
  CHECK(bus.publish_and_wait(event).queues == 5);
  int handled = 0;
  const auto with = [&](const char* queue, Verdict verdict) {
    bus.consume({queue, 10, false}, [&handled, verdict](const Event&, const Delivery&) {
      ++handled;
      return verdict;
    });
  };
  with("done", Verdict::acknowledge);
  with("doomed", Verdict::reject);
  with("poisoned", Verdict::fail);
  REQUIRE(eventually(30s, [&] {
    bus.poll(10ms);
    const auto answer = explain(*fixture.hub, {{"id", "the-one"}});
    return fate(answer, "done")["state"] == "acknowledged" && fate(answer, "doomed")["state"] == "dead-lettered" &&
           fate(answer, "poisoned")["state"] == "parked";
  }));
  Model{hub}.unbind({"amq.topic", "done", {}, "order.*", {}});
  Model{hub}.delete_queue("dropped");

  for (const bool crash : {false, true}) {
    if (crash) fixture.crash_and_start();
    const auto answer = explain(*fixture.hub, {{"id", "the-one"}});
    CHECK(answer["queues"] == json({"done", "waiting", "dropped", "doomed", "poisoned"}));
    CHECK(answer["queuesNow"] == json({"doomed", "poisoned", "waiting"}));
    CHECK(fate(answer, "done")["state"] == "acknowledged");
    CHECK(fate(answer, "done")["consumer"].get<std::string>().find("teller") != std::string::npos);
    CHECK(fate(answer, "waiting")["state"] == "ready");
    CHECK(fate(answer, "dropped")["state"] == "dropped");
    CHECK(fate(answer, "dropped")["reason"] == "queue-deleted");
    CHECK(fate(answer, "doomed")["reason"] == "rejected");
    CHECK(fate(answer, "poisoned")["state"] == "parked");
    CHECK(fate(answer, "poisoned")["history"].size() == 1);
    REQUIRE(answer["copies"].size() == 1);
    CHECK(answer["copies"][0]["queues"] == json({"graves"}));
  }
}

TEST_CASE("asking: an event that nobody took is found in laban.parking, and an unknown id is told as such (G192)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p1"));
  REQUIRE(client.publish(1, {raw_event("a", "nobody.cares")}).size() == 1);

  const auto answer = explain(*fixture.hub, {{"id", "a"}});

  CHECK(answer["unroutable"] == true);
  CHECK(answer["queues"] == json({"laban.parking"}));
  CHECK(answer["queuesNow"].empty());
  CHECK(fate(answer, "laban.parking")["state"] == "ready");
  CHECK(explain(*fixture.hub, {{"id", "b"}})["found"] == false);
}

TEST_CASE("asking: one event is found among many in steps that leave the hub time for others (G193)") {
  HubFixture fixture;
  fixture.options.lease = std::chrono::minutes{10};  // this client sends no pings, and sanitizers make 20 MB a long way
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p1"));
  REQUIRE(client.declare_queue("all", "#"));
  client.say(codec::ClientMessage{codec::Consume{1, "all", 10'000}});
  std::vector<std::string> ids;
  for (int frame = 0; frame < 40; ++frame) {
    std::vector<NewEvent> events;
    for (int i = 0; i < 50; ++i) {
      ids.push_back(i % 2 == 0 ? new_id() : "event-" + std::to_string(ids.size()));
      auto event = raw_event(ids.back(), "order.placed");
      event.data.resize(10'000);
      events.push_back(std::move(event));
    }
    REQUIRE_FALSE(client.publish(static_cast<std::uint64_t>(frame) * 50 + 1, events).empty());
  }
  client.acknowledge(1, client.deliveries(ids.size()));

  int steps = 0;
  for (const std::size_t wanted : {std::size_t{0}, std::size_t{1}, ids.size() / 2, ids.size() - 1}) {
    json answer;
    CHECK(eventually(30s, [&] {
      answer = explain(*fixture.hub, {{"id", ids[wanted]}}, &steps);
      return fate(answer, "all")["state"] == "acknowledged";
    }));
    CHECK(answer["offset"] == wanted + 1);
  }
  CHECK(explain(*fixture.hub, {{"id", "event-none"}}, &steps)["found"] == false);
  CHECK(steps > 3);
}

TEST_CASE("asking: what looks like a mistake is told with exchanges and with explain (G194)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p1"));
  Model model{{fixture.hub->endpoint(), "", ""}};
  auto orphan = queue_named("orphan");
  orphan.dead_letter_exchange = "no-such-exchange";
  model.declare(orphan);
  model.bind({"amq.topic", "orphan", {}, "order.#", {}});
  model.bind({"amq.headers", "orphan", {}, "", {{"x-match", std::string{"any"}}}});
  model.declare(queue_named("served"));
  model.bind({"amq.topic", "served", {}, "order.#", {}});
  client.say(codec::ClientMessage{codec::Consume{1, "served", 10}});
  REQUIRE(client.publish(1, {raw_event("a", "ship.sunk"), raw_event("b", "order.placed")}).size() == 2);

  const auto all = lints(json::parse(fixture.hub->inspect("exchanges", "")));
  const auto of_order = lints(explain(*fixture.hub, {{"key", "order.placed"}}));
  const auto of_ship = lints(explain(*fixture.hub, {{"key", "ship.sunk"}}));

  CHECK(has(all, "binding-never-matches amq.headers"));
  CHECK(has(all, "dead-letter-missing orphan"));
  CHECK(has(all, "queue-unread orphan"));
  CHECK(has(all, "type-unconsumed ship.sunk"));
  CHECK_FALSE(has(all, "queue-unread served"));
  CHECK_FALSE(has(all, "type-unconsumed order.placed"));
  CHECK(has(of_order, "queue-unread orphan"));
  CHECK_FALSE(has(of_order, "type-unconsumed ship.sunk"));
  CHECK(has(of_ship, "type-unconsumed ship.sunk"));
  CHECK_FALSE(has(of_ship, "queue-unread orphan"));
}

TEST_CASE(
    "asking: the hub's metrics of the contract are one page that promtool finds clean and survive a restart (G198)") {
  HubFixture fixture;
  RawClient client{fixture.start().endpoint()};
  REQUIRE(client.hello("p1"));
  REQUIRE(client.declare_queue("billing", "order.*"));
  REQUIRE(client.publish(1, {raw_event("a", "order.placed"), raw_event("b", "nobody.cares")}).size() == 2);
  client.say(codec::ClientMessage{codec::Consume{1, "billing", 10}});
  client.acknowledge(1, client.deliveries(1));
  const std::vector<std::string> totals{
      "laban_hub_published_total{exchange=\"amq.topic\"} 2",  "laban_hub_confirmed_total 2",
      "laban_hub_unroutable_total{exchange=\"amq.topic\"} 1", "laban_hub_enqueued_total{queue=\"billing\"} 1",
      "laban_hub_acknowledged_total{queue=\"billing\"} 1",    "laban_hub_redelivered_total{queue=\"billing\"} 0",
      "laban_hub_enqueued_total{queue=\"laban.parking\"} 1",
  };
  const std::vector<std::string> others{
      "laban_hub_queue_messages{queue=\"billing\",state=\"ready\"}",
      "laban_hub_queue_messages{queue=\"billing\",state=\"unacknowledged\"}",
      "laban_hub_queue_messages{queue=\"billing\",state=\"delayed\"}",
      "laban_hub_queue_messages{queue=\"billing\",state=\"parked\"}",
      "# TYPE laban_hub_parked_total counter",
      "# TYPE laban_hub_lost_total counter",
      "# TYPE laban_hub_sync_seconds histogram",
      "laban_hub_log_bytes ",
      "laban_hub_disk_free_bytes ",
  };
  for (const bool restarted : {false, true}) {
    if (restarted) fixture.restart();
    CAPTURE(restarted);
    for (const auto& line : totals) {
      CAPTURE(line);
      CHECK(eventually(30s, [&] { return fixture.hub->metrics().find("\n" + line + "\n") != std::string::npos; }));
    }
    const auto page = fixture.hub->metrics();
    for (const auto& start : others) {
      CAPTURE(start);
      CHECK(page.find("\n" + start) != std::string::npos);
    }
    if (std::system("command -v promtool > /dev/null 2>&1") != 0) {
      MESSAGE("SKIPPED: promtool is not installed (Debian package prometheus)");
      continue;
    }
    const auto file = (fixture.directory / "metrics").string();
    std::ofstream{file} << page;
    CHECK(std::system(("promtool check metrics < '" + file + "'").c_str()) == 0);
  }
}
