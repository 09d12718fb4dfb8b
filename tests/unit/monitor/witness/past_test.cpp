// tests/unit/monitor/witness/past_test.cpp - every instant of the past against a witness that was stopped there, and what
// retention leaves of the past and of the present.
#include "monitor/past.hpp"

#include <doctest/doctest.h>

#include <map>

#include "laban/error.hpp"
#include "monitor/core/event_log.hpp"
#include "monitor/keeper.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/monitor/witness/followed.hpp"

using namespace laban;
using namespace laban::test;

namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

// What an instant says, without sentences: these speak of how long something has been silent.
std::string told(Bench& bench, Query at) {
  std::string out = bench.ask(&Api::definitions, at).dump() + "\n";
  std::uint64_t total = 0;
  for (const char* sort : {"newest", "stalest", "longest"}) {
    Query query = at;
    query.insert(query.end(), {{"limit", "7"}, {"sort", sort}});
    const auto rows = bench.list(query, total);
    CHECK(rows.size() == total);
    for (const auto& row : rows) {
      out += row.dump() + "\n";
      if (sort != std::string("newest")) continue;
      Json shown = bench.ask(&Api::instance, at, {row["id"]});
      for (const char* of_now : {"explanation", "forecast"}) shown.erase(of_now);
      out += shown.dump() + "\n";
    }
  }
  return out;
}

// Each count that an instant tells is the length of its list.
void check_counts(Bench& bench, const Query& at) {
  const auto listed = [&](Query query) {
    query.insert(query.end(), at.begin(), at.end());
    std::uint64_t total = 0;
    const auto rows = bench.list(query, total);
    CHECK(rows.size() == total);
    return total;
  };
  std::uint64_t all = 0;
  for (const auto& definition : bench.ask(&Api::definitions, at)) {
    const Query of{{"definition", definition["id"]}, {"version", definition["version"]}};
    const auto with = [&](const char* name, const std::string& value) {
      Query query = of;
      query.emplace_back(name, value);
      return listed(query);
    };
    for (const auto& [state, count] : definition["instances"].items()) {
      CHECK(with("state", state) == count);
      all += count.get<std::uint64_t>();
    }
    for (const auto& [verdict, count] : definition["verdicts"].items()) CHECK(with("verdict", verdict) == count);
    for (const auto& [flag, count] : definition["flags"].items()) CHECK(with("flag", flag) == count);
  }
  CHECK(listed({}) == all);
  std::uint64_t told_at_once = 0;
  const Json status = bench.ask(&Api::status, at);
  for (const auto& [state, count] : status["instances"].items()) told_at_once += count.get<std::uint64_t>();
  CHECK(told_at_once == all);
}

Query at_offset(std::uint64_t offset) {
  return {{"at", std::to_string(offset)}};
}

// Time that goes on without events: long enough that what was provisional is settled and what may end has ended.
void pass_time(Bench& bench, std::mt19937_64& random, Time& last) {
  if (random() % 10 != 0) return;
  last += std::chrono::seconds{random() % 3 == 0 ? 100'000 : 70};
  bench.witness.advance(last);
}

void ask_every_instant(std::mt19937_64& random, std::vector<TestEvent> events) {
  const test::TemporaryDirectory directory, stopped_directory;
  std::map<std::uint64_t, std::string> then;
  std::map<std::uint64_t, Time> times;
  Bench bench(directory.path());
  Keeper keeper(bench.store, {}, 24);
  {
    Bench stopped(stopped_directory.path());
    then[0] = told(stopped, {});
    Time last{};
    Time shift{};
    for (auto& event : events) {
      event.time += shift.time_since_epoch();
      last = std::max(last, event.time);
      const Time before = last;
      for (Bench* one : {&bench, &stopped}) {
        one->see(event);
        last = before;
        auto dice = random;  // the same for both
        pass_time(*one, dice, last);
      }
      random();
      if (random() % 16 == 0) {
        std::vector<std::string> said;
        const std::string changed = std::string(order_yaml) + "\n# " + std::to_string(event.offset) + "\n";
        for (Bench* one : {&bench, &stopped}) one->witness.adopt(entries_of(changed, "order.yaml", said));
      }
      shift += last - before;
      stopped.commit();
      then[event.offset] = told(stopped, {});
      times[event.offset] = last;
      if (random() % 9 != 0) continue;
      bench.commit();
      keeper.look(bench.board.newest());
    }
  }
  bench.commit();
  keeper.look(bench.board.newest());  // chance may not have looked once
  for (const auto& [offset, answer] : then) {
    CAPTURE(offset);
    CHECK(told(bench, at_offset(offset)) == answer);
    check_counts(bench, at_offset(offset));
    if (!times.contains(offset)) continue;
    const auto time = bench.ask(&Api::status, at_offset(offset))["lastEventAt"];
    CHECK(bench.ask(&Api::status, at_offset(offset))["offset"] == offset);
    CHECK_FALSE(time.is_null());
    CHECK(told(bench, {{"at", rfc3339(times[offset])}}) == answer);
  }
  CHECK(bench.store.view()->checkpoint(~std::uint64_t{0}).has_value());
}

}  // namespace

TEST_CASE("past: at any offset and time the answers are those of a witness that was stopped there (G143)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  ask_every_instant(random, random_events(random, 30));
}

TEST_CASE("past: the same where causes come after what they caused, and instances are followed anew (G143)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  auto events = random_events(random, 14);
  name_causes(events, random);
  ask_every_instant(random, std::move(events));
}

TEST_CASE("past: wrong instants are refused with what is allowed") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  bench.see({1, "a", "order.placed", Time{1s}});
  bench.commit();
  for (const char* wrong : {"yesterday", "-1", "1e3", "99999999999999999999999", "2026-13-40T00:00:00Z"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(bench.ask(&Api::status, {{"at", wrong}}), HttpError);
  }
  CHECK_THROWS_AS(bench.ask(&Api::status, {{"when", "1"}}), HttpError);
  CHECK_THROWS_AS(bench.ask(&Api::services, {{"at", "1"}}), HttpError);
  CHECK(bench.ask(&Api::status, {{"at", "7"}})["offset"] == 1);
  CHECK_THROWS_AS(bench.ask(&Api::instance, {{"at", "0"}}, {"a"}), HttpError);
}

TEST_CASE(
    "retention: what ended long ago goes, totals stay, and counts equal lists at every instant that is left (G144)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory directory;
  const auto events = random_events(random, 120);
  Retention retention;
  retention.age = 20s;
  std::uint64_t started = 0;
  {
    Bench bench(directory.path());
    Keeper keeper(bench.store, retention, 16);
    for (const auto& event : events) {
      bench.see(event);
      if (random() % 4 != 0) continue;
      const LetGo found = keeper.look(bench.board.newest());
      bench.witness.remove(found.rows);
      if (found.past) bench.witness.forget_past(*found.past);
      bench.commit();
    }
    bench.commit();
    started = bench.ask(&Api::definitions).at(0)["started"];
  }
  Bench bench(directory.path());  // and all of it survives a restart
  const Json definition = bench.ask(&Api::definitions).at(0);
  CHECK(definition["started"] == started);
  std::uint64_t total = 0;
  const auto rows = bench.list({}, total);
  CHECK(total < started);
  const Time now = bench.store.head().clock;
  for (const auto& event : events) {
    // Nothing younger is gone.
    if (now - event.time < 20s) CHECK_NOTHROW(bench.ask(&Api::instance, {}, {event.key}));
  }
  const std::uint64_t forgotten = bench.store.head().forgotten;
  REQUIRE(forgotten > 0);
  const std::uint64_t first = bench.store.view()->checkpoint(forgotten)->offset;
  CHECK_THROWS_AS(bench.ask(&Api::status, at_offset(first - 1)), HttpError);
  for (std::uint64_t offset = first; offset <= bench.witness.offset(); ++offset) {
    CAPTURE(offset);
    check_counts(bench, at_offset(offset));
  }
}

TEST_CASE("retention: by definition and by size; live instances are always kept") {
  const test::TemporaryDirectory directory;
  Bench bench(directory.path());
  std::uint64_t offset = 0;
  const auto see = [&](const std::string& key, const char* type) {
    ++offset;
    bench.see({offset, key, type, Time{std::chrono::seconds{offset}}});
  };
  see("lives", "order.placed");
  for (int i = 0; i < 50; ++i) {
    for (const char* type : {"order.placed", "payment.taken", "parcel.shipped"}) see("o-" + std::to_string(i), type);
  }
  bench.commit();
  const auto left = [&](Retention retention) {
    Keeper keeper(bench.store, std::move(retention), 8);
    for (int round = 0; round < 4; ++round) {
      const LetGo found = keeper.look(bench.board.newest());
      bench.witness.remove(found.rows);
      if (found.past) bench.witness.forget_past(*found.past);
      see("lives", "payment.taken");
      bench.commit();
    }
    std::uint64_t total = 0;
    bench.list({}, total);
    return total;
  };
  Retention other;
  other.by_definition["parcel"] = 1s;
  CHECK(left(other) == 51);
  Retention size;
  size.bytes = 1;
  CHECK(left(size) == 1);
  CHECK_NOTHROW(bench.ask(&Api::instance, {}, {"lives"}));
  // A key that was let go begins anew.
  see("o-1", "order.placed");
  bench.commit();
  CHECK(bench.ask(&Api::instance, {}, {"o-1"})["events"].size() == 1);
  CHECK(bench.ask(&Api::definitions).at(0)["started"] == 52);
}
