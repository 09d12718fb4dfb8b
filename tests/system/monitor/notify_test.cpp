// tests/system/monitor/notify_test.cpp - `laban notify` as a process beside a hub, a monitor and a webhook that fails now
// and then.
#include <doctest/doctest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include <spawn.h>
#include <sys/wait.h>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "laban/subscriber.hpp"
#include "monitor/monitor.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr auto limit = 30s;

// Takes notices; refuses each one's first delivery, so that only who tries again is heard.
class Hook {
 public:
  Hook() {
    server_.Post("/hook", [this](const httplib::Request& request, httplib::Response& response) {
      const Json told = Json::parse(request.body);
      const std::lock_guard lock(mutex_);
      if (refused_.insert(told["id"].get<std::string>()).second) {
        response.status = 503;
        return;
      }
      told_.push_back(told);
    });
    port = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~Hook() {
    server_.stop();
    thread_.join();
  }
  // "kind instance", in the order in which they came.
  std::vector<std::string> told() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& one : told_)
      out.push_back(one["kind"].get<std::string>() + " " + one["instance"].get<std::string>());
    return out;
  }
  Json first() const {
    const std::lock_guard lock(mutex_);
    return told_.at(0);
  }
  int port = 0;

 private:
  httplib::Server server_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::set<std::string> refused_;
  std::vector<Json> told_;
};

class Process {
 public:
  explicit Process(std::vector<std::string> words) {
    std::vector<char*> arguments;
    words.insert(words.begin(), LABAN_PROGRAM);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    REQUIRE(posix_spawn(&id_, LABAN_PROGRAM, nullptr, nullptr, arguments.data(), environ) == 0);
  }
  ~Process() { end(SIGKILL); }
  int end(int signal) {
    if (id_ == 0) return -1;
    kill(id_, signal);
    int status = 0;
    waitpid(id_, &status, 0);
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t id_ = 0;
};

struct Watched {
  Watched() {
    std::filesystem::create_directories(hub.directory / "definitions");
    std::ofstream(hub.directory / "definitions" / "order.yaml") << "process: order\nsteps:\n  - order.placed\n"
                                                                   "  - order.paid: {within: 300ms, by: payment}\n"
                                                                   "  - order.sent\n  - end: completed\n";
    hub.start();
    monitor::MonitorOptions options;
    options.hub.endpoint = hub.hub->endpoint();
    options.definitions = hub.directory / "definitions";
    options.data = hub.directory / "monitor";
    options.http = "127.0.0.1:0";
    monitor = std::make_unique<monitor::Monitor>(options);
    BusOptions speaker;
    speaker.service = "payment";
    speaker.hub.endpoint = hub.hub->endpoint();
    bus = std::make_unique<Bus>(speaker);
  }
  void say(const std::string& instance, const std::string& type) {
    NewEvent event;
    event.type = type;
    event.correlationid = instance;
    last = bus->publish_and_wait(std::move(event), limit).offset;
  }
  std::vector<std::string> notify(const std::vector<std::string>& more) const {
    std::vector<std::string> out{"notify", "--monitor", monitor->address(), "--cursor",
                                 (hub.directory / "cursor.json").string()};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  HubFixture hub;
  std::unique_ptr<monitor::Monitor> monitor;
  std::unique_ptr<Bus> bus;
  std::uint64_t last = 0;
};

}  // namespace

TEST_CASE(
    "laban notify: tells each webhook notice until it is taken, and after kill -9 neither twice nor not at all "
    "(G140)") {
  Watched watched;
  Hook hook;
  const std::vector<std::string> to_hook{"--webhook", "http://127.0.0.1:" + std::to_string(hook.port) + "/hook"};
  watched.say("before", "order.placed");
  watched.say("before", "order.paid");
  watched.say("before", "order.sent");
  REQUIRE(watched.monitor->wait_for(watched.last, limit));
  Process first(watched.notify(to_hook));
  REQUIRE(eventually(limit, [&] { return std::filesystem::exists(watched.hub.directory / "cursor.json"); }));
  watched.say("o-1", "order.placed");
  REQUIRE(eventually(limit, [&] { return hook.told().size() >= 1; }));
  const Json late = hook.first();
  CHECK(late["kind"] == "late");
  CHECK(late["instance"] == "o-1");
  CHECK(late["expected"] == Json{"order.paid"});
  CHECK(late["explanation"].get<std::string>().find("payment") != std::string::npos);
  watched.say("o-2", "order.placed");
  watched.say("o-2", "order.sent");  // skips the payment: deviating
  REQUIRE(eventually(limit, [&] {
    const auto told = hook.told();
    return std::count(told.begin(), told.end(), "ended o-2") == 1;
  }));
  first.end(SIGKILL);
  watched.say("o-3", "order.placed");
  watched.say("o-3", "order.paid");
  watched.say("o-3", "order.sent");
  REQUIRE(watched.monitor->wait_for(watched.last, limit));
  Process second(watched.notify(to_hook));
  REQUIRE(eventually(limit, [&] {
    const auto told = hook.told();
    return std::count(told.begin(), told.end(), "ended o-3") == 1;
  }));
  watched.say("o-1", "order.paid");
  watched.say("o-1", "order.sent");
  REQUIRE(eventually(limit, [&] {
    const auto told = hook.told();
    return std::count(told.begin(), told.end(), "ended o-1") == 1;
  }));
  CHECK(second.end(SIGTERM) == 0);
  const auto told = hook.told();
  for (const auto& one : told) {
    CAPTURE(one);
    // Killed between a delivery and its cursor the last notice may come again; its id is the same then.
    if (one != "ended o-2" && one != "deviating o-2") CHECK(std::count(told.begin(), told.end(), one) == 1);
    CHECK(one.find("before") == std::string::npos);
  }
}

TEST_CASE("laban notify: publishes on the exchange laban.monitor what a monitor sees (G141)") {
  Watched watched;
  std::vector<std::string> heard;
  ExchangeSpec exchange;
  exchange.name = "laban.monitor";
  Model{{.endpoint = watched.hub.hub->endpoint()}}.declare(exchange);
  SubscriberOptions options;
  options.hub.endpoint = watched.hub.hub->endpoint();
  Subscriber subscriber(options);
  SubscriptionOptions all;
  all.exchange = "laban.monitor";
  all.from = SubscriptionOptions::From::first;
  subscriber.subscribe(all, [&](const Event& event) { heard.push_back(std::string(event.type())); });
  Process notifier(watched.notify({"--publish", "--hub", watched.hub.hub->endpoint(), "--only", "late"}));
  REQUIRE(eventually(limit, [&] { return std::filesystem::exists(watched.hub.directory / "cursor.json"); }));
  watched.say("o-1", "order.placed");
  CHECK(eventually(limit, [&] {
    subscriber.poll(10ms);
    return heard == std::vector<std::string>{"laban.instance.late"};
  }));
}
