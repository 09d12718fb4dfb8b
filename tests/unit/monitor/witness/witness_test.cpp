// tests/unit/monitor/witness/witness_test.cpp - the fold with its memory, driven event by event: whatever the batches and
// wherever it is killed, the answers are the same, and counts equal their lists.
#include "monitor/witness.hpp"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <set>

#include "laban/error.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/monitor/witness/followed.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace std::chrono_literals;
using namespace laban::test;

namespace {

void check_counts_equal_lists(Bench& bench) {
  const Json definition = bench.ask(&Api::definitions).at(0);
  std::uint64_t live = 0;
  for (const auto& [state, count] : definition["instances"].items()) {
    std::uint64_t total = 0;
    const auto rows = bench.list({{"state", state}, {"limit", "3"}}, total);
    CHECK(rows.size() == count);
    CHECK(total == count);
    for (const auto& row : rows) CHECK(row["state"] == state);
    if (state == "running" || state == "compensating") live += count.get<std::uint64_t>();
  }
  for (const auto& [verdict, count] : definition["verdicts"].items()) {
    std::uint64_t total = 0;
    CHECK(bench.list({{"verdict", verdict}}, total).size() == count);
  }
  std::map<std::string, std::uint64_t> at_step;
  const auto page = bench.ask(&Api::definition, {}, {"order"});
  for (const auto& step : page["steps"]) {
    at_step[step["name"]] += step["live"].get<std::uint64_t>();
  }
  for (const auto& [step, count] : at_step) {
    std::uint64_t total = 0;
    CHECK(bench.list({{"step", step}, {"state", "live"}}, total).size() == count);
    CHECK(total == count);
  }
  CHECK(definition["started"] == definition["ended"].get<std::uint64_t>() + live);
}

}  // namespace

TEST_CASE("witness: counts equal lists and started equals ended and live, at every commit (G130)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  for (const auto& event : random_events(random, 60)) {
    bench.see(event);
    if (random() % 12 != 0) continue;
    bench.commit();
    check_counts_equal_lists(bench);
  }
  bench.commit();
  check_counts_equal_lists(bench);
}

TEST_CASE("witness: killed between any two commits it gives byte for byte the same answers (G131)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const auto events = random_events(random, 40);
  const test::TemporaryDirectory quiet;
  Bench undisturbed(quiet.path());
  for (const auto& event : events) undisturbed.see(event);
  undisturbed.commit();

  const test::TemporaryDirectory directory;
  std::size_t kills = 0;
  std::uint64_t offset = 0;
  while (offset < events.size()) {
    Bench bench(directory.path());  // what the last one saw after its last commit is gone
    CHECK(bench.witness.offset() >= offset);
    offset = bench.witness.offset();
    while (offset < events.size()) {
      bench.see(events[offset]);
      ++offset;
      const auto dice = random() % 20;
      if (dice < 6 || offset == events.size()) bench.commit();
      if (dice == 19) break;
    }
    offset = bench.store.head().offset;
    ++kills;
  }
  Bench last(directory.path());
  CHECK(last.witness.offset() == events.size());
  CAPTURE(kills);
  CHECK(everything(last) == everything(undisturbed));
}

TEST_CASE("witness: an event that comes twice, and one that no definition names, change nothing") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  bench.see({1, "a", "order.placed", Time{1s}});
  bench.see({2, "a", "weather.changed", Time{2s}});
  bench.commit();
  const std::string before = everything(bench);
  bench.see({1, "a", "order.placed", Time{1s}});
  bench.commit();
  CHECK(everything(bench) == before);
  CHECK(bench.witness.offset() == 2);
  CHECK(bench.board.newest().counts->out_of_scope == 1);
  CHECK(bench.board.newest().counts->duplicates == 1);
}

TEST_CASE("witness: the bus's events with the monitor's own log give byte for byte the same answers again (G109)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const auto events = random_events(random, 60);
  std::string timed = order_yaml;
  timed.replace(timed.find("- payment.taken: {"), 18, "- payment.taken: {within: 700ms, ");
  const test::TemporaryDirectory live_directory, again_directory;
  Bench live(live_directory.path(), timed);
  std::vector<std::string> said;
  for (const auto& event : events) {
    live.see(event);
    // Silence, a gap and other versions, at any moment.
    if (random() % 6 == 0) live.witness.advance(event.time + std::chrono::milliseconds{random() % 400});
    if (random() % 50 == 0) live.witness.gap(event.offset, event.offset);
    if (random() % 30 == 0)
      live.witness.adopt(entries_of(timed + "# version " + std::to_string(random()) + "\n", "order.yaml", said));
    if (random() % 60 == 0) live.witness.adopt({});
    if (random() % 10 == 0) live.commit();
  }
  live.witness.advance(events.back().time + 2min);
  live.commit();

  const auto definitions = live.store.definitions();
  const auto log = live.store.view()->log();
  CHECK(std::count_if(log.begin(), log.end(), [](const auto& e) { return e.kind == LogEntry::Kind::advance; }) > 0);
  Bench again(again_directory.path(), timed);
  std::vector<LibraryEntry> library = entries_of(timed, "order.yaml", said);
  std::size_t next = 1;  // the first activation is the start's
  const auto follow_log = [&](std::uint64_t offset) {
    for (; next < log.size() && log[next].after_offset <= offset; ++next) {
      const LogEntry& entry = log[next];
      switch (entry.kind) {
        case LogEntry::Kind::advance:
          again.witness.advance(entry.time);
          break;
        case LogEntry::Kind::activate:
          library = entries_of(definitions[entry.definition].text, definitions[entry.definition].file, said);
          again.witness.adopt(library);
          break;
        case LogEntry::Kind::retire:
          library.clear();
          again.witness.adopt(library);
          break;
        case LogEntry::Kind::gap:
          again.witness.gap(entry.from, entry.to);
          break;
        default:
          break;
      }
    }
  };
  follow_log(0);
  for (const auto& event : events) {
    again.see(event);
    follow_log(event.offset);
    if (random() % 10 == 0) again.commit();
  }
  again.commit();
  CHECK(everything(again) == everything(live));
}

TEST_CASE("witness: forecasts the end of a live instance from those before it, and says how wrong it was (G232)") {
  const test::TemporaryDirectory directory;
  std::uint64_t offset = 0;
  Time time{1'000s};
  const auto tell = [&](Bench& bench, const std::string& key, const std::string& type, std::chrono::seconds later) {
    time += later;
    bench.see({++offset, key, type, time});
  };
  {
    Bench bench(directory.path());
    for (int i = 0; i < 40; ++i) {
      const std::string key = "order-" + std::to_string(i);
      const bool slow = i % 2 == 0;  // those that are refused take long
      tell(bench, key, "order.placed", 1s);
      tell(bench, key, slow ? "payment.refused" : "payment.taken", 10s);
      tell(bench, key, slow ? "order.cancelled" : "parcel.shipped", slow ? 100s : 20s);
      if (i % 7 == 0) bench.commit();
    }
  }  // the last ones come again: nothing was committed of them
  Bench bench(directory.path());
  const auto seen = bench.witness.offset();
  offset = 0;
  time = Time{1'000s};
  for (int i = 0; i < 40; ++i) {
    const std::string key = "order-" + std::to_string(i);
    const bool slow = i % 2 == 0;
    tell(bench, key, "order.placed", 1s);
    tell(bench, key, slow ? "payment.refused" : "payment.taken", 10s);
    tell(bench, key, slow ? "order.cancelled" : "parcel.shipped", slow ? 100s : 20s);
  }
  CHECK(seen < offset);
  tell(bench, "quick", "order.placed", 1s);
  tell(bench, "quick", "payment.taken", 10s);
  tell(bench, "slow", "order.placed", 1s);
  tell(bench, "slow", "payment.refused", 10s);
  bench.commit();
  CHECK(bench.ask(&Api::instance, {}, {"slow"})["forecast"]["remainingSeconds"] == doctest::Approx(100));
  CHECK(bench.ask(&Api::instance, {}, {"slow"})["forecast"]["samples"] == 20);
  CHECK(bench.ask(&Api::instance, {}, {"quick"})["forecast"]["remainingSeconds"] < 20.001);
  CHECK(bench.ask(&Api::instance, {}, {"order-1"})["forecast"].is_null());
  const Json definition = bench.ask(&Api::definition, {}, {"order"});
  REQUIRE(definition["forecast"].size() == 3);
  for (const auto& error : definition["forecast"]) CHECK(error["samples"].get<int>() > 10);
  CHECK(definition["forecast"][2]["meanErrorSeconds"].get<double>() <
        definition["forecast"][2]["naiveErrorSeconds"].get<double>() + 0.001);
  bool found = false;
  for (const auto& edge : definition["edges"]) {
    if (edge["from"] != "payment.refused" || edge["to"] != "order.cancelled") continue;
    found = true;
    CHECK(edge["count"] == 20);
    CHECK(edge["durationSeconds"]["mean"] == doctest::Approx(100));
  }
  CHECK(found);
}

TEST_CASE("witness: a cause that comes after what it caused is judged before it, also after a kill in between (G106)") {
  for (const bool killed : {false, true}) {
    const test::TemporaryDirectory directory;
    auto bench = std::make_unique<Bench>(directory.path());
    bench->see({1, "a", "order.placed", Time{1s}});
    bench->see({2, "a", "parcel.shipped", Time{2s}, "id-4"});
    bench->see({3, "b", "order.placed", Time{3s}});
    bench->commit();
    CHECK(bench->ask(&Api::instance, {}, {"a"})["verdict"] == "deviating");
    if (killed) {
      bench.reset();
      bench = std::make_unique<Bench>(directory.path());
    }
    bench->see({4, "a", "payment.taken", Time{4s}, "id-1"});
    bench->see({5, "b", "payment.taken", Time{5s}, "id-3"});
    bench->commit();
    const Json a = bench->ask(&Api::instance, {}, {"a"});
    CHECK(a["verdict"] == "conforming");
    CHECK(a["state"] == "completed");
    CHECK(a["deviations"].empty());
    CHECK(a["steps"] == Json{"parcel.shipped"});
    CHECK(a["events"].size() == 3);
    CHECK(bench->ask(&Api::instance, {}, {"b"})["verdict"] == "conforming");
    check_counts_equal_lists(*bench);
    const auto& statistics = bench->board.newest().counts->definitions.front()->statistics;
    CHECK(statistics.duration.count() == 1);
    CHECK(std::accumulate(statistics.passed.begin(), statistics.passed.end(), std::uint64_t{0}) == 5);
    CHECK(bench->board.newest().counts->definitions.front()->totals.events == 5);
  }
}

TEST_CASE("witness: a cursor keeps its instant while others follow") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  for (std::uint64_t i = 1; i <= 9; ++i)
    bench.see({i, "k" + std::to_string(i), "order.placed", Time{std::chrono::seconds{i}}});
  bench.commit();
  Json page = bench.ask(&Api::instances, {{"limit", "4"}});
  std::vector<std::string> seen;
  for (std::uint64_t next = 10; !page["next"].is_null(); ++next) {
    for (const auto& row : page["instances"]) seen.push_back(row["id"]);
    bench.see({next, "k1", "payment.taken", Time{std::chrono::seconds{next}}});
    bench.see({++next, "new" + std::to_string(next), "order.placed", Time{std::chrono::seconds{next}}});
    bench.commit();
    page = bench.ask(&Api::instances, {{"limit", "4"}, {"cursor", page["next"]}});
    CHECK(page["total"] == 9);
    CHECK(page["offset"] == 9);
  }
  for (const auto& row : page["instances"]) seen.push_back(row["id"]);
  CHECK(seen == std::vector<std::string>{"k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"});
}

TEST_CASE("witness: running instances stay on their version of a definition, new ones follow the new one (G132)") {
  const test::TemporaryDirectory directory;
  const std::string second = std::string(order_yaml) + "\n# changed\n";
  {
    Bench bench(directory.path());
    bench.see({1, "old", "order.placed", Time{1s}});
    bench.commit();
    std::vector<std::string> said;
    CHECK(bench.witness.adopt(entries_of(second, "order.yaml", said)).size() == 1);
    CHECK(bench.witness.adopt(entries_of(second, "order.yaml", said)).empty());
    bench.see({2, "new", "order.placed", Time{2s}});
    bench.see({3, "old", "payment.taken", Time{3s}});
    bench.commit();
  }
  Bench bench(directory.path(), second);
  CHECK(bench.ask(&Api::definitions).size() == 2);
  const Json old_one = bench.ask(&Api::instance, {}, {"old"});
  const Json new_one = bench.ask(&Api::instance, {}, {"new"});
  CHECK(old_one["version"] != new_one["version"]);
  CHECK(old_one["events"].size() == 2);
  CHECK(bench.ask(&Api::definitions).at(0)["instances"]["running"] == 1);
  CHECK(bench.ask(&Api::definitions).at(1)["instances"]["running"] == 1);
}

TEST_CASE("witness: refuses another log than the one that its store was built from (G133)") {
  const test::TemporaryDirectory directory;
  { Bench bench(directory.path()); }
  Store store(directory.path());
  Witness witness(store, {}, [](auto&&...) {});
  CHECK_NOTHROW(witness.follows(7, 0));
  CHECK_THROWS_AS(witness.follows(8, 0), Error);
  CHECK_THROWS_AS(witness.follows(7, 1), Error);
}

TEST_CASE(
    "witness: an accepted deviation shows its reason from its offset on, and changes no verdict and no count (G148)") {
  const test::TemporaryDirectory directory;
  Acceptance rule;
  rule.process = "order";
  rule.kind = DeviationKind::skipped;
  rule.missing = "payment.taken";
  rule.reason = "paid at the counter";
  std::string before;
  const auto deviation = [](Bench& bench, const std::string& key,
                            std::vector<std::pair<std::string, std::string>> at = {}) {
    return bench.ask(&Api::instance, std::move(at), {key})["deviations"].at(0);
  };
  {
    Bench bench(directory.path());
    bench.see({1, "a", "order.placed", Time{1s}});
    bench.see({2, "a", "parcel.shipped", Time{2s}});
    bench.commit();
    before = bench.ask(&Api::definitions).dump();
    CHECK_FALSE(deviation(bench, "a").contains("accepted"));
    CHECK(bench.witness.accept({rule}).size() == 1);
    CHECK(bench.witness.accept({rule}).empty());
    CHECK(bench.witness.dirty());
    bench.commit();
    CHECK(bench.store.view()->log().back().kind == LogEntry::Kind::accept);
    CHECK(bench.store.view()->log().back().after_offset == 2);
  }
  Bench bench(directory.path());
  CHECK(bench.ask(&Api::definitions).dump() == before);
  CHECK(deviation(bench, "a")["accepted"]["reason"] == "paid at the counter");
  CHECK(bench.ask(&Api::instance, {}, {"a"})["verdict"] == "deviating");
  CHECK(bench.ask(&Api::definition, {}, {"order"})["accepted"].size() == 1);
  bench.see({3, "b", "order.placed", Time{3s}});
  bench.commit();
  CHECK(bench.witness.accept({}).size() == 1);
  bench.see({4, "b", "payment.taken", Time{4s}});
  bench.commit();
  CHECK_FALSE(deviation(bench, "a").contains("accepted"));
  CHECK(deviation(bench, "a", {{"at", "2"}}).contains("accepted"));
  CHECK(bench.ask(&Api::definition, {{"at", "2"}}, {"order"})["accepted"].size() == 1);
}

TEST_CASE("api: what is asked wrongly is answered with what is allowed") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  const auto status_of = [&](std::vector<std::pair<std::string, std::string>> query) {
    try {
      bench.ask(&Api::instances, std::move(query));
    } catch (const HttpError& error) {
      return error.status();
    }
    return 200;
  };
  CHECK(status_of({{"state", "live,failed"},
                   {"flag", "stuck"},
                   {"verdict", "deviating,incomplete"},
                   {"sort", "longest"},
                   {"limit", "1"}}) == 200);
  CHECK(status_of({{"state", "gone"}}) == 400);
  CHECK(status_of({{"flag", "red"}}) == 400);
  CHECK(status_of({{"verdict", "good"}}) == 400);
  CHECK(status_of({{"sort", "name"}}) == 400);
  CHECK(status_of({{"limit", "0"}}) == 400);
  CHECK(status_of({{"limit", "1e3"}}) == 400);
  CHECK(status_of({{"cursor", "zz"}}) == 400);
  CHECK(status_of({{"cursor", "00000000000000010000"}}) == 400);
  CHECK(status_of({{"definition", "nobody"}}) == 404);
  CHECK(status_of({{"step", "nothing"}}) == 200);
  CHECK_THROWS_AS(bench.ask(&Api::instance, {}, {"nobody"}), HttpError);
  CHECK_THROWS_AS(bench.ask(&Api::definition, {}, {"nobody"}), HttpError);
}

TEST_CASE("api: an id is the key where it is unique, else it names the definition too") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  std::vector<std::string> said;
  auto entries = entries_of(order_yaml, "order.yaml", said);
  std::string other = order_yaml;
  other.replace(other.find("process: order"), 14, "process: parcel");
  for (auto& entry : entries_of(other, "parcel.yaml", said)) entries.push_back(entry);
  bench.see({1, "alone", "order.placed", Time{1s}});
  bench.witness.adopt(entries);
  bench.see({2, "x:y~2", "order.placed", Time{2s}});
  bench.commit();
  CHECK(bench.ask(&Api::instance, {}, {"alone"})["id"] == "alone");
  for (const char* id : {"order:x:y~2", "parcel:x:y~2"}) {
    CAPTURE(id);
    const Json found = bench.ask(&Api::instance, {}, {id});
    CHECK(found["id"] == id);
    CHECK(found["key"] == "x:y~2");
  }
}
