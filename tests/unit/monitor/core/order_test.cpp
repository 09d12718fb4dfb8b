// tests/unit/monitor/core/order_test.cpp - feeds that do not respect causes: what arrives in any order that causes allow comes to
// the verdicts, totals and times of the canonical order; publishers' numbers tell what never came.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "monitor/core/causal_hold.hpp"
#include "monitor/core/causal_order.hpp"
#include "monitor/core/sequence_gaps.hpp"
#include "monitor/core/tracker.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/random_process.hpp"
#include "tests/unit/monitor/core/sequence.hpp"

using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

const Time noon{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1} + 12h};

struct Said {
  std::uint64_t offset = 0;
  std::string id, cause, key, type;
  Time time{};
};

Observation observation_of(const Said& said) {
  Observation event;
  event.key = said.key;
  event.type = said.type;
  event.source = "s";
  event.offset = said.offset;
  event.time = said.time;
  event.late = true;
  return event;
}

ProcessModel pipeline(const std::vector<std::string>& names) {
  ProcessModel model = sequence("order", names);
  for (Node& node : model.nodes)
    if (node.kind == NodeKind::task) node.deadline = 2min;
  model.deadline = 10min;
  return model;
}

// Stories with steps skipped, repeated, exchanged and foreign, each event caused by some earlier one of its instance or by
// none; instances interleave, and some pause for longer than a deviation stays open.
std::vector<Said> random_stories(std::mt19937_64& random, std::size_t instances) {
  std::vector<std::vector<Said>> open(instances);
  for (std::size_t i = 0; i < instances; ++i) {
    std::vector<std::string> types{"a", "b", "c", "d", "e"};
    if (random() % 3 == 0) types.erase(types.begin() + static_cast<std::ptrdiff_t>(random() % types.size()));
    if (random() % 3 == 0)
      types.insert(types.begin() + static_cast<std::ptrdiff_t>(random() % types.size()),
                   types[random() % types.size()]);
    if (random() % 3 == 0) std::swap(types[random() % types.size()], types[random() % types.size()]);
    if (random() % 4 == 0) types.resize(1 + random() % types.size());
    for (const auto& type : types) {
      Said said;
      said.key = "key-" + std::to_string(i);
      said.id = said.key + "/" + std::to_string(open[i].size());
      said.type = type;
      if (!open[i].empty() && random() % 3 != 0) said.cause = open[i][random() % open[i].size()].id;
      open[i].push_back(said);
    }
  }
  std::vector<Said> all;
  std::vector<std::size_t> at(instances, 0);
  Time time = noon;
  while (true) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < instances; ++i)
      if (at[i] < open[i].size()) left.push_back(i);
    if (left.empty()) return all;
    const std::size_t one = left[random() % left.size()];
    time += std::chrono::milliseconds{random() % 20 == 0 ? 70'000 : random() % 4'000};
    Said said = open[one][at[one]++];
    said.offset = all.size() + 1;
    said.time = time;
    all.push_back(said);
  }
}

// The fold behind a hold, with the history that rewinding needs.
struct Unordered {
  explicit Unordered(CausalLimits limits = {}) : hold(limits) {
    TrackerOptions options;
    options.learn_after = 1'000'000'000;  // what is learned is learned as it arrives
    tracker = std::make_unique<Tracker>(options);
    std::vector<Finding> findings;
    tracker->activate(Definition::of(pipeline({"a", "b", "c", "d", "e"}), findings));
  }
  void arrive(const Said& said, Time now) {
    std::vector<Said> ready;
    hold.advance(now, ready);
    hold.arrive(said.id, said.cause, now, said, ready);
    for (const auto& one : ready) observe(one);
  }
  void finish(Time now) {
    std::vector<Said> ready;
    hold.advance(now, ready);
    for (const auto& one : ready) observe(one);
    tracker->advance(now, changes);
  }
  void observe(const Said& said) {
    auto& known = history[said.key];
    const InstanceIndex instance = tracker->find(0, said.key);
    bool late = instance != no_instance && tracker->comes_late(instance, observation_of(said));
    for (const Said& other : known) late |= other.cause == said.id;
    known.push_back(said);
    if (!late || instance == no_instance) return tracker->observe(observation_of(said), changes);
    std::vector<Placed> placed;
    for (const auto& one : known) placed.push_back({one.offset, one.id, one.cause});
    std::vector<Observation> events;
    for (const std::size_t place : causal_order(placed)) events.push_back(observation_of(known[place]));
    CHECK(tracker->refold(instance, events, changes));
    ++refolds;
  }
  std::string text() {
    std::map<std::string, std::string> lines;
    tracker->each([&](InstanceIndex instance) {
      const InstanceView view = tracker->view(instance);
      std::string& line = lines[view.key];
      line = view.key + " " + std::string(word(view.state)) + " " + std::string(word(view.verdict)) + " flags " +
             std::to_string(view.flags) + " events " + std::to_string(view.events) + " from " +
             std::to_string(view.started_at.time_since_epoch().count()) + " to " +
             std::to_string(view.last_event_at.time_since_epoch().count()) + " " +
             std::to_string(view.ended_at ? view.ended_at->time_since_epoch().count() : 0);
      for (const auto& step : view.steps) line += " at " + step;
      for (const auto& step : view.expected) line += " then " + step;
      for (const auto& deviation : view.deviations) {
        line += "; " + std::string(word(deviation.kind)) + " " + deviation.event + " at " +
                std::to_string(deviation.index) + (deviation.settled ? "" : " open");
        for (const auto& missing : deviation.missing) line += " -" + missing;
      }
    });
    std::string all;
    for (const auto& [key, line] : lines) all += line + "\n";
    const Totals& totals = tracker->totals(0);
    all += std::to_string(totals.events);
    for (auto one : totals.instances) all += " " + std::to_string(one);
    for (auto one : totals.verdict) all += " v" + std::to_string(one);
    for (auto one : totals.deviations) all += " d" + std::to_string(one);
    for (auto one : totals.flagged) all += " f" + std::to_string(one);
    std::uint64_t ended = 0;
    for (auto one : totals.ended) ended += one;
    CHECK(totals.started ==
          ended + totals.instances[0] + totals.instances[static_cast<std::size_t>(InstanceState::compensating)]);
    return all;
  }

  CausalHold<Said> hold;
  std::unique_ptr<Tracker> tracker;
  std::vector<Change> changes;
  std::map<std::string, std::vector<Said>> history;
  std::size_t refolds = 0;
};

}  // namespace

TEST_CASE("order: any arrival that causes allow gives the verdicts, totals and times of the canonical order (G106)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  std::size_t refolds = 0;
  for (int round = 0; round < 60; ++round) {
    const auto stories = random_stories(random, 12);
    const Time end = stories.back().time + 1h;
    Unordered straight;
    for (const auto& said : stories) straight.arrive(said, said.time);
    straight.finish(end);

    auto shuffled = stories;
    // Some only a little, some altogether.
    if (round % 2 == 0) {
      std::shuffle(shuffled.begin(), shuffled.end(), random);
    } else {
      for (std::size_t i = 0; i + 4 < shuffled.size(); ++i) std::swap(shuffled[i], shuffled[i + random() % 4]);
    }
    for (int again = 0; again < 8; ++again) shuffled.push_back(shuffled[random() % stories.size()]);
    Unordered bent(CausalLimits{10'000, 1000h, 100'000});
    for (const auto& said : shuffled) bent.arrive(said, noon);
    CHECK(bent.hold.held() == 0);
    CHECK(bent.hold.duplicates() == 8);
    bent.finish(end);
    REQUIRE(bent.text() == straight.text());
    refolds += bent.refolds;
  }
  CHECK(refolds > 100);
}

TEST_CASE("order: an event whose cause is missing is held, in bounded number and time, and then let through (G107)") {
  CausalHold<int> hold({2, 2s, 100});
  std::vector<int> ready;
  CHECK(hold.arrive("b", "a", noon, 2, ready));
  CHECK(hold.arrive("c", "b", noon + 1s, 3, ready));
  CHECK(ready.empty());
  SUBCASE("until the cause comes") {
    CHECK(hold.arrive("a", "", noon + 1s, 1, ready));
    CHECK(ready == std::vector<int>{1, 2, 3});
  }
  SUBCASE("until the time is over") {
    hold.advance(noon + 1s, ready);
    CHECK(ready.empty());
    hold.advance(noon + 2s, ready);
    CHECK(ready == std::vector<int>{2, 3});
    CHECK(hold.let_through_without_cause() == 1);
  }
  SUBCASE("until they are too many") {
    CHECK(hold.arrive("z", "y", noon + 1s, 9, ready));
    CHECK(ready == std::vector<int>{2, 3});
    CHECK(hold.held() == 1);
  }
  SUBCASE("and one that waits already is a duplicate") {
    CHECK_FALSE(hold.arrive("b", "a", noon + 1s, 2, ready));
    CHECK(hold.duplicates() == 1);
  }
}

TEST_CASE("order: causes go before what they caused, offsets decide the rest, circles decide nothing") {
  CHECK(causal_order({{5, "e", ""}, {3, "c", "e"}, {4, "d", ""}}) == std::vector<std::size_t>{2, 0, 1});
  CHECK(causal_order({{1, "a", "z"}, {2, "b", "a"}}) == std::vector<std::size_t>{0, 1});
  CHECK(causal_order({{2, "a", "b"}, {1, "b", "a"}, {3, "c", "c"}}) == std::vector<std::size_t>{1, 0, 2});
  CHECK(causal_order({{1, "w", "y"}, {2, "x", "y"}, {3, "y", "x"}, {4, "z", ""}}) ==
        std::vector<std::size_t>{1, 2, 0, 3});
}

TEST_CASE("sequences: what a publisher numbered and never came is counted, however many speak for it (G108)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    SequenceGaps gaps;
    const std::size_t producers = 1 + random() % 4;
    std::vector<std::uint64_t> next(producers, 1);
    for (int i = 0; i < 100; ++i) CHECK(gaps.observe(next[random() % producers]++) == 0);
    CHECK(gaps.missing() == 0);
  }
  SequenceGaps gaps;
  for (const std::uint64_t sequence : {1, 2, 0, 5, 6, 1, 2, 7, 3}) gaps.observe(sequence);
  CHECK(gaps.missing() == 2);
  std::vector<std::uint64_t> kept;
  gaps.save([&](std::uint64_t number) { kept.push_back(number); });
  SequenceGaps again;
  std::size_t at = 0;
  CHECK(again.restore([&] { return kept[at++]; }));
  CHECK(again.observe(10) == 2);
  CHECK(again.missing() == 4);
  again.unsure();
  CHECK(again.observe(500) == 0);
  CHECK(again.observe(501) == 0);
}
