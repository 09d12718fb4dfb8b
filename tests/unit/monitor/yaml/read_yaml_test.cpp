// tests/unit/monitor/yaml/read_yaml_test.cpp - what the YAML form means, and how it says what is wrong.
#include "monitor/edge/yaml/read_yaml.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace laban::monitor;

namespace {

DefinitionFile steps(const std::string& text) {
  return read_yaml("process: p\nsteps:\n" + text, "p.yaml");
}

std::size_t count(const ProcessModel& model, NodeKind kind) {
  return static_cast<std::size_t>(
      std::count_if(model.nodes.begin(), model.nodes.end(), [&](const Node& node) { return node.kind == kind; }));
}

const Node& node(const ProcessModel& model, const std::string& id) {
  for (const auto& candidate : model.nodes)
    if (candidate.id == id) return candidate;
  FAIL("no node " << id);
  static const Node none;
  return none;
}

bool flows(const ProcessModel& model, const std::string& from, const std::string& to) {
  return std::any_of(model.flows.begin(), model.flows.end(), [&](const Flow& flow) {
    return model.nodes[flow.from].id == from && model.nodes[flow.to].id == to;
  });
}

// The one error of the file as "line:column id".
std::string error(const DefinitionFile& file) {
  std::string out;
  for (const auto& finding : file.findings)
    if (finding.severity == Severity::error)
      out += (out.empty() ? "" : " ") + std::to_string(finding.at.line) + ":" + std::to_string(finding.at.column) +
             " " + finding.id;
  return out;
}

}  // namespace

TEST_CASE("yaml: steps follow one another between a silent start and end") {
  const auto file = steps("  - order.placed: {by: order, within: 5m}\n  - parcel.shipped\n");
  CHECK(file.findings.empty());
  const auto& model = file.models.at(0);
  CHECK(flows(model, "start", "order.placed"));
  CHECK(flows(model, "order.placed", "parcel.shipped"));
  CHECK(flows(model, "parcel.shipped", "completed"));
  CHECK(node(model, "order.placed").publishers == std::vector<std::string>{"order"});
  CHECK(node(model, "order.placed").deadline == std::chrono::minutes{5});
  CHECK(node(model, "order.placed").shows == Shows::required);
  CHECK(node(model, "start").shows == Shows::silent);
  CHECK(node(model, "parcel.shipped").at.line == 4);
}

TEST_CASE("yaml: alternatives, parallel ways and options split and join") {
  const auto file = steps(R"(
  - one of:
      quick: a
      slow: [b, c]
      none:
  - all of:
      - d
      - [e, f]
  - any of: [g, h]
  - optional: i
  - j: {optional: yes}
)");
  CHECK(error(file) == "");
  const auto& model = file.models.at(0);
  CHECK(count(model, NodeKind::exclusive_gateway) == 6);
  CHECK(count(model, NodeKind::parallel_gateway) == 2);
  CHECK(count(model, NodeKind::inclusive_gateway) == 2);
  CHECK(flows(model, "one", "one-2"));  // the empty way
  CHECK(flows(model, "b", "c"));
  CHECK(std::any_of(model.flows.begin(), model.flows.end(), [](const Flow& flow) { return flow.name == "quick"; }));
}

TEST_CASE("yaml: what repeats goes back, by way of what lies between") {
  const auto file = steps("  - repeat: [submit, check]\n    between: rework\n  - done\n");
  CHECK(error(file) == "");
  const auto& model = file.models.at(0);
  CHECK(flows(model, "one", "submit"));
  CHECK(flows(model, "check", "one-2"));
  CHECK(flows(model, "one-2", "rework"));
  CHECK(flows(model, "rework", "one"));
  CHECK(flows(model, "one-2", "done"));
}

TEST_CASE("yaml: a step names what undoes it, and an end its outcome") {
  const auto file = steps(R"(
  - taken: {undo: {refunded: {by: payment}}}
  - one of:
      - [shipped]
      - [failed, undo: all, end: compensated]
      - [lost, undo: taken, stop: failed]
)");
  CHECK(error(file) == "");
  const auto& model = file.models.at(0);
  const auto& refund = node(model, "refunded");
  CHECK(refund.for_compensation);
  CHECK(model.nodes[refund.compensates].id == "taken");
  CHECK(node(model, "undo").event == EventKind::compensation);
  CHECK(node(model, "undo").compensates == no_index);
  CHECK(model.nodes[node(model, "undo-2").compensates].id == "taken");
  CHECK(node(model, "compensated").outcome == Outcome::compensated);
  CHECK(node(model, "failed-2").event == EventKind::terminate);
  CHECK(node(model, "failed-2").outcome == Outcome::failed);
}

TEST_CASE("yaml: groups and whole processes react to events while they run") {
  const auto file = steps(R"(
  - group: fulfilment
    steps: [pick, pack]
    on: {stock.missing: [apologise, end: failed]}
    meanwhile: {address.changed: relabel}
on:
  order.withdrawn: [stop: failed]
)");
  CHECK(error(file) == "");
  const auto& model = file.models.at(0);
  CHECK(model.nodes[node(model, "stock.missing").attached_to].id == "fulfilment");
  CHECK(node(model, "stock.missing").interrupting);
  CHECK(!node(model, "address.changed").interrupting);
  CHECK(node(model, "pick").scope == node(model, "fulfilment").body);
  CHECK(node(model, "on order.withdrawn").kind == NodeKind::event_sub_process);
}

TEST_CASE("yaml: the frame says correlation, scope, reruns and deadlines") {
  const auto file = read_yaml(R"(
process: p
name: The process
version: 3
correlation: orderId
exchange: shop
scope: [order.*, stock.#]
reruns: yes
within: 2d
deadlines: [{from: a, to: b, within: 1h 30m}]
steps: [a, b: {within: 10s of a}]
)",
                              "p.yaml");
  CHECK(error(file) == "");
  const auto& model = file.models.at(0);
  CHECK(model.name == "The process");
  CHECK(model.version == "3");
  CHECK(model.correlation == "orderId");
  CHECK(model.scope_exchange == "shop");
  CHECK(model.scope_patterns == std::vector<std::string>{"order.*", "stock.#"});
  CHECK(model.reruns);
  CHECK(model.deadline == std::chrono::hours{48});
  REQUIRE(model.pair_deadlines.size() == 2);
  for (const auto& pair : model.pair_deadlines) {
    CHECK(model.nodes[pair.from].id == "a");
    CHECK(model.nodes[pair.to].id == "b");
  }
}

TEST_CASE("yaml: mistakes are found where they stand, all in one run (G111)") {
  CHECK(error(read_yaml("", "p.yaml")) == "1:1 empty-file");
  CHECK(error(read_yaml("process: p", "p.yaml")) == "1:1 not-a-definition");
  CHECK(error(read_yaml("[a, b", "p.yaml")) != "");
  CHECK(error(read_yaml("a: b: c", "p.yaml")) != "");
  CHECK(error(read_yaml("process: p\nstep: [a]", "p.yaml")) == "2:1 unknown-key");
  CHECK(error(steps("  - a: {bye: order}\n  - b: {within: soon}\n")) == "3:9 unknown-key 4:17 bad-duration");
  CHECK(error(steps("  - one off: [a, b]\n")) == "3:5 unknown-key");
  CHECK(error(steps("  - one of: [a]\n")) == "3:13 too-few-ways");
  CHECK(error(steps("  - end: done\n")) == "3:10 unknown-outcome");
  CHECK(error(steps("  - end: failed\n  - a\n")) == "4:5 never-reached");
  CHECK(error(steps("  - a\n  - undo: b\n")) == "4:11 unknown-step");
  CHECK(error(steps("  - a: {by: x, by: y}\n")) == "3:16 duplicate-key");
  CHECK(error(steps("  - a: {}\n    b: {}\n")) == "4:5 not-a-step");
}

TEST_CASE("yaml: an unknown key suggests the one that was meant") {
  const auto file = steps("  - a: {witin: 5m}\n");
  REQUIRE(file.findings.size() == 1);
  CHECK(file.findings[0].message.find("did you mean 'within'?") != std::string::npos);
}

TEST_CASE("yaml: aliases, deep nesting and endless texts are refused (G112)") {
  CHECK(error(steps("  - &a [x, y]\n  - &b [*a, *a]\n  - [*b, *b]\n")) == "4:9 alias");
  const auto refused = [](const std::string& text) { return !error(steps(text)).empty(); };
  CHECK(refused("  - " + std::string(100'000, '[')));
  CHECK(refused("  - " + std::string(1'000'000, '{')));
  std::string dashes;
  for (int i = 0; i < 50'000; ++i) dashes += "- ";
  CHECK(refused("  " + dashes));
  std::string ladder;
  for (int i = 0; i < 2000; ++i) ladder += std::string(static_cast<std::size_t>(2 * i), ' ') + "- - \n";
  CHECK(refused(ladder));
  CHECK(refused("  - " + std::string(1 << 20, 'a')));
  CHECK(error(read_yaml(std::string(5u << 20, ' '), "p.yaml")) == "1:1 too-large");
}
