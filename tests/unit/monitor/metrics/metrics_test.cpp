// tests/unit/monitor/metrics/metrics_test.cpp - what a scrape sees.
#include "monitor/edge/metrics/metrics.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/temporary_directory.hpp"

using namespace laban::monitor;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<DefinitionCounts> counts(const std::string& id, const std::string& version,
                                         std::vector<std::string> steps) {
  auto out = std::make_shared<DefinitionCounts>();
  out->facts = std::make_shared<DefinitionFacts>(DefinitionFacts{0, id, version, id, true, steps, steps});
  out->statistics = Statistics(steps.size());
  return out;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics: every series of a definition is there with 0 before anything happened (G126)") {
  Snapshot snapshot;
  snapshot.definitions.push_back(counts("order", "1", {"paid"}));
  const std::string text = render_metrics(snapshot, {});
  for (const char* line : {
           "laban_monitor_events_total{process=\"order\"} 0",
           "laban_monitor_instances{process=\"order\",state=\"running\"} 0",
           "laban_monitor_instances{process=\"order\",state=\"compensated\"} 0",
           "laban_monitor_instances_started_total{process=\"order\"} 0",
           "laban_monitor_instances_ended_total{process=\"order\",outcome=\"failed\"} 0",
           "laban_monitor_deviations_total{process=\"order\",kind=\"out-of-order\"} 0",
           "laban_monitor_instances_flagged{process=\"order\",flag=\"stuck\"} 0",
           "laban_monitor_compensations_owed{process=\"order\"} 0",
           "laban_monitor_instance_duration_seconds_count{process=\"order\"} 0",
           "laban_monitor_step_duration_seconds_bucket{process=\"order\",step=\"paid\",le=\"+Inf\"} 0",
           "laban_monitor_sequence_gaps_total{publisher=\"hub\"} 0",
           "laban_monitor_lag_events 0",
       }) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
}

TEST_CASE("metrics: versions of a definition add up to its process") {
  Snapshot snapshot;
  snapshot.offset = 5;
  snapshot.head = 9;
  auto one = counts("order", "1", {"paid", "sent"});
  auto two = counts("order", "2", {"sent"});
  one->totals.started = 3;
  two->totals.started = 4;
  one->statistics.enter({InstanceState::running, Verdict::conforming, flag_late}, {0});
  two->statistics.enter({InstanceState::running, Verdict::deviating, 0}, {0});
  one->statistics.step_duration[1].add(500ms);
  two->statistics.step_duration[0].add(5s);
  snapshot.definitions = {one, two};
  const std::string text = render_metrics(snapshot, {});
  CHECK(has_line(text, "laban_monitor_instances_started_total{process=\"order\"} 7"));
  CHECK(has_line(text, "laban_monitor_instances{process=\"order\",state=\"running\"} 2"));
  CHECK(has_line(text, "laban_monitor_instances_flagged{process=\"order\",flag=\"late\"} 1"));
  CHECK(has_line(text, "laban_monitor_step_duration_seconds_bucket{process=\"order\",step=\"sent\",le=\"1\"} 1"));
  CHECK(has_line(text, "laban_monitor_step_duration_seconds_bucket{process=\"order\",step=\"sent\",le=\"10\"} 2"));
  CHECK(has_line(text, "laban_monitor_lag_events 4"));
}

TEST_CASE("metrics: step durations can be turned off") {
  Snapshot snapshot;
  snapshot.definitions.push_back(counts("order", "1", {"paid"}));
  MetricsOptions options;
  options.step_durations = false;
  CHECK(render_metrics(snapshot, options).find("step_duration") == std::string::npos);
}

TEST_CASE("metrics: promtool check metrics finds nothing to say (G127)") {
  if (std::system("promtool --version > /dev/null 2>&1") != 0) {
    MESSAGE("SKIPPED: promtool is not installed (Debian package prometheus)");
    return;
  }
  Snapshot snapshot;
  snapshot.definitions.push_back(counts("order \"quoted\" \\ and\nbroken", "1", {"paid", "Wäre \"x\""}));
  const laban::test::TemporaryDirectory directory;
  std::ofstream(directory.path() / "metrics.txt") << render_metrics(snapshot, {});
  const std::string command = "promtool check metrics < '" + (directory.path() / "metrics.txt").string() + "' > '" +
                              (directory.path() / "said.txt").string() + "' 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream said(directory.path() / "said.txt");
  std::stringstream text;
  text << said.rdbuf();
  CAPTURE(text.str());
  CHECK(status == 0);
  CHECK(text.str().empty());
}
