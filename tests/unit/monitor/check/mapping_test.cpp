// tests/unit/monitor/check/mapping_test.cpp - models that may not be touched: bound by a file beside them, and compared
// with a list of event types.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "monitor/core/coverage.hpp"
#include "monitor/definitions.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::monitor;

namespace {

const std::string bought = R"(<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
  <process id="bought" name="Bought">
    <startEvent id="s" name="Order received"/><task id="t1" name="Take the payment"/><task id="t2" name="Tell"/>
    <task id="t3" name="Tell"/><endEvent id="e"/>
    <sequenceFlow id="f1" sourceRef="s" targetRef="t1"/><sequenceFlow id="f2" sourceRef="t1" targetRef="t2"/>
    <sequenceFlow id="f3" sourceRef="t2" targetRef="t3"/><sequenceFlow id="f4" sourceRef="t3" targetRef="e"/>
  </process>
</definitions>)";

DefinitionFile mapped(const std::string& mapping, const std::string& definition = bought) {
  const MappingText text{mapping, "bought.mapping.yaml"};
  return read_definition(definition, "bought.bpmn", Participants::joined, &text);
}

const Node& node(const DefinitionFile& file, const std::string& id) {
  REQUIRE(file.models.size() == 1);
  const auto& nodes = file.models[0].nodes;
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& one) { return one.id == id; });
  REQUIRE(found != nodes.end());
  return *found;
}

std::string first_error(const DefinitionFile& file) {
  for (const auto& finding : file.findings)
    if (finding.severity == Severity::error)
      return finding.at.file + ":" + std::to_string(finding.at.line) + ":" + std::to_string(finding.at.column) + ": " +
             finding.message;
  return {};
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("mapping: binds types, publishers, beginnings and deadlines to nodes by id or name (G118)") {
  const auto file = mapped(
      "nodes:\n  s: order.placed\n  Take the payment:\n    events: [payment.taken, payment.captured]\n    by: payment\n"
      "    starts: payment.requested\n    within: 5m\n  Tell: customer.told\n");
  REQUIRE(first_error(file) == "");
  CHECK(node(file, "s").shows == Shows::required);
  CHECK(node(file, "s").types.front() == "order.placed");
  const auto& pay = node(file, "t1");
  CHECK(pay.types[0] == "payment.taken");
  CHECK(pay.types[1] == "payment.captured");
  CHECK(std::find(pay.types.begin(), pay.types.end(), "Take the payment") != pay.types.end());
  CHECK(pay.publishers == std::vector<std::string>{"payment"});
  CHECK(pay.start_type == "payment.requested");
  CHECK(pay.deadline == std::chrono::minutes{5});
  CHECK(node(file, "t2").types.front() == "customer.told");
  CHECK(node(file, "t3").types.front() == "customer.told");
  CHECK(node(file, "e").shows == Shows::optional);
}

TEST_CASE("mapping: expected: no lets a step be left out of what is missed (G118)") {
  const auto file = mapped("nodes:\n  t1: {expected: no}\n");
  REQUIRE(first_error(file) == "");
  CHECK(node(file, "t1").shows == Shows::optional);
}

TEST_CASE("mapping: what it cannot mean is an error that names its place (G118)") {
  CHECK(first_error(mapped("nodes:\n  Take the paiment: a\n")) ==
        "bought.mapping.yaml:2:3: the definition has no node with the id or name 'Take the paiment': did you mean "
        "'Take the "
        "payment'?");
  CHECK(first_error(mapped("nodes:\n  t1: a\n  Take the payment: b\n")) ==
        "bought.mapping.yaml:3:3: 'Take the payment' is the node that line 2 maps already: keep one of them");
  CHECK(first_error(mapped("nodes:\n  t1: {event: a}\n"))
            .starts_with("bought.mapping.yaml:2:8: 'event' is not known here"));
  CHECK(first_error(mapped("nodes:\n  t1: {within: soon}\n")).starts_with("bought.mapping.yaml:2:16: 'soon' is no"));
  CHECK(first_error(mapped("nodes: [t1]\n")).starts_with("bought.mapping.yaml:1:8: `nodes:` has a line"));
  CHECK(first_error(mapped("")).starts_with("bought.mapping.yaml:1:1: a mapping file has `nodes:`"));
  CHECK(first_error(mapped("nodes: [\n")).find("not well-formed YAML") != std::string::npos);
  CHECK(first_error(mapped("t1: a\n")).starts_with("bought.mapping.yaml:1:1: 't1' is not known here"));
}

TEST_CASE("mapping: the file beside a definition counts unless another is named, for nets too (G118)") {
  const test::TemporaryDirectory directory;
  write(directory / "bought.bpmn", bought);
  write(directory / "bought.mapping.yaml", "nodes:\n  t1: beside\n");
  write(directory / "other.yaml", "nodes:\n  t1: named\n");
  const auto means = [](LoadedFile loaded, const std::string& type) {
    REQUIRE(loaded.definitions.size() == 1);
    return loaded.definitions[0]->meaning(type, "").symbol != no_symbol;
  };
  CHECK(means(load_definitions(directory / "bought.bpmn"), "beside"));
  CHECK_FALSE(means(load_definitions(directory / "bought.bpmn"), "named"));
  CHECK(
      means(load_definitions(directory / "bought.bpmn", {}, Participants::joined, directory / "other.yaml"), "named"));
  CHECK(has_errors(load_definitions(directory / "bought.bpmn", {}, Participants::joined, directory / "gone").findings));

  write(directory / "net.pnml",
        "<pnml><net id='n'><place id='a'/><transition id='t'><name><text>T</text></name></transition><place id='b'/>"
        "<arc source='a' target='t'/><arc source='t' target='b'/></net></pnml>");
  write(directory / "net.mapping.yaml", "nodes:\n  T: {events: done, by: shop}\n");
  CHECK(means(load_definitions(directory / "net.pnml"), "done"));
  CHECK(means(load_definitions(directory / "net.pnml"), "T"));
  write(directory / "net.mapping.yaml", "nodes:\n  T: {events: done, within: 5m}\n");
  CHECK(has_errors(load_definitions(directory / "net.pnml").findings));
}

TEST_CASE("coverage: steps and types without a partner are told, and who is likely meant for whom (G118)") {
  std::vector<Step> steps(4);
  steps[0].name = "Payment taken", steps[0].types = {"Payment taken"}, steps[0].required = true;
  steps[1].name = "Parcel shipped", steps[1].types = {"Parcel shipped"}, steps[1].required = true;
  steps[2].name = "Coffee", steps[2].types = {"Coffee"}, steps[2].required = true;
  steps[3].name = "Done", steps[3].types = {"done"}, steps[3].required = true;
  const auto found = coverage(steps, {"payment.taken", "shipParcel", "done", "audit.noted"});
  REQUIRE(found.steps.size() == 3);
  CHECK(found.steps[0].likely == "payment.taken");
  CHECK(found.steps[1].likely == "shipParcel");
  CHECK(found.steps[2].likely == "");
  REQUIRE(found.types.size() == 3);
  CHECK(found.types[0].likely == "Payment taken");
  CHECK(found.types[1].likely == "Parcel shipped");
  CHECK(found.types[2].likely == "");
}

TEST_CASE("coverage: a step takes the type that it is likest to, and each type goes to one (G118)") {
  std::vector<Step> steps(2);
  steps[0].name = "Order", steps[0].required = true;
  steps[1].name = "Order placed", steps[1].required = true;
  const auto found = coverage(steps, {"order.placed"});
  REQUIRE(found.steps.size() == 2);
  CHECK(found.steps[0].likely == "");
  CHECK(found.steps[1].likely == "order.placed");
  CHECK(likeness("OrderPlaced", "placed-order") == doctest::Approx(1));
  CHECK(likeness("", "a") == 0);
}
