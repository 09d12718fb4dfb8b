// tests/unit/bus/patterns/request_test.cpp - one asks, one answers, and what becomes of answers that nobody waits for.
#include <doctest/doctest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "laban/patterns/request.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using patterns::Answer;
using patterns::Requester;

namespace {

constexpr auto patience = 30s;

BusOptions options(Hub& hub, std::string service) {
  BusOptions to;
  to.service = std::move(service);
  to.hub = {hub.endpoint(), "", ""};
  to.linger = 100ms;
  return to;
}

NewEvent saying(std::string type, std::string text) {
  NewEvent event;
  event.type = std::move(type);
  event.subject = std::move(text);
  return event;
}

// A service that answers in upper spirits: what it got, and an exclamation mark.
class Echo {
 public:
  explicit Echo(Hub& hub) : bus_{options(hub, "echo")} {
    patterns::serve(bus_, "echo", [this](const Event& question) {
      ++asked;
      return saying("echo.told", std::string{question.subject()} + "!");
    });
    REQUIRE(bus_.wait_until_ready(patience));
    thread_ = std::jthread{[this](std::stop_token stop) { bus_.run(stop); }};
  }
  std::atomic<int> asked{0};

 private:
  Bus bus_;
  std::jthread thread_;
};

std::uint64_t ready_in(Hub& hub, const std::string& queue) {
  const auto answer = nlohmann::json::parse(hub.inspect("queues"));
  for (const auto& one : answer["queues"]) {
    if (one["name"] == queue) return one["ready"].get<std::uint64_t>();
  }
  return 0;
}

}  // namespace

TEST_CASE("request: a question to a service's queue gets its one answer, waited for or not (G195)") {
  HubFixture fixture;
  Hub& hub = fixture.start();
  Echo echo{hub};
  Requester ask{{.bus = options(hub, "asker")}};

  const Answer answer = ask.request("echo", saying("echo.asked", "hello"), patience);
  REQUIRE(answer);
  CHECK(answer.reply.subject == "hello!");

  std::vector<std::string> told(100);
  int ended = 0;
  for (int i = 0; i < 100; ++i) {
    ask.request("echo", saying("echo.asked", std::to_string(i)), patience, [&told, &ended, i](const Answer& one) {
      ++ended;
      if (one) told[static_cast<std::size_t>(i)] = one.reply.subject;
    });
  }
  REQUIRE(eventually(patience, [&] { return ask.poll(10ms), ended == 100; }));
  for (int i = 0; i < 100; ++i) CHECK(told[static_cast<std::size_t>(i)] == std::to_string(i) + "!");
  CHECK(ask.stats().replied == 101);
  CHECK(ask.stats().waiting == 0);
  CHECK(echo.asked == 101);
}

TEST_CASE("request: silence, a missing service and a wrong id are values (G196)") {
  HubFixture fixture;
  Hub& hub = fixture.start();
  Bus silent{options(hub, "silent")};
  silent.consume({"silent", 10, true}, [](const Event&, const Delivery&) { return Verdict::acknowledge; });
  REQUIRE(silent.wait_until_ready(patience));
  Requester ask{{.bus = options(hub, "asker")}};

  const Answer nobody = ask.request("no-such-service", saying("x", "?"), patience);
  CHECK(nobody.outcome == Answer::Outcome::refused);
  CHECK_FALSE(nobody.why.empty());
  const Answer none = ask.request("silent", saying("x", "?"), 50ms);
  CHECK(none.outcome == Answer::Outcome::timed_out);
  CHECK(none.why.find("silent") != std::string::npos);
  // The caller gave up: nobody works on its question any more.
  CHECK(eventually(patience, [&] {
    return nlohmann::json::parse(hub.inspect("queues", R"({"queue":"silent"})"))["queues"][0]["ledgered"] == 1;
  }));
}

TEST_CASE("request: replies that come late, twice, or to a caller that is gone are kept in laban.parking (G197)") {
  HubFixture fixture;
  Hub& hub = fixture.start();
  std::vector<NewEvent> questions;
  Bus service{options(hub, "slow")};
  service.consume({"slow", 10, true}, [&](const Event& question, const Delivery&) {
    questions.push_back(copy_of(question));
    return Verdict::acknowledge;
  });
  REQUIRE(service.wait_until_ready(patience));
  const auto answer = [&](const NewEvent& question) {
    auto reply = saying("slow.told", "at last");
    reply.exchange = "amq.default";
    reply.routingkey = question.replyto;
    reply.causationid = question.id;
    return service.publish_and_wait(reply);
  };
  std::string replies;
  {
    Requester ask{{.bus = options(hub, "asker")}};
    replies = ask.reply_queue();
    std::vector<Answer::Outcome> outcomes;
    const auto note = [&](const Answer& one) { outcomes.push_back(one.outcome); };
    ask.request("slow", saying("slow.asked", "1"), patience, note);
    REQUIRE(eventually(patience, [&] { return service.poll(10ms), ask.poll(1ms), questions.size() == 1; }));
    CHECK(answer(questions[0]).queues == 1);
    CHECK(answer(questions[0]).queues == 1);
    REQUIRE(eventually(patience, [&] { return ask.poll(10ms), ask.stats().orphaned == 1; }));
    CHECK(outcomes == std::vector{Answer::Outcome::replied});
    CHECK(eventually(patience, [&] { return ask.poll(1ms), ready_in(hub, "laban.parking") == 1; }));
  }
  REQUIRE(eventually(patience, [&] {
    return hub.inspect("queues").find(replies) == std::string::npos;  // went with its caller
  }));

  const Confirm late = answer(questions[0]);

  CHECK(late.unroutable);
  CHECK(late.queues == 0);
  CHECK(ready_in(hub, "laban.parking") == 2);
}

TEST_CASE("request: a caller goes on after a crash of the hub (G195)") {
  HubFixture fixture;
  fixture.start();
  Echo echo{*fixture.hub};
  Requester ask{{.bus = options(*fixture.hub, "asker")}};
  REQUIRE(ask.request("echo", saying("echo.asked", "one"), patience));
  fixture.crash_and_start();
  CHECK(eventually(patience, [&] { return bool(ask.request("echo", saying("echo.asked", "two"), 500ms)); }));
}
