// tests/system/client/access_test.cpp - keys and grants, as clients over real sockets meet them.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/guarded_hub.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto limit = 60s;

NewEvent event(const std::string& type) {
  NewEvent result;
  result.type = type;
  return result;
}

QueueSpec queue(std::string name) {
  QueueSpec result;
  result.name = std::move(name);
  return result;
}

// What the hub said against it, or nothing.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("access: each principal may do what the file grants it, and is told what it may not (G320)") {
  GuardedHub fixture;
  fixture.grant(
      "payment",
      {{"publish", {"payment.*"}}, {"subscribe", {"order.#"}}, {"consume", {"payment"}}, {"declare", {"payment"}}});
  fixture.grant("watcher", {{"subscribe", {"#"}}});
  fixture.grant("operator", {{"admin", true}});
  fixture.start();

  Bus payment{fixture.bus("payment", "payment")};
  const auto taken = payment.publish_and_wait(event("payment.taken"));
  CHECK(taken.offset == 1);
  const auto denied = payment.publish_and_wait(event("order.placed"));
  CHECK(denied.refused);
  CHECK(denied.reason.find("payment may not publish 'order.placed'") != std::string::npos);

  Model model{fixture.as("payment")};
  CHECK(refusal([&] { model.declare(queue("payment")); }).empty());
  CHECK(refusal([&] { model.bind({"amq.topic", "payment", "", "order.*", {}}); }).empty());
  CHECK(refusal([&] {
          model.bind({"amq.topic", "payment", "", "#", {}});
        }).find("may not subscribe") != std::string::npos);
  CHECK(refusal([&] {
          model.bind({"amq.fanout", "payment", "", "order.placed", {}});
        }).find("may not subscribe") != std::string::npos);
  CHECK(refusal([&] { model.declare(queue("other")); }).find("may not declare 'other'") != std::string::npos);
  CHECK(refusal([&] { model.delete_queue("other"); }).find("may not declare") != std::string::npos);

  Model watching{fixture.as("watcher")};
  CHECK(refusal([&] { watching.declare(queue("payment")); }).find("may not declare") != std::string::npos);
  CHECK(refusal([&] { watching.save_cursor("held", 1); }).find("may not declare 'held'") != std::string::npos);
  CHECK(refusal([&] { watching.save_cursor("seen", 1, true); }).empty());
  CHECK(refusal([&] { Model{fixture.as("operator")}.declare(queue("other")); }).empty());

  // Who it was is written beside what it said, whatever it calls itself.
  Subscriber watcher{{"watcher", fixture.as("watcher")}};
  std::string principal;
  watcher.subscribe({.from = SubscriptionOptions::From::first},
                    [&](const Event& received) { principal = std::string{received.principal()}; });
  CHECK(eventually(limit, [&] {
    watcher.poll(5ms);
    return principal == "payment";
  }));
  Subscriber curious{{"payment", fixture.as("payment")}};
  curious.subscribe({}, [](const Event&) {});
  CHECK(refusal([&] {
          for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;)
            curious.poll(5ms);
        }).find("payment may not subscribe '#'") != std::string::npos);
}

TEST_CASE("access: a queue is not consumed, and nothing is said at most once, without a grant (G320)") {
  GuardedHub fixture;
  fixture.grant("operator", {{"admin", true}});
  fixture.grant("watcher", {{"subscribe", {"#"}}});
  fixture.start();
  Model{fixture.as("operator")}.declare(queue("work"));

  Bus watcher{fixture.bus("watcher", "watcher")};
  ConsumeOptions consume;
  consume.queue = "work";
  consume.declare = false;
  watcher.consume(consume, [](const Event&, const Delivery&) -> Settlement { return Verdict::acknowledge; });
  CHECK(refusal([&] {
          for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;)
            watcher.poll(5ms);
        }).find("watcher may not consume 'work'") != std::string::npos);

  Bus fleeting{fixture.bus("watcher", "fleeting")};
  REQUIRE(fleeting.wait_until_connected(limit));
  const auto counts = [&](const std::string& line) {
    return fixture.hub->metrics().find(line + "\n") != std::string::npos;
  };
  CHECK(eventually(limit, [&] {
    (void)fleeting.publish_at_most_once(event("tick"));
    return !counts("laban_hub_fleeting_dropped_total{reason=\"refused\"} 0");
  }));
  CHECK(counts("laban_hub_fleeting_events_total 0"));
}

TEST_CASE("access: a stranger, a client without keys and one that mistakes the hub are kept out and told why (G321)") {
  GuardedHub fixture;
  fixture.grant("payment", {{"publish", {"#"}}});
  fixture.start();
  fixture.new_key("stranger");
  const auto connects = [&](const HubAddress& address) {
    ExchangeSpec known;
    known.name = "amq.topic";
    known.passive = true;
    return refusal([&] { Model{address, 2s}.declare(known); });
  };
  CHECK(connects(fixture.as("payment")).empty());
  CHECK(connects(fixture.as("stranger")).find("the keys do not fit") != std::string::npos);
  CHECK(connects({fixture.options.listen, "", ""}).find("give --server-key and --key") != std::string::npos);
  auto mistaken = fixture.as("payment");
  mistaken.server_key = transport::generate_curve_keys().public_key;
  CHECK_FALSE(connects(mistaken).empty());
  CHECK(connects(fixture.as("payment")).empty());
}

TEST_CASE("access: a file that cannot be used is refused in one line, before anything starts (G321)") {
  GuardedHub fixture;
  fixture.grant("payment", {{"publish", {"#"}}});
  const auto starts_with = [&](const std::string& text) {
    std::ofstream(fixture.options.access_file) << text;
    return refusal([&] { fixture.start(); });
  };
  const auto key = fixture.access["payment"]["key"].get<std::string>();
  CHECK(starts_with("{").find("is no JSON") != std::string::npos);
  CHECK(starts_with("{}").find("names no principal") != std::string::npos);
  CHECK(starts_with(R"({"a": {"publish": ["#"]}})").find("a has no key") != std::string::npos);
  CHECK(starts_with(R"({"a": {"key": "short"}})").find("is not a CURVE key") != std::string::npos);
  CHECK(starts_with(R"({"a": {"key": ")" + key + R"(", "publsh": []}})").find("a.publsh is not known") !=
        std::string::npos);
  CHECK(starts_with(R"({"a": {"key": ")" + key + R"("}, "b": {"key": ")" + key + R"("}})").find("give each its own") !=
        std::string::npos);
  fixture.options.access_file.clear();
  CHECK(refusal([&] { fixture.start(); }).find("give both --key and --access") != std::string::npos);
  fixture.options.access_file = "/nowhere/access.json";
  CHECK(refusal([&] { fixture.start(); }).find("cannot be read") != std::string::npos);
}
