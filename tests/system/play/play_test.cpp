// tests/system/play/play_test.cpp - a recorded log played over the bus gets the verdicts that replay gives without one.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/demo/monitor_view.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_log.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::chrono_literals;
using namespace laban;
using demo::Child;
using nlohmann::json;
using test::eventually;
using test::HubProcess;

namespace {

constexpr auto patience = 60s;

constexpr const char* definition = "process: loan\nsteps: [asked, checked, decided, told]\n";

// Overlapping traces; the second lacks a step, the third has one twice.
constexpr const char* recording =
    "case:concept:name,concept:name,time:timestamp\n"
    "one,asked,2020-01-01T10:00:00Z\n"
    "one,checked,2020-01-01T10:00:03Z\n"
    "one,decided,2020-01-01T10:00:06Z\n"
    "one,told,2020-01-01T10:00:09Z\n"
    "two,asked,2020-01-01T10:00:01Z\n"
    "two,decided,2020-01-01T10:00:04Z\n"
    "two,told,2020-01-01T10:00:07Z\n"
    "three,asked,2020-01-01T10:00:02Z\n"
    "three,checked,2020-01-01T10:00:05Z\n"
    "three,checked,2020-01-01T10:00:08Z\n"
    "three,decided,2020-01-01T10:00:10Z\n"
    "three,told,2020-01-01T10:00:11Z\n";

struct Outcome {
  std::optional<demo::Ending> ending;
  std::string text;
};

Outcome run(const std::filesystem::path& log, std::vector<std::string> arguments) {
  Child child{{"laban", demo::own_directory() / "laban", std::move(arguments), {}}, log};
  child.start();
  Outcome outcome;
  eventually(patience, [&] { return (outcome.ending = child.ended()).has_value(); });
  std::ifstream file{log};
  outcome.text.assign(std::istreambuf_iterator<char>{file}, {});
  return outcome;
}

}  // namespace

TEST_CASE("play: a log played over the bus gets the verdicts of replay, in the order in which it happened (G161)") {
  test::TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "definitions");
  std::ofstream{directory / "definitions/loan.yaml"} << definition;
  std::ofstream{directory / "log.csv"} << recording;
  const auto log = (directory / "log.csv").string(), model = (directory / "definitions/loan.yaml").string();

  const auto replayed = run(directory / "replay.out", {"replay", log, "--definition", model, "--json"});
  const auto offline = json::parse(replayed.text, nullptr, false);
  INFO(replayed.text);
  REQUIRE(offline.is_object());
  std::map<std::string, std::string> expected;
  for (const auto& instance : offline["instances"]) expected[instance["id"]] = instance["verdict"];
  REQUIRE(expected ==
          std::map<std::string, std::string>{{"one", "conforming"}, {"two", "deviating"}, {"three", "deviating"}});

  HubProcess hub{directory.path()};
  const auto address = "127.0.0.1:" + std::to_string(demo::free_port(0));
  Child monitor{{"monitor",
                 demo::own_directory() / "laban",
                 {"monitor", "--hub", hub.endpoint(), "--definitions", (directory / "definitions").string(), "--data",
                  (directory / "monitor").string(), "--http", address},
                 {}},
                directory / "monitor.log"};
  monitor.start();
  const auto played = run(directory / "play.out", {"play", log, "--definition", model, "--hub", hub.endpoint()});
  INFO(played.text);
  REQUIRE(played.ending);
  CHECK(played.ending->exit_code == 0);
  CHECK(played.text.find("played 12 events of 3 traces") != std::string::npos);

  demo::MonitorView view{address};
  std::map<std::string, std::string> seen;
  CHECK(eventually(patience, [&] {
    seen.clear();
    const auto rows = view.instances("loan");
    if (!rows) return false;
    for (const auto& row : *rows) seen[row.id] = row.verdict;
    return seen == expected;
  }));
  for (const auto& [id, verdict] : expected) {
    INFO(id);
    CHECK(seen[id] == verdict);
  }
  std::vector<std::string> order;
  for (const auto& event : test::read_hub_log(hub.endpoint(), patience)) order.push_back(event.correlationid);
  CHECK(order == std::vector<std::string>{"one", "two", "three", "one", "two", "three", "one", "two", "three", "one",
                                          "three", "three"});
}

TEST_CASE("play: a log or definition that cannot be read is one line and exit code 2, before anything is published") {
  test::TemporaryDirectory directory;
  std::ofstream{directory / "loan.yaml"} << definition;
  std::ofstream{directory / "log.csv"} << recording;
  std::ofstream{directory / "empty.csv"};
  const auto good_log = (directory / "log.csv").string(), good_model = (directory / "loan.yaml").string();
  const std::vector<std::pair<std::string, std::string>> inputs{{(directory / "missing.xes").string(), good_model},
                                                                {(directory / "empty.csv").string(), good_model},
                                                                {good_log, (directory / "missing.bpmn").string()},
                                                                {good_log, good_log}};
  for (const auto& [log, model] : inputs) {
    const auto outcome = run(directory / "out", {"play", log, "--definition", model});
    INFO(log << " " << model << ": " << outcome.text);
    REQUIRE(outcome.ending);
    CHECK(outcome.ending->exit_code == 2);
    CHECK(outcome.text.starts_with("laban play: "));
    CHECK(std::count(outcome.text.begin(), outcome.text.end(), '\n') == 1);
    std::filesystem::remove(directory / "out");
  }
}
