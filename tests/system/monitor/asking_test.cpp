// tests/system/monitor/asking_test.cpp - what the command line asks of a running monitor: lists as files, the past, and what a
// changed definition would say.
#include <doctest/doctest.h>
#include <httplib.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "laban/bus.hpp"
#include "monitor/monitor.hpp"
#include "tests/support/hub_fixture.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr auto limit = 60s;

const char* const order_yaml =
    "process: order\nsteps:\n  - order.placed\n  - order.paid\n  - order.sent\n  - end: completed\n";

struct Result {
  int code = -1;
  std::string out;
};

Result shell(const std::string& command) {
  Result result;
  FILE* pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
  REQUIRE(pipe);
  std::array<char, 4096> part{};
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) result.out.append(part.data(), got);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

Result run(const std::string& arguments) {
  return shell(std::string(LABAN_PROGRAM) + " " + arguments);
}

struct Watched {
  void watch() {
    monitor::MonitorOptions options;
    options.hub.endpoint = hub.hub->endpoint();
    options.definitions = hub.directory / "definitions";
    options.data = hub.directory / "monitor";
    options.http = "127.0.0.1:0";
    watching = std::make_unique<monitor::Monitor>(options);
  }
  Watched() {
    std::filesystem::create_directories(hub.directory / "definitions");
    std::ofstream(hub.directory / "definitions" / "order.yaml") << order_yaml;
    hub.start();
    watch();
    BusOptions shop;
    shop.service = "shop";
    shop.hub.endpoint = hub.hub->endpoint();
    shop.linger = 100ms;
    Bus bus(shop);
    std::uint64_t last = 0;
    const auto say = [&](const std::string& instance, const std::string& type) {
      NewEvent event;
      event.type = type;
      event.correlationid = instance;
      event.subject = "Ada Lovelace";
      last = bus.publish_and_wait(std::move(event), limit).offset;
    };
    for (const char* type : {"order.placed", "order.paid", "order.sent"}) say("whole", type);
    for (const char* type : {"order.placed", "order.sent"}) say("short", type);
    REQUIRE(watching->wait_for(last, limit));
  }
  std::string at() const { return " --monitor " + watching->address(); }

  HubFixture hub;
  std::unique_ptr<monitor::Monitor> watching;
};

}  // namespace

TEST_CASE("monitor: under load each count is its list's, now and at any offset that is asked for (G143)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const Watched watched;
  std::atomic<bool> done{false};
  std::thread load([&, dice = random()]() mutable {
    BusOptions options;
    options.service = "shop";
    options.hub.endpoint = watched.hub.hub->endpoint();
    options.linger = 100ms;
    Bus bus(options);
    std::mt19937_64 mine(dice);
    const char* const types[] = {"order.placed", "order.paid", "order.sent"};
    for (int i = 0; i < 400; ++i) {
      NewEvent event;
      event.type = types[mine() % 3];
      event.correlationid = "o-" + std::to_string(mine() % 60);
      bus.publish_and_wait(std::move(event), limit);
    }
    done = true;
  });
  httplib::Client client("127.0.0.1", watched.watching->http_port());
  client.set_keep_alive(true);
  const auto get = [&](const std::string& path) {
    const auto answer = client.Get(path.c_str());
    REQUIRE(answer);
    CAPTURE(path);
    CAPTURE(answer->body);
    REQUIRE(answer->status == 200);
    return Json::parse(answer->body);
  };
  for (int round = 0; round < 40 || !done; ++round) {
    const std::uint64_t head = get("/api/v1/status")["offset"];
    const std::string at = "at=" + std::to_string(random() % (head + 1));
    CAPTURE(at);
    const Json definition = get("/api/v1/definitions?" + at).at(0);
    for (const auto& [state, count] : definition["instances"].items()) {
      const Json list = get("/api/v1/instances?limit=1000&state=" + state + "&" + at);
      CHECK(list["total"] == count);
      CHECK(list["instances"].size() == count);
    }
    for (const auto& [verdict, count] : definition["verdicts"].items())
      CHECK(get("/api/v1/instances?limit=1000&verdict=" + verdict + "&" + at)["instances"].size() == count);
  }
  load.join();
}

TEST_CASE("laban shadow: tells whose verdict a changed definition would change, and changes nothing (G147)") {
  const Watched watched;
  const auto changed = watched.hub.directory / "next.yaml";
  std::ofstream(changed) << "process: order\nsteps:\n  - order.placed\n  - order.sent\n  - end: completed\n";
  const Result told = run("shadow " + changed.string() + " --json" + watched.at());
  CAPTURE(told.out);
  CHECK(told.code == 1);
  const Json document = Json::parse(told.out);
  CHECK(document["instances"] == 2);
  CHECK(document["changed"] == 2);
  std::map<std::string, std::string> then;
  for (const auto& row : document["differences"]) then[row["id"]] = row["then"];
  CHECK(then == std::map<std::string, std::string>{{"whole", "deviating"}, {"short", "conforming"}});
  const auto same = watched.hub.directory / "same.yaml";
  std::ofstream(same) << order_yaml;
  CHECK(run("shadow " + same.string() + watched.at()).code == 0);
  CHECK(run("shadow " + changed.string() + "x" + watched.at()).code == 2);
  const Json now = Json::parse(run("ps --json" + watched.at()).out);
  CHECK(now["total"] == 2);
}

TEST_CASE(
    "laban monitor: a disk that takes no more ends it with its name; with room again it goes on where it stood "
    "(G146)") {
  Watched watched;
  {
    BusOptions options;
    options.service = "shop";
    options.hub.endpoint = watched.hub.hub->endpoint();
    options.linger = 10s;
    Bus bus(options);
    std::uint64_t last = 0;
    for (int i = 0; i < 700; ++i) {
      NewEvent event;
      event.type = "order.placed";
      event.correlationid = "o-" + std::to_string(i) + std::string(200, 'x');
      last = bus.publish_and_wait(std::move(event), limit).offset;
    }
    REQUIRE(watched.watching->wait_for(last, limit));
  }
  const Json before = Json::parse(run("ps --json --sort newest" + watched.at()).out);
  watched.watching.reset();
  std::filesystem::remove_all(watched.hub.directory / "monitor");
  const std::string program = std::string(LABAN_PROGRAM) + " monitor --definitions " +
                              (watched.hub.directory / "definitions").string() + " --data " +
                              (watched.hub.directory / "monitor").string() + " --http 127.0.0.1:0 --hub " +
                              watched.hub.hub->endpoint();
  // So many KiB a file: no room at the start, and none after a while.
  for (const char* room : {"1", "300"}) {
    const Result ended = shell(std::string("trap '' XFSZ; ulimit -f ") + room + "; exec timeout -s KILL 60 " + program);
    CAPTURE(room);
    CAPTURE(ended.out);
    CHECK(ended.code == 2);
    CHECK(ended.out.find("laban monitor: the store in " + (watched.hub.directory / "monitor").string()) !=
          std::string::npos);
  }
  watched.watch();
  REQUIRE(watched.watching->wait_for(before["offset"], limit));
  const Json after = Json::parse(run("ps --json --sort newest" + watched.at()).out);
  CHECK(after["instances"] == before["instances"]);
}

TEST_CASE("laban ps: finds by words, asks the past, and writes lists as files that replay reads") {
  const Watched watched;
  CHECK(Json::parse(run("ps --json --text 'ada love'" + watched.at()).out)["total"] == 2);
  CHECK(Json::parse(run("ps --json --text whol" + watched.at()).out)["total"] == 1);
  CHECK(Json::parse(run("ps --json --at 3" + watched.at()).out)["total"] == 1);
  const auto log = watched.hub.directory / "log.xes";
  CHECK(run("ps --format xes" + watched.at() + " > " + log.string()).code == 0);
  const Json replayed = Json::parse(run("replay " + log.string() + " --json --definition " +
                                        (watched.hub.directory / "definitions" / "order.yaml").string())
                                        .out);
  CHECK(replayed["cases"] == 2);
  CHECK(replayed["deviations"]["skipped"] == 1);
  const Result csv = run("ps --format csv --state ended" + watched.at());
  CHECK(std::count(csv.out.begin(), csv.out.end(), '\n') == 3);
  CHECK(run("ps --started-from yesterday" + watched.at()).code == 2);
}
