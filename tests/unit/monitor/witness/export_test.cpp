// tests/unit/monitor/witness/export_test.cpp - lists as files: each row once, readable by what reads such files, and the same
// verdicts when they are replayed.
#include "monitor/export.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "monitor/core/replay.hpp"
#include "monitor/edge/xes/log_file.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/monitor/witness/followed.hpp"

using namespace laban;
using namespace laban::test;

namespace {

std::string exported(Bench& bench, const std::string& format,
                     std::vector<std::pair<std::string, std::string>> query = {}) {
  HttpRequest request;
  request.query = std::move(query);
  request.query.emplace_back("format", format);
  HttpResponse answer = bench.api.instances(request);
  std::string out = answer.body;
  while (auto piece = answer.more()) {
    CHECK(piece->size() < 1 << 20);
    out += *piece;
  }
  return out;
}

}  // namespace

TEST_CASE(
    "export: XES gives replay the verdicts and deviations that the monitor has; CSV and JSON have each row once "
    "(G145)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  for (const auto& event : random_events(random, 300)) bench.see(event);
  bench.see({100'000, "odd <&\"'> \x01 key", "order.placed", Time{1'800'000'000s}});
  bench.commit();

  const auto file = directory.path() / "log.xes";
  std::ofstream(file) << exported(bench, "xes");
  std::vector<std::string> said;
  std::vector<Finding> findings;
  auto definition = Definition::of(entries_of(order_yaml, "order.yaml", said).front().model, findings);
  std::map<std::string, CheckedTrace> traces;
  Replay replay(*definition, [&](CheckedTrace&& trace) { traces.emplace(trace.id, std::move(trace)); });
  read_log(file, {}, replay);

  std::uint64_t total = 0;
  const auto rows = bench.list({{"limit", "1000"}, {"sort", "newest"}}, total);
  CHECK(traces.size() == rows.size());
  for (const auto& row : rows) {
    const std::string id = row["id"];
    if (id.starts_with("odd")) continue;
    CAPTURE(id);
    REQUIRE(traces.contains(id));
    const CheckedTrace& trace = traces.at(id);
    CHECK(row["verdict"] == std::string(word(trace.verdict)));
    const Json shown = bench.ask(&Api::instance, {}, {id});
    REQUIRE(shown["deviations"].size() == trace.deviations.size());
    for (std::size_t i = 0; i < trace.deviations.size(); ++i)
      CHECK(shown["deviations"][i]["kind"] == std::string(word(trace.deviations[i].kind)));
  }

  const Json document = Json::parse(exported(bench, "json", {{"sort", "newest"}}));
  CHECK(document["total"] == rows.size());
  CHECK(document["instances"] == Json(rows));
  std::istringstream csv(exported(bench, "csv", {{"sort", "newest"}}));
  std::string line;
  std::getline(csv, line);
  CHECK(line.starts_with("id,definition,version,state,verdict"));
  std::size_t lines = 0;
  while (std::getline(csv, line)) ++lines;
  CHECK(lines == rows.size());
  CHECK(exported(bench, "csv", {{"state", "ended"}, {"limit", "3"}}).find("running") == std::string::npos);
}
