// tests/contract/rules/exported_metrics_test.cpp - no alert and no panel asks for a metric that nobody exports.
#include <doctest/doctest.h>
#include <httplib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "monitor/monitor.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;

namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  REQUIRE_MESSAGE(in, file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

// The families of a scrape: every one has its TYPE line, also one that has no series yet.
std::set<std::string> families(const std::string& scrape) {
  std::set<std::string> out;
  const std::regex type("# TYPE (laban_[a-z0-9_]+) ([a-z]+)");
  for (std::sregex_iterator at(scrape.begin(), scrape.end(), type), end; at != end; ++at) {
    const std::string name = (*at)[1];
    out.insert(name);
    if ((*at)[2] == "histogram")
      for (const char* part : {"_bucket", "_sum", "_count"}) out.insert(name + part);
  }
  return out;
}

// What a running hub and a running monitor export.
struct Exported {
  Exported() {
    std::filesystem::create_directories(hub.directory / "definitions");
    std::ofstream(hub.directory / "definitions" / "order.yaml") << "process: order\nsteps:\n  - order.placed\n";
    hub.start();
    monitor::MonitorOptions options;
    options.hub.endpoint = hub.hub->endpoint();
    options.definitions = hub.directory / "definitions";
    options.data = hub.directory / "monitor";
    options.http = "127.0.0.1:0";
    const monitor::Monitor watching(options);
    httplib::Client client("127.0.0.1", watching.http_port());
    const auto scrape = client.Get("/metrics");
    REQUIRE(scrape);
    names = families(hub.hub->metrics());
    names.merge(families(scrape->body));
    REQUIRE(names.count("laban_hub_sync_seconds_bucket") == 1);
    REQUIRE(names.count("laban_monitor_instances") == 1);
  }
  test::HubFixture hub;
  std::set<std::string> names;
};

}  // namespace

TEST_CASE("metrics: each one that an alert rule, its test or a Grafana panel names is exported or recorded (G128)") {
  const Exported exported;
  const std::filesystem::path docker = std::filesystem::path(LABAN_SOURCE_DIR) / "docker";
  std::set<std::string> recorded;
  const std::regex record(R"(record:\s*(\S+))");
  const std::string rules = text_of(docker / "prometheus" / "laban.rules.yml");
  for (std::sregex_iterator at(rules.begin(), rules.end(), record), end; at != end; ++at) recorded.insert((*at)[1]);
  const std::regex metric(R"([a-z_:]*laban_(hub|monitor)[a-z0-9_:]+)");
  std::size_t named = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(docker)) {
    const auto extension = entry.path().extension();
    if (extension != ".json" && extension != ".yml") continue;
    const std::string text = text_of(entry.path());
    for (std::sregex_iterator at(text.begin(), text.end(), metric), end; at != end; ++at) {
      const std::string name = at->str();
      CAPTURE(entry.path().string());
      CAPTURE(name);
      const bool known =
          name.find(':') == std::string::npos ? exported.names.count(name) == 1 : recorded.count(name) == 1;
      CHECK(known);
      ++named;
    }
  }
  CHECK(named > 100);  // the files were found
}

TEST_CASE("metrics: docs/metrics.md has a word on each that is exported (G128)") {
  const Exported exported;
  const std::string page = text_of(std::filesystem::path(LABAN_SOURCE_DIR) / "docs" / "metrics.md");
  for (const auto& name : exported.names) {
    if (std::regex_search(name, std::regex("_(bucket|sum|count)$"))) continue;
    CAPTURE(name);
    const std::string shortened =
        "`" + std::regex_replace(name, std::regex("^laban_(hub|monitor)"), "");  // `_log_segments`
    const bool told = page.find("`" + name) != std::string::npos || page.find(shortened) != std::string::npos;
    CHECK(told);
  }
}
