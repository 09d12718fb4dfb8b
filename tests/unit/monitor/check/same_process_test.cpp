// tests/unit/monitor/check/same_process_test.cpp - two definitions that claim to be the same process are compared by a
// search over both automata side by side.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "monitor/definitions.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"
#include "monitor/edge/yaml/read_yaml.hpp"

using namespace laban::monitor;

namespace {

struct Said {
  std::string type, source;
};

std::unique_ptr<Definition> load(const std::string& name) {
  auto loaded = load_definitions(std::filesystem::path{LABAN_SOURCE_DIR "/services/processes/" + name});
  for (const auto& finding : loaded.findings) FAIL(finding.message);
  REQUIRE(loaded.definitions.size() == 1);
  return std::move(loaded.definitions.front());
}

// The shortest word on which the two disagree, or nothing.
std::string difference(Definition& a, Definition& b, const std::vector<Said>& alphabet) {
  struct Pair {
    StateId a, b;
    bool operator<(const Pair& other) const { return std::pair{a, b} < std::pair{other.a, other.b}; }
  };
  std::map<Pair, std::string> word{{{Automaton::start, Automaton::start}, ""}};
  std::vector<Pair> todo{{Automaton::start, Automaton::start}};
  for (std::size_t i = 0; i < todo.size() && todo.size() < 100'000; ++i) {
    const Pair at = todo[i];
    const std::string said = word[at];
    const auto end_a = a.automaton().outlook(at.a), end_b = b.automaton().outlook(at.b);
    if (end_a.may_end != end_b.may_end) return said + " | one may end here";
    if (end_a.may_end && end_a.outcome != end_b.outcome) return said + " | the outcomes differ";
    for (const auto& event : alphabet) {
      const auto step = [&](Definition& definition, StateId state) {
        const auto meaning = definition.meaning(event.type, event.source);
        return meaning.symbol == no_symbol ? no_state : definition.automaton().next(state, meaning.symbol).state;
      };
      const Pair next{step(a, at.a), step(b, at.b)};
      if ((next.a == no_state) != (next.b == no_state)) return said + " " + event.type;
      if (next.a != no_state && word.emplace(next, said + " " + event.type).second) todo.push_back(next);
    }
  }
  return todo.size() < 100'000 ? "" : "too many states";
}

bool fits(Definition& definition, const std::vector<Said>& events) {
  StateId state = Automaton::start;
  for (const auto& event : events) {
    const auto meaning = definition.meaning(event.type, event.source);
    if (meaning.symbol == no_symbol) return false;
    state = definition.automaton().next(state, meaning.symbol).state;
    if (state == no_state) return false;
  }
  return definition.automaton().outlook(state).may_end;
}

const Said placed{"order.placed", "order"}, taken{"payment.taken", "payment"}, refused{"payment.refused", "payment"},
    refunded{"payment.refunded", "payment"}, reserved{"stock.reserved", "inventory"},
    missing{"stock.missing", "inventory"}, released{"stock.released", "inventory"},
    shipped{"parcel.shipped", "shipping"}, failed{"shipment.failed", "shipping"}, completed{"order.completed", "order"},
    cancelled{"order.cancelled", "order"}, notified{"customer.notified", "notification"};
const std::vector<Said> shop{placed,
                             taken,
                             refused,
                             refunded,
                             reserved,
                             missing,
                             released,
                             shipped,
                             failed,
                             completed,
                             cancelled,
                             notified,
                             {"order.placed", "payment"}};

}  // namespace

TEST_CASE("order fulfilment: the BPMN file and the YAML file accept the same words with the same outcomes (G116)") {
  const auto bpmn = load("order-fulfilment.bpmn"), yaml = load("yaml/order-fulfilment.yaml");
  CHECK(difference(*bpmn, *yaml, shop) == "");
}

TEST_CASE("order fulfilment: both accept what the services do, and nothing that they must not do") {
  for (const char* file : {"order-fulfilment.bpmn", "yaml/order-fulfilment.yaml"}) {
    INFO(file);
    const auto process = load(file);
    CHECK(fits(*process, {placed, taken, reserved, shipped, completed, notified}));
    CHECK(fits(*process, {placed, refused, cancelled, notified}));
    CHECK(fits(*process, {placed, taken, missing, refunded, cancelled, notified}));
    CHECK(fits(*process, {placed, taken, reserved, failed, refunded, released, cancelled, notified}));
    CHECK(fits(*process, {placed, taken, reserved, failed, released, refunded, cancelled, notified}));
    CHECK_FALSE(fits(*process, {placed, taken, reserved, failed, released, cancelled, notified}));
    CHECK_FALSE(fits(*process, {placed, taken, missing, released, refunded, cancelled, notified}));
    CHECK_FALSE(fits(*process, {placed, taken, reserved, shipped, completed}));
    CHECK_FALSE(fits(*process, {placed, refused, refunded, cancelled, notified}));
  }
}

TEST_CASE("convert: a YAML definition written as BPMN and as YAML accepts the same words (G116)") {
  const auto original = load("yaml/order-fulfilment.yaml");
  const auto again = [](const std::string& text, const std::string& name) {
    auto loaded = load_definitions(text, name);
    REQUIRE(loaded.definitions.size() == 1);
    return std::move(loaded.definitions.front());
  };
  CHECK(difference(*original, *again(write_bpmn(original->model()), "o.bpmn"), shop) == "");
}

TEST_CASE("a search over two automata tells two processes apart") {
  const auto two = [](const std::string& a, const std::string& b) {
    auto first = load_definitions("process: p\nsteps: " + a, "a.yaml"),
         second = load_definitions("process: p\nsteps: " + b, "b.yaml");
    REQUIRE(first.definitions.size() == 1);
    REQUIRE(second.definitions.size() == 1);
    return difference(*first.definitions[0], *second.definitions[0], {{"a", ""}, {"b", ""}, {"c", ""}});
  };
  CHECK(two("[a, b]", "[a, b]") == "");
  CHECK(two("[a, all of: [b, c]]", "[a, one of: [[b, c], [c, b]]]") == "");
  CHECK(two("[a, b]", "[b, a]") != "");
  CHECK(two("[a, optional: b]", "[a, b]") != "");
  CHECK(two("[repeat: a]", "[a, optional: {repeat: a}]") == "");
  CHECK(two("[a, end: failed]", "[a]") != "");
}
