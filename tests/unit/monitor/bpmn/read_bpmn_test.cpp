// tests/unit/monitor/bpmn/read_bpmn_test.cpp - what the BPMN reader makes of files as modelling tools write
// them.
#include "monitor/edge/bpmn/read_bpmn.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace laban::monitor;

namespace {

std::string definitions(const std::string& content) {
  return R"(<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:laban="urn:laban:bpmn">)" +
         content + "</bpmn:definitions>";
}

std::string process(const std::string& content) {
  return definitions("<bpmn:process id=\"p\">" + content + "</bpmn:process>");
}

const Node& node(const DefinitionFile& file, const std::string& id) {
  for (const auto& model : file.models)
    for (const auto& candidate : model.nodes)
      if (candidate.id == id) return candidate;
  FAIL("no node " << id);
  static const Node none;
  return none;
}

const Finding* finding(const DefinitionFile& file, const std::string& id) {
  for (const auto& candidate : file.findings)
    if (candidate.id == id) return &candidate;
  return nullptr;
}

}  // namespace

TEST_CASE("bpmn: a sequence of activities keeps its nodes, flows and names (G110)") {
  const auto file = read_bpmn(process(R"(
    <bpmn:startEvent id="s"/><bpmn:userTask id="a" name="Check&#10;the  order"/><bpmn:endEvent id="e"/>
    <bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="a"/><bpmn:sequenceFlow id="f2" sourceRef="a" targetRef="e"/>)"),
                              "x.bpmn");
  CHECK(file.findings.empty());
  REQUIRE(file.models.size() == 1);
  CHECK(file.models[0].flows.size() == 2);
  CHECK(file.element_counts ==
        std::map<std::string, std::uint32_t>{{"startEvent", 1}, {"userTask", 1}, {"endEvent", 1}});
  const auto& task = node(file, "a");
  CHECK(task.name == "Check the order");
  CHECK(task.shows == Shows::required);
  CHECK(std::count(task.types.begin(), task.types.end(), "a") == 1);
  CHECK(std::count(task.types.begin(), task.types.end(), "Check the order") == 1);
  CHECK(node(file, "s").shows == Shows::optional);
  CHECK(task.at.line == 3);
  CHECK(task.at.column == 30);
}

TEST_CASE("bpmn: the prefix of the namespace does not matter") {
  for (const std::string prefix : {"", "bpmn2:", "semantic:", "x-y.z:"}) {
    const std::string declared = prefix.empty() ? "xmlns" : "xmlns:" + prefix.substr(0, prefix.size() - 1);
    const auto file = read_bpmn("<" + prefix + "definitions " + declared +
                                    "='http://www.omg.org/spec/BPMN/20100524/MODEL'><" + prefix + "process id='p'><" +
                                    prefix + "task id='t'/></" + prefix + "process></" + prefix + "definitions>",
                                "x.bpmn");
    CHECK(file.findings.empty());
    CHECK(file.element_counts.at("task") == 1);
  }
}

TEST_CASE("bpmn: what refers to nothing is a located error (G111)") {
  const auto file =
      read_bpmn(process("<bpmn:task id='a'/>\n<bpmn:sequenceFlow id='f' sourceRef='a' targetRef='gone'/>"), "x.bpmn");
  REQUIRE(finding(file, "broken-flow") != nullptr);
  CHECK(finding(file, "broken-flow")->severity == Severity::error);
  CHECK(finding(file, "broken-flow")->at.line == 3);
  CHECK(finding(file, "broken-flow")->at.column == 1);
  CHECK(file.element_counts.at("task") == 1);
}

TEST_CASE("bpmn: foreign, empty and cut files are refused with one error (G111)") {
  const auto only_error = [](const std::string& text) {
    const auto file = read_bpmn(text, "x.bpmn");
    REQUIRE(file.findings.size() == 1);
    CHECK(file.findings[0].severity == Severity::error);
    CHECK(file.models.empty());
    return file.findings[0].id;
  };
  CHECK(only_error("") == "empty-file");
  CHECK(only_error(" \n ") == "empty-file");
  CHECK(only_error("steps: [a, b]") == "not-xml");
  CHECK(only_error("<html><body/></html>") == "not-bpmn");
  CHECK(only_error("<definitions xmlns='http://www.omg.org/spec/DMN/20151101/dmn.xsd'/>") == "not-bpmn");
  const std::string whole = process("<bpmn:task id='a'/>");
  for (std::size_t length = 130; length < whole.size(); length += 7)
    CHECK(only_error(whole.substr(0, length)) == "not-xml");
}

TEST_CASE("bpmn: entity bombs, deep nesting and endless names are refused before they are parsed (G112)") {
  const auto refused = [](const std::string& text) {
    const auto file = read_bpmn(text, "x.bpmn");
    REQUIRE(!file.findings.empty());
    CHECK(file.findings[0].severity == Severity::error);
    return file.findings[0].id;
  };
  CHECK(refused("<!DOCTYPE d [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><definitions>&b;</definitions>") == "entities");
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  CHECK(refused(deep) == "too-deep");
  CHECK(refused("<" + std::string(1 << 20, 'a') + "/>") == "name-too-long");
  CHECK(refused("<a " + std::string(1 << 20, 'a') + "='1'/>") == "name-too-long");
  CHECK(refused(process("<bpmn:task id='" + std::string(1 << 20, 'a') + "'/>")) == "name-too-long");
  std::string nested;
  for (int i = 0; i < 5000; ++i) nested += "<bpmn:subProcess id='s" + std::to_string(i) + "'>";
  CHECK(refused(process(nested)) == "too-deep");
  TextLimits small;
  small.bytes = 100;
  CHECK(read_bpmn(process("<bpmn:task id='a'/>"), "x.bpmn", small).findings.at(0).id == "too-large");
}

TEST_CASE("bpmn: a document type without entities is skipped") {
  const auto file = read_bpmn(
      "<!DOCTYPE definitions SYSTEM 'file:///etc/passwd'>"
      "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'><process id='p'>"
      "<task id='t' name='&xxe;'/></process></definitions>",
      "x.bpmn");
  CHECK(!has_errors(file.findings));
  CHECK(node(file, "t").name == "&xxe;");
}

TEST_CASE("bpmn: every encoding that modelling tools write gives the same names") {
  const std::string body =
      "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'><process id='p'><task id='t' "
      "name='Prüfen'/>"
      "</process></definitions>";
  std::string latin = "<?xml version='1.0' encoding='ISO-8859-1'?>" + body;
  latin.replace(latin.find("ü"), 2, "\xfc");
  const std::string utf8 = "\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>" + body;
  std::string utf16 = "\xff\xfe";
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (static_cast<unsigned char>(body[i]) == 0xc3) {
      utf16 += std::string{"\xfc\0", 2};
      ++i;
    } else {
      utf16 += std::string{body[i], '\0'};
    }
  }
  for (const auto& text : {latin, utf8, utf16}) {
    const auto file = read_bpmn(text, "x.bpmn");
    CHECK(file.findings.empty());
    CHECK(node(file, "t").name == "Prüfen");
  }
  const auto mislabelled = read_bpmn(latin.substr(latin.find("<definitions")), "x.bpmn");
  CHECK(finding(mislabelled, "encoding") != nullptr);
  CHECK(!has_errors(mislabelled.findings));
}

TEST_CASE("bpmn: all flow nodes count, also nested ones, and data and vendor elements do not (G110)") {
  const auto file = read_bpmn(definitions(R"(
    <bpmn:message id="m" name="order.placed"/>
    <bpmn:process id="p"><bpmn:extensionElements><bpmn:task id="no"/></bpmn:extensionElements>
      <bpmn:subProcess id="sub"><bpmn:task id="t"><bpmn:ioSpecification><bpmn:dataInput id="d"/></bpmn:ioSpecification>
      <bpmn:standardLoopCharacteristics testBefore="true"/></bpmn:task>
        <bpmn:transaction id="x"><bpmn:sendTask id="y" messageRef="m"/></bpmn:transaction>
      </bpmn:subProcess><bpmn:dataObject id="o"/><bpmn:textAnnotation id="n"/>
      <bpmn:boundaryEvent id="b" attachedToRef="sub" cancelActivity="false"><bpmn:timerEventDefinition>
        <bpmn:timeDuration>PT2H</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:boundaryEvent>
      <bpmn:task xmlns:bpmn="urn:other" id="foreign"/>
    </bpmn:process>
    <bpmn:process id="q"><bpmn:startEvent id="qs"><bpmn:messageEventDefinition messageRef="m"/></bpmn:startEvent></bpmn:process>)"),
                              "x.bpmn");
  CHECK(!has_errors(file.findings));
  CHECK(file.element_counts == std::map<std::string, std::uint32_t>{{"subProcess", 1},
                                                                    {"task", 1},
                                                                    {"transaction", 1},
                                                                    {"sendTask", 1},
                                                                    {"boundaryEvent", 1},
                                                                    {"startEvent", 1}});
  REQUIRE(file.models.size() == 2);
  CHECK(node(file, "t").repeats == Repeats::loop);
  CHECK(node(file, "t").may_run_zero_times);
  CHECK(node(file, "sub").shows == Shows::optional);
  CHECK(node(file, "sub").deadline == std::chrono::hours{2});
  CHECK(!node(file, "b").interrupting);
  CHECK(node(file, "b").attached_to == 0);
  CHECK(node(file, "y").message == "order.placed");
  CHECK(node(file, "y").scope == node(file, "x").body);
  CHECK(std::count(node(file, "qs").types.begin(), node(file, "qs").types.end(), "order.placed") == 1);
}

TEST_CASE("bpmn: laban's attributes bind events, publishers, deadlines and outcomes") {
  const auto file = read_bpmn(definitions(R"(
    <bpmn:process id="p" laban:scope="order.*, stock.#" laban:deadline="2d" laban:reruns="true">
      <bpmn:startEvent id="s" laban:event="order.placed, order.reordered" laban:publishers="order"/>
      <bpmn:task id="t" laban:deadline="PT30M"><bpmn:extensionElements><camunda:properties xmlns:camunda="urn:c">
        <camunda:property name="laban:event" value="payment.taken"/></camunda:properties></bpmn:extensionElements></bpmn:task>
      <bpmn:endEvent id="e" laban:outcome="failed"/></bpmn:process>)"),
                              "x.bpmn");
  const auto& model = file.models.at(0);
  CHECK(model.scope_patterns == std::vector<std::string>{"order.*", "stock.#"});
  CHECK(model.deadline == std::chrono::hours{48});
  CHECK(model.reruns);
  CHECK(node(file, "s").bound);
  CHECK(node(file, "s").shows == Shows::required);
  CHECK(node(file, "s").types == std::vector<std::string>{"order.placed", "order.reordered", "s"});
  CHECK(node(file, "s").publishers == std::vector<std::string>{"order"});
  CHECK(node(file, "t").types.at(0) == "payment.taken");
  CHECK(node(file, "t").deadline == std::chrono::minutes{30});
  CHECK(node(file, "e").outcome == Outcome::failed);
}

TEST_CASE("bpmn: a file with nothing to monitor says so (G113)") {
  CHECK(finding(read_bpmn(definitions(""), "x.bpmn"), "nothing-to-monitor") != nullptr);
  CHECK(finding(read_bpmn(process(""), "x.bpmn"), "nothing-to-monitor") != nullptr);
  CHECK(finding(read_bpmn(process("<bpmn:startEvent id='s'/>"), "x.bpmn"), "nothing-expected") != nullptr);
}

TEST_CASE("bpmn: flows that name their ends only by incoming and outgoing are found") {
  const auto file =
      read_bpmn(process("<bpmn:task id='a'><bpmn:outgoing>f</bpmn:outgoing></bpmn:task>"
                        "<bpmn:task id='b'><bpmn:incoming>f</bpmn:incoming></bpmn:task><bpmn:sequenceFlow id='f'/>"),
                "x.bpmn");
  REQUIRE(file.models.at(0).flows.size() == 1);
  CHECK(file.models[0].flows[0].from == 0);
  CHECK(file.models[0].flows[0].to == 1);
}

TEST_CASE("bpmn: a compensation activity knows what it undoes") {
  const auto file = read_bpmn(process(R"(<bpmn:task id="book"/><bpmn:task id="cancel" isForCompensation="true"/>
    <bpmn:boundaryEvent id="b" attachedToRef="book"><bpmn:compensateEventDefinition/></bpmn:boundaryEvent>
    <bpmn:association id="x" sourceRef="b" targetRef="cancel"/>)"),
                              "x.bpmn");
  CHECK(node(file, "cancel").for_compensation);
  CHECK(node(file, "cancel").compensates == 0);
}

namespace {

const char* const collaboration = R"(
  <bpmn:collaboration id="deal" name="The deal">
    <bpmn:participant id="P1" name="Buyer" processRef="buyer"/><bpmn:participant id="P2" name="Seller" processRef="seller"/>
    <bpmn:participant id="P3" name="Bank"/>
    <bpmn:messageFlow id="m1" sourceRef="order" targetRef="accept"/><bpmn:messageFlow id="m2" sourceRef="pay" targetRef="P3"/>
  </bpmn:collaboration>
  <bpmn:process id="buyer"><bpmn:task id="order"/><bpmn:subProcess id="settle"><bpmn:task id="pay"/></bpmn:subProcess>
    <bpmn:sequenceFlow id="f1" sourceRef="order" targetRef="settle"/></bpmn:process>
  <bpmn:process id="seller"><bpmn:receiveTask id="accept"/><bpmn:subProcess id="pack"><bpmn:task id="wrap"/></bpmn:subProcess>
    <bpmn:sequenceFlow id="f2" sourceRef="accept" targetRef="pack"/></bpmn:process>
  <bpmn:process id="other"><bpmn:task id="alone"/></bpmn:process>)";

}  // namespace

TEST_CASE("bpmn: participants that exchange messages are one process, others stay apart (G115)") {
  const auto file = read_bpmn(definitions(collaboration), "x.bpmn");
  REQUIRE(file.models.size() == 2);
  const auto& deal = file.models[0];
  CHECK(deal.id == "deal");
  CHECK(deal.name == "The deal");
  REQUIRE(deal.messages.size() == 1);
  CHECK(deal.nodes[deal.messages[0].from].id == "order");
  CHECK(deal.nodes[deal.messages[0].to].id == "accept");
  CHECK(node(file, "accept").participant == "Seller");
  CHECK(node(file, "accept").scope == 0);
  CHECK(deal.scopes[node(file, "wrap").scope].parent == 0);
  CHECK(deal.nodes[deal.scopes[node(file, "wrap").scope].owner].id == "pack");
  CHECK(deal.nodes[deal.flows.at(1).from].id == "accept");
  CHECK(file.models[1].id == "other");
}

TEST_CASE("bpmn: participants can be read as processes of their own") {
  const auto file = read_bpmn(definitions(collaboration), "x.bpmn", {}, Participants::apart);
  REQUIRE(file.models.size() == 3);
  CHECK(file.models[0].id == "buyer");
  CHECK(file.models[1].messages.empty());
}
