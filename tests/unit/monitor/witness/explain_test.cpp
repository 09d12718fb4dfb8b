// tests/unit/monitor/witness/explain_test.cpp - sentences that say what is wrong and what is missing.
#include "monitor/explain.hpp"

#include <doctest/doctest.h>

using namespace laban::monitor;
using namespace std::chrono_literals;

TEST_CASE("explain: durations as people say them") {
  CHECK(in_words(0ns) == "0 ms");
  CHECK(in_words(350ms) == "350 ms");
  CHECK(in_words(1500ms) == "1.5 s");
  CHECK(in_words(12s) == "12 s");
  CHECK(in_words(184s) == "3 min 4 s");
  CHECK(in_words(2h + 5min) == "2 h 5 min");
  CHECK(in_words(76h) == "3 d 4 h");
}

TEST_CASE("explain: a skipped step is named with what came instead") {
  const Deviation deviation{DeviationKind::skipped, "shipped", 2, 9, {"paid", "packed"}, {"paid"}, true};
  CHECK(explain(deviation) == "“shipped” came although “paid” and “packed” had not");
}

TEST_CASE("explain: a stuck instance names the step and the service that it waits for") {
  ProcessModel model;
  Node node;
  node.name = "stock.reserved";
  node.publishers = {"inventory"};
  model.nodes.push_back(node);
  InstanceView instance;
  instance.flags = flag_stuck;
  instance.steps = {"payment.taken"};
  instance.expected = {"stock.reserved", "stock.missing"};
  CHECK(explain(instance, model, 90s) ==
        "Conforming so far; stuck: silent for 1 min 30 s after “payment.taken”, waits for “stock.reserved” or "
        "“stock.missing” from “inventory”.");
}

TEST_CASE("explain: the first deviation tells why, and where the instance is now") {
  InstanceView instance;
  instance.verdict = Verdict::deviating;
  instance.expected = {"done"};
  instance.deviations.push_back({DeviationKind::unexpected, "odd", 1, 2, {}, {"done"}, true});
  instance.deviations.push_back({DeviationKind::repeated, "odd", 2, 3, {}, {"done"}, true});
  CHECK(explain(instance, {}, 0s) ==
        "Deviating: “odd” cannot come here; expected was “done” (the first of 2). Running: waits for “done”.");
}
