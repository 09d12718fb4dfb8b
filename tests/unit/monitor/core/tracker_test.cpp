// tests/unit/monitor/core/tracker_test.cpp - the fold: instances, runs, versions, gaps, time, and going on after a restart.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "monitor/core/replay.hpp"
#include "monitor/core/tracker.hpp"
#include "tests/support/checked_trace.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/monitor/core/random_process.hpp"
#include "tests/unit/monitor/core/sequence.hpp"
#include "tests/unit/monitor/core/stream.hpp"

using namespace laban::monitor;
using namespace laban::test;
using namespace std::chrono_literals;

TEST_CASE("tracker: follows instances of one definition to their ends") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid", "shipped"})));
  stream.say("1", "placed", noon);
  stream.say("2", "placed", noon + 1s);
  stream.say("1", "paid", noon + 2s);
  CHECK(stream.view("1").state == InstanceState::running);
  CHECK(stream.view("1").steps == std::vector<std::string>{"paid"});
  CHECK(stream.view("1").expected == std::vector<std::string>{"shipped"});
  stream.say("1", "shipped", noon + 3s);
  CHECK(stream.view("1").state == InstanceState::completed);
  CHECK(stream.view("1").ended_at == noon + 3s);
  REQUIRE(stream.changes.size() == 4);
  CHECK(stream.changes.back().ended);
  CHECK(stream.changes.back().took == 3s);
  CHECK(stream.changes.front().started);
  stream.say("3", "unknown", noon + 4s);
  CHECK(stream.tracker.out_of_scope() == 1);
  check_sums(stream.tracker.totals(0));
  CHECK(stream.tracker.totals(0).events == 4);
}

TEST_CASE("tracker: an offset that was seen before changes nothing (G95)") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid"})));
  stream.say("1", "placed", noon);
  const auto before = text(stream.tracker);
  stream.offset = 0;
  stream.say("1", "placed", noon);
  CHECK(text(stream.tracker) == before);
  CHECK(stream.tracker.duplicates() == 1);
}

TEST_CASE("tracker: a step that comes late turns its skip into one out-of-order, even after the end") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid", "shipped"})));
  stream.say("1", "placed", noon);
  stream.say("1", "shipped", noon + 1s);
  auto view = stream.view("1");
  CHECK(view.state == InstanceState::completed);
  REQUIRE(view.deviations.size() == 1);
  CHECK(view.deviations[0].kind == DeviationKind::skipped);
  CHECK_FALSE(view.deviations[0].settled);
  CHECK(stream.tracker.totals(0).deviations == std::array<std::uint64_t, deviation_kinds>{});
  stream.say("1", "paid", noon + 2s);
  view = stream.view("1");
  REQUIRE(view.deviations.size() == 1);
  CHECK(view.deviations[0].kind == DeviationKind::out_of_order);
  CHECK(view.deviations[0].offset == 2);
  stream.tracker.advance(noon + 90s, stream.changes);
  CHECK(stream.tracker.totals(0).deviations[static_cast<std::size_t>(DeviationKind::out_of_order)] == 1);
}

TEST_CASE("tracker: a skip settles once the lateness has passed") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid", "shipped"})));
  stream.say("1", "placed", noon);
  stream.say("1", "shipped", noon + 1s);
  stream.tracker.advance(noon + 30s, stream.changes);
  CHECK(stream.tracker.totals(0).deviations[static_cast<std::size_t>(DeviationKind::skipped)] == 0);
  stream.tracker.advance(noon + 62s, stream.changes);
  CHECK(stream.tracker.totals(0).deviations[static_cast<std::size_t>(DeviationKind::skipped)] == 1);
  CHECK(stream.view("1").deviations[0].settled);
}

TEST_CASE("tracker: what a gap may have swallowed is incomplete and never deviating (G94)") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid", "packed", "shipped"})));
  stream.say("lived", "placed", noon);
  stream.tracker.note_gap();
  stream.say("lived", "packed", noon + 1s);
  CHECK(stream.view("lived").verdict == Verdict::incomplete);
  stream.say("lived", "shipped", noon + 2s);
  CHECK(stream.view("lived").verdict == Verdict::incomplete);
  CHECK(stream.view("lived").state == InstanceState::completed);
  stream.say("joined late", "packed", noon + 3s);
  CHECK(stream.view("joined late").verdict == Verdict::incomplete);
  CHECK(stream.view("joined late").expected == std::vector<std::string>{"shipped"});
  stream.say("began after", "placed", noon + 4s);
  stream.say("began after", "shipped", noon + 5s);
  CHECK(stream.view("began after").verdict == Verdict::deviating);
  check_sums(stream.tracker.totals(0));
}

TEST_CASE("tracker: a start after the end is after-end, or the next run where the definition allows it") {
  Stream stream;
  stream.tracker.activate(made(sequence("once", {"a", "b"})));
  auto again = sequence("again", {"c", "d"});
  again.reruns = true;
  stream.tracker.activate(made(again));
  stream.say("k", "a", noon);
  stream.say("k", "b", noon);
  stream.say("k", "a", noon);
  CHECK(stream.view("k", 0).deviations.at(0).kind == DeviationKind::after_end);
  CHECK(stream.view("k", 0).state == InstanceState::completed);
  for (int run = 0; run < 2; ++run) {
    stream.say("k", "c", noon);
    stream.say("k", "d", noon);
  }
  CHECK(stream.view("k", 1).run == 2);
  CHECK(stream.view("k", 1).id == "again:k~2");
  CHECK(stream.view("k", 1).verdict == Verdict::conforming);
  CHECK(stream.view("k", 0).id == "once:k");
  CHECK(stream.tracker.totals(1).started == 2);
  CHECK(stream.tracker.size() == 3);
}

TEST_CASE("tracker: running instances keep their version, new ones follow the new") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid"})));
  stream.say("old", "placed", noon);
  auto second = sequence("order", {"placed", "checked", "paid"});
  second.version = "2";
  stream.tracker.activate(made(second));
  stream.say("new", "placed", noon);
  stream.say("old", "paid", noon);
  stream.say("new", "paid", noon);
  CHECK(stream.view("old", 0).verdict == Verdict::conforming);
  CHECK(stream.view("new", 1).verdict == Verdict::deviating);
  CHECK_FALSE(stream.tracker.is_active(0));
}

TEST_CASE("tracker: says when the wrong service spoke, and goes on") {
  auto model = sequence("order", {"placed", "paid"});
  model.nodes[2].publishers = {"payment"};
  Stream stream;
  stream.tracker.activate(made(model));
  stream.say("1", "placed", noon);
  stream.say("1", "paid", noon, "shipping");
  CHECK(stream.view("1").deviations.at(0).kind == DeviationKind::wrong_publisher);
  CHECK(stream.view("1").state == InstanceState::completed);
  stream.say("2", "placed", noon);
  stream.say("2", "paid", noon, "payment");
  CHECK(stream.view("2").verdict == Verdict::conforming);
}

TEST_CASE("tracker: an event without a source is the step of whoever may say it (G105)") {
  auto model = sequence("order", {"placed", "told", "paid"});
  model.nodes[2].publishers = {"shop"};
  const auto definition = made(model);
  CHECK(definition->meaning("told", "shop").wrong_publisher == false);
  CHECK(definition->meaning("told", "mall").wrong_publisher);
  CHECK_FALSE(definition->meaning("told", "").wrong_publisher);
  CHECK(definition->meaning("told", "").symbol == definition->meaning("told", "shop").symbol);
  CHECK(definition->meaning("unknown", "").symbol == no_symbol);
}

TEST_CASE("tracker: deadlines of a step, a pair and the process raise the late flag within a second (G96)") {
  auto model = sequence("order", {"placed", "paid", "packed", "shipped"});
  model.nodes[2].deadline = 10s;
  model.pair_deadlines.push_back({2, 4, 20s});
  model.deadline = 100s;
  Stream stream;
  stream.tracker.activate(made(model));
  stream.say("1", "placed", noon);
  const auto late_from = [&](Time from, Time until) {
    for (Time at = from; at <= until; at += 100ms) {
      stream.tracker.advance(at, stream.changes);
      if ((stream.view("1").flags & flag_late) != 0) return at;
    }
    return Time{};
  };
  const Time step = late_from(noon, noon + 30s);
  CHECK(step >= noon + 10s);
  CHECK(step <= noon + 11s);
  stream.say("1", "paid", noon + 30s);
  CHECK(stream.view("1").flags == 0);
  const Time pair = late_from(noon + 30s, noon + 70s);
  CHECK(pair >= noon + 50s);
  CHECK(pair <= noon + 51s);
  stream.say("1", "packed", noon + 70s);
  CHECK((stream.view("1").flags & flag_late) != 0);
  stream.say("1", "shipped", noon + 71s);
  CHECK(stream.view("1").flags == 0);
  stream.say("1b", "placed", noon + 72s);
  check_sums(stream.tracker.totals(0));
}

TEST_CASE("tracker: learns how long a state lasts and calls longer silence stuck (G97)") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid"})));
  Time time = noon;
  for (int i = 0; i < 60; ++i) {
    const std::string key = "k" + std::to_string(i);
    stream.say(key, "placed", time);
    stream.say(key, "paid", time += 2s);
  }
  stream.say("silent", "placed", time);
  stream.tracker.advance(time + 4s, stream.changes);
  CHECK(stream.view("silent").flags == 0);
  stream.tracker.advance(time + 20s, stream.changes);
  CHECK(stream.view("silent").flags == flag_stuck);
  CHECK(stream.tracker.totals(0).flagged[0] == 1);
  CHECK(stream.changes.back().flags == flag_stuck);
  stream.say("silent", "paid", time + 21s);
  CHECK(stream.view("silent").flags == 0);
  CHECK(stream.tracker.totals(0).flagged[0] == 0);
}

TEST_CASE("tracker: keeps a ledger of what is done, undone and owed") {
  // reserve, charge; then either ship, or release (undoes reserve) and refund (undoes charge).
  auto model = sequence("order", {"reserve", "charge", "ship"});
  const auto add = [&](NodeKind kind, const std::string& name, NodeIndex undoes) {
    Node node;
    node.kind = kind;
    node.id = node.name = name;
    if (kind == NodeKind::task) {
      node.shows = Shows::required;
      node.types = {name};
    }
    node.compensates = undoes;
    model.nodes.push_back(node);
    return static_cast<NodeIndex>(model.nodes.size() - 1);
  };
  const auto connect = [&](NodeIndex from, NodeIndex to) {
    Flow flow;
    flow.from = from;
    flow.to = to;
    model.flows.push_back(flow);
  };
  const NodeIndex choice = add(NodeKind::exclusive_gateway, "choice", no_index);
  model.flows[2].to = choice;  // charge -> choice instead of ship
  connect(choice, 3);
  const NodeIndex refund = add(NodeKind::task, "refund", 2), release = add(NodeKind::task, "release", 1);
  const NodeIndex end = add(NodeKind::end_event, "undone", no_index);
  connect(choice, refund);
  connect(refund, release);
  connect(release, end);
  Stream stream;
  stream.tracker.activate(made(model));
  stream.say("1", "reserve", noon);
  stream.say("1", "charge", noon);
  CHECK(stream.view("1").owed.empty());
  stream.say("1", "refund", noon);
  auto view = stream.view("1");
  CHECK(view.state == InstanceState::compensating);
  CHECK(view.done == std::vector<std::string>{"reserve", "charge"});
  CHECK(view.undone == std::vector<std::string>{"charge"});
  CHECK(view.owed == std::vector<std::string>{"reserve"});
  CHECK(stream.tracker.totals(0).compensations_owed == 1);
  stream.say("1", "release", noon);
  CHECK(stream.view("1").state == InstanceState::compensated);
  CHECK(stream.tracker.totals(0).compensations_owed == 0);
  check_sums(stream.tracker.totals(0));
}

TEST_CASE("tracker: saved and restored at any point it goes on as if nothing had happened (G98)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    auto model = RandomProcess(random).make(2);
    for (auto& node : model.nodes)
      if (random() % 4 == 0) node.deadline = std::chrono::milliseconds{1000 + random() % 20000};
    const auto types = made(model)->types();
    const auto said = noise(random, types, 6, 120);
    Stream straight, first;
    straight.tracker.activate(made(model));
    first.tracker.activate(made(model));
    const std::size_t cut = random() % said.size();
    for (const auto& one : said) straight.say(one.key, one.type, one.time);
    for (std::size_t i = 0; i < cut; ++i) first.say(said[i].key, said[i].type, said[i].time);
    Stream second;
    second.tracker.activate(made(model));
    second.offset = cut;
    REQUIRE(second.tracker.restore_totals(first.tracker.save_totals()));
    first.tracker.each([&](InstanceIndex instance) {
      std::string bytes;
      first.tracker.save(instance, bytes);
      REQUIRE(second.tracker.restore(0, bytes) != no_instance);
    });
    if (cut > 0) CHECK(text(second.tracker) == text(first.tracker));
    for (std::size_t i = cut; i < said.size(); ++i) second.say(said[i].key, said[i].type, said[i].time);
    CHECK(text(second.tracker) == text(straight.tracker));
    check_sums(second.tracker.totals(0));
  }
}

TEST_CASE("tracker: a stream gives each instance the verdict that replay gives its trace (G99)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    const auto model = RandomProcess(random).make(2);
    TrackerOptions options;
    options.everything_in_scope = true;
    Stream stream(options);
    stream.tracker.activate(made(model));
    auto types = made(model)->types();
    types.push_back("foreign");
    std::map<std::string, std::vector<std::string>> traces;
    for (const auto& one : noise(random, types, 8, 100)) {
      stream.say(one.key, one.type, noon);
      traces[one.key].push_back(one.type);
    }
    auto definition = made(model);
    for (const auto& [key, trace] : traces) {
      const CheckedTrace checked = check(*definition, trace);
      const auto view = stream.view(key);
      CHECK(view.verdict == checked.verdict);
      REQUIRE(view.deviations.size() == checked.deviations.size());
      for (std::size_t i = 0; i < view.deviations.size(); ++i) {
        CHECK(view.deviations[i].kind == checked.deviations[i].kind);
        CHECK(view.deviations[i].index == checked.deviations[i].index);
      }
    }
  }
}

TEST_CASE("tracker: events given together are the same as one after the other") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const auto model = RandomProcess(random).make(2);
  const auto said = noise(random, made(model)->types(), 20, 300);
  Stream single, together;
  single.tracker.activate(made(model));
  together.tracker.activate(made(model));
  std::vector<Observation> events;
  for (const auto& one : said) {
    single.say(one.key, one.type, one.time);
    Observation event;
    event.key = one.key;
    event.type = one.type;
    event.time = one.time;
    event.offset = events.size() + 1;
    events.push_back(event);
  }
  together.tracker.observe(std::span<const Observation>(events), together.changes);
  CHECK(text(together.tracker) == text(single.tracker));
  CHECK(together.changes.size() == single.changes.size());
}

TEST_CASE("tracker: bytes that are not an instance are refused") {
  Stream stream;
  stream.tracker.activate(made(sequence("order", {"placed", "paid"})));
  stream.say("1", "placed", noon);
  std::string bytes;
  stream.tracker.save(stream.tracker.find(0, "1"), bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK(stream.tracker.restore(0, std::string_view(bytes).substr(0, cut)) == no_instance);
  CHECK(stream.tracker.restore(0, bytes + "x") == no_instance);
  CHECK(stream.tracker.restore(0, bytes) != no_instance);
  CHECK(stream.tracker.size() == 1);
  CHECK_FALSE(stream.tracker.restore_totals("nonsense"));
}
