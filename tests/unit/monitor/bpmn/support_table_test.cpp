// tests/unit/monitor/bpmn/support_table_test.cpp - docs/bpmn-support.md, row by row: what is called exact follows small
// models as BPMN says and as a search over all markings does; what is called approximate says so, with its place.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "monitor/core/replay.hpp"
#include "monitor/edge/bpmn/read_bpmn.hpp"
#include "tests/support/checked_trace.hpp"
#include "tests/unit/monitor/core/naive_search.hpp"

using namespace laban::monitor;

namespace {

using Trace = std::vector<std::string>;

// A model and what it makes of traces: events with blanks between, traces with bars. `{E}` in the model is each element
// that the row names.
struct Case {
  std::string content;  // of a process; a whole file where it begins with <definitions
  std::string fits;
  std::string misfits;
  std::string warning;  // the finding that an approximate element leaves
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts{""};
  for (const char c : text)
    if (c == by)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

// "a>b>c" as sequence flows.
std::string flows(const std::string& ways) {
  std::string out;
  for (const auto& way : split(ways, ' ')) {
    const auto nodes = split(way, '>');
    for (std::size_t i = 1; i < nodes.size(); ++i)
      out.append("<sequenceFlow id='")
          .append(nodes[i - 1] + "-" + nodes[i])
          .append("' sourceRef='" + nodes[i - 1])
          .append("' targetRef='" + nodes[i] + "'/>\n");
  }
  return out;
}

std::string file_of(const std::string& content) {
  const std::string space = " xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'";
  if (content.rfind("<definitions", 0) == 0) return "<definitions" + space + content.substr(12);
  return "<definitions" + space +
         "><message id='M' name='order'/><message id='N' name='other'/><signal id='S' name='stop'/>" +
         "<error id='X' name='broken'/><escalation id='L' name='slow'/>\n<process id='p'>\n" + content +
         "</process></definitions>";
}

const std::string ends = "<startEvent id='s'/><endEvent id='e'/>\n";
const std::string task_a = "<task id='a'/>\n", task_b = "<task id='b'/>\n", task_h = "<task id='h'/>\n";
const std::string undone_a =
    "<task id='a'/><boundaryEvent id='ab' attachedToRef='a'><compensateEventDefinition/></boundaryEvent>"
    "<task id='ua' isForCompensation='true'/><association id='as' sourceRef='ab' targetRef='ua'/>\n";

std::string undone(const std::string& id) {
  std::string text = undone_a;
  for (const auto& [from, to] : {std::pair{"'a'", "'" + id + "'"}, std::pair{"'ab'", "'" + id + "b'"},
                                 std::pair{"'ua'", "'u" + id + "'"}, std::pair{"'as'", "'" + id + "s'"}})
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, std::string{from}.size(), to);
  return text;
}

std::string body(const std::string& element, const std::string& content, const std::string& ways) {
  return "<" + element + "><startEvent id='i'/><endEvent id='j'/>" + content + flows(ways) + "</" +
         split(element, ' ').front() + ">\n";
}

std::string boundary(const std::string& host, const std::string& definition, bool interrupting = true) {
  return "<boundaryEvent id='bd' attachedToRef='" + host + "'" + (interrupting ? "" : " cancelActivity='false'") +
         "><" + definition + "/></boundaryEvent>\n";
}

const std::string parallel_instances = "<multiInstanceLoopCharacteristics/>",
                  instances_in_turn = "<multiInstanceLoopCharacteristics isSequential='true'/>";

const std::map<std::string, std::vector<Case>>& cases() {
  static const std::string transaction =
      ends +
      body("transaction id='x'",
           undone("a") + "<exclusiveGateway id='g'/><endEvent id='k'><cancelEventDefinition/></endEvent>",
           "i>a>g>j g>k") +
      boundary("x", "cancelEventDefinition") + "<task id='u'/><task id='z'/>" + flows("s>x>z>e bd>u");
  static const std::string one_step = ends + "<{E} id='a'/>\n" + flows("s>a>e");
  static const std::map<std::string, std::vector<Case>> all{
      {"`task`, `userTask`, `manualTask`, `serviceTask`, `scriptTask`, `businessRuleTask`, `sendTask`, `receiveTask`",
       {{one_step, "a|s a|a e|s a e", "|a a|e a|b|s", ""}}},
      {"`callActivity`, `callChoreography`", {{one_step, "a|s a e", "|a a|e a|b", ""}}},
      {"`choreographyTask`",
       {{"<definitions><choreography id='c'>" + ends + "<choreographyTask id='a'/><choreographyTask id='b'/>" +
             flows("s>a>b>e") + "</choreography></definitions>",
         "a b", "|a|b a|a b a", ""}}},
      {"`subProcess`, `subChoreography`",
       {{ends + body("{E} id='x'", task_a + task_b, "i>a>b>j") + flows("s>x>e"), "a b|x a b|s x i a b j x e",
         "|x|a|b a|a x b", ""},
        {ends + "<{E} id='x'/>" + flows("s>x>e"), "x|s x e", "|x x", ""}}},
      {"`subProcess` with `triggeredByEvent`",
       {{ends + task_a + task_b +
             "<subProcess id='x' triggeredByEvent='true'><startEvent id='i'><timerEventDefinition/></startEvent>" +
             task_h + flows("i>h") + "</subProcess>" + flows("s>a>b>e"),
         "a b|a h|h|a b h|a i h", "a h b|h a|a h h|a", ""},
        {ends + task_a + task_b +
             "<subProcess id='x' triggeredByEvent='true'><startEvent id='i' isInterrupting='false'>"
             "<timerEventDefinition/></startEvent>" +
             task_h + flows("i>h") + "</subProcess>" + flows("s>a>b>e"),
         "a b|a h b|h a b|a b h|a h h b", "h|a h|h b a|a b b", ""}}},
      {"`subProcess` with `triggeredByEvent` that a compensation begins",
       {{ends + "<subProcess id='x'><startEvent id='i'/>" + task_a +
             "<subProcess id='y' triggeredByEvent='true'><startEvent "
             "id='yi'><compensateEventDefinition/></startEvent>" +
             task_h + "<task id='k'/>" + flows("yi>h>k") + "</subProcess>" + flows("i>a") + "</subProcess>" + task_b +
             "<intermediateThrowEvent id='t'><compensateEventDefinition/></intermediateThrowEvent>" +
             flows("s>x>b>t>e"),
         "a b h k|a b t yi h k e", "a b|a b h|h k a b|a h k b|a b k h", ""},
        {ends + "<subProcess id='x'><startEvent id='i'/>" + undone("a") +
             "<subProcess id='y' triggeredByEvent='true'><startEvent "
             "id='yi'><compensateEventDefinition/></startEvent>" +
             task_h + "<endEvent id='t'><compensateEventDefinition/></endEvent>" + flows("yi>h>t") + "</subProcess>" +
             flows("i>a") + "</subProcess><endEvent id='k'><compensateEventDefinition/></endEvent>" + flows("s>x>k"),
         "a h ua", "a|a ua|a ua h|a h", ""}}},
      {"`transaction`", {{transaction, "a z|a ua u", "a u|a ua z|ua|a z ua|a ua|z", ""}}},
      {"`adHocSubProcess`",
       {{ends + "<adHocSubProcess id='x'>" + task_a + task_b + "</adHocSubProcess>" + flows("s>x>e"), "a b a|b|a", "c",
         "ad-hoc"}}},
      {"`standardLoopCharacteristics`",
       {{ends + "<task id='a'><{E}/></task>" + flows("s>a>e"), "a|a a a", "|b", ""},
        {ends + "<task id='a'><{E} testBefore='true'/></task>" + task_b + flows("s>a>b>e"), "b|a b|a a b", "|a|b a",
         ""},
        {ends + body("subProcess id='x'", "<{E}/>" + task_a + task_b, "i>a>b>j") + flows("s>x>e"), "a b|a b a b",
         "|a b a|a a b b", ""}}},
      {"`multiInstanceLoopCharacteristics`",
       {{ends + "<task id='a'>" + parallel_instances + "</task>" + task_b + flows("s>a>b>e"), "a b|a a a b",
         "b|a|a b a", ""},
        {ends + "<task id='a'>" + instances_in_turn + "</task>" + task_b + flows("s>a>b>e"), "a b|a a a b", "b|a b a",
         ""},
        {ends + body("subProcess id='x'", instances_in_turn + task_a + task_b, "i>a>b>j") + flows("s>x>e"),
         "a b|a b a b", "|a|a a b b|b a", ""},
        {ends + body("subProcess id='x'", parallel_instances + task_a + task_b, "i>a>b>j") + task_h + flows("s>x>h>e"),
         "a b h|a a b b h|a b a b h|a a a a b b b b h|a a b a b b h", "h|a a b h|b a h|a b b h|a b h a b", ""},
        {ends +
             body("subProcess id='x'",
                  parallel_instances + "<parallelGateway id='g'/><parallelGateway id='k'/>" + task_a + task_b + task_h,
                  "i>g>a>k>h>j g>b>k") +
             flows("s>x>e"),
         "a b h|a a b b h h|a b a h b h", "a h b|a a b h|a a h h b b|a b h h", ""},
        {ends +
             body("subProcess id='x'",
                  parallel_instances + "<exclusiveGateway id='g'/><subProcess id='y'><startEvent id='yi'/>" + task_a +
                      task_b + flows("yi>a>b") + "</subProcess>" + task_h,
                  "i>g>y>h>j g>j") +
             boundary("x", "timerEventDefinition") + "<task id='u'/>" + flows("s>x>e bd>u"),
         "|a b h|a a b h b h|a a b u|u", "h|a b|a u h|a b h h", ""}}},
      {"`multiInstanceLoopCharacteristics`, parallel, where a choice, an inclusive part or an event stands between "
       "ways "
       "that meet",
       {{ends +
             body(
                 "subProcess id='x'",
                 parallel_instances + "<inclusiveGateway id='g'/><inclusiveGateway id='k'/>" + task_a + task_b + task_h,
                 "i>g>a>k>h>j g>b>k") +
             flows("s>x>e"),
         "a b h|a h b h", "h", "approximate"}}},
      {"`isForCompensation`",
       {{ends + undone("a") + "<intermediateThrowEvent id='t'><compensateEventDefinition/></intermediateThrowEvent>" +
             flows("s>a>t>e"),
         "a ua|a t ua", "a|ua a|ua|a ua ua", ""},
        {ends + undone("a") + flows("s>a>e"), "a|a ua", "ua a|a ua ua", ""}}},
      {"`startQuantity`, `completionQuantity` other than 1",
       {{ends + "<task id='a' {E}='2'/>" + flows("s>a>e"), "a", "", "quantity"}}},
      {"`startEvent`, `endEvent`, `intermediateCatchEvent`, `intermediateThrowEvent`, none and message",
       {{ends + task_a + task_b + "<intermediateCatchEvent id='c'/><intermediateThrowEvent id='t'/>" +
             flows("s>a>c>t>b>e"),
         "a b|s a c t b e|a c b|a t b", "c a b|a t c b|b|a c|a b c", ""},
        {"<startEvent id='s'><messageEventDefinition messageRef='M'/></startEvent><endEvent id='e'/>" + task_a +
             task_b +
             "<intermediateCatchEvent id='c'><messageEventDefinition messageRef='N'/></intermediateCatchEvent>" +
             flows("s>a>c>b>e"),
         "a b|order a other b|a other b", "other a b|a order b|order|a b other", ""}}},
      {"timer, conditional",
       {{ends + task_a + task_h + boundary("a", "timerEventDefinition") + flows("s>a>e bd>h"), "a|h|bd h", "a h|h a|",
         ""},
        {ends + task_a + task_h + boundary("a", "conditionalEventDefinition") + flows("s>a>e bd>h"), "a|h", "a h|h a|",
         ""},
        {ends + task_a + task_b + "<intermediateCatchEvent id='c'><timerEventDefinition/></intermediateCatchEvent>" +
             flows("s>a>c>b>e"),
         "a b|a c b", "a|c a b", ""}}},
      {"escalation, error",
       {{ends +
             body("subProcess id='x'",
                  task_a + "<exclusiveGateway id='g'/><endEvent id='k'><errorEventDefinition errorRef='X'/></endEvent>",
                  "i>a>g>j g>k") +
             boundary("x", "errorEventDefinition errorRef='X'") + task_b + task_h + flows("s>x>b>e bd>h"),
         "a b|a h|a k h", "h|a b h|a|a k b", ""},
        {ends + task_a + task_h + boundary("a", "errorEventDefinition") + flows("s>a>e bd>h"), "a|h", "a h|", ""},
        {ends +
             body("subProcess id='x'",
                  task_a + "<intermediateThrowEvent id='t'><escalationEventDefinition escalationRef='L'/>"
                           "</intermediateThrowEvent><task id='c'/>",
                  "i>a>t>c>j") +
             boundary("x", "escalationEventDefinition escalationRef='L'", false) + task_b + task_h +
             flows("s>x>b>e bd>h"),
         "a c h b|a h c b|a c b h", "a c b|h a c b|a h b", ""}}},
      {"signal",
       {{ends + task_a + task_h + boundary("a", "signalEventDefinition signalRef='S'") + flows("s>a>e bd>h"),
         "a|h|stop h", "a h|h a|", ""},
        {ends + task_a + task_b +
             "<intermediateCatchEvent id='c'><signalEventDefinition signalRef='S'/></intermediateCatchEvent>" +
             flows("s>a>c>b>e"),
         "a b|a stop b", "stop a b|a", ""}}},
      {"signal that is thrown in the process and interrupts, begins or decides something there",
       {{ends + task_a + task_b + task_h + boundary("a", "signalEventDefinition signalRef='S'") +
             "<parallelGateway id='g'/><intermediateThrowEvent id='t'><signalEventDefinition signalRef='S'/>"
             "</intermediateThrowEvent>" +
             flows("s>g>a>e g>t>b bd>h"),
         "b h|b a|a b", "a h b", "signal-within"}}},
      {"compensation, thrown",
       {{ends + undone("a") + undone("b") +
             "<intermediateThrowEvent id='t'><compensateEventDefinition/></intermediateThrowEvent>" +
             flows("s>a>b>t>e"),
         "a b ua ub|a b ub ua", "a b|a b ua|a ua b ub|b a ua ub", ""},
        {ends + undone("a") + undone("b") +
             "<intermediateThrowEvent id='t'><compensateEventDefinition activityRef='b'/></intermediateThrowEvent>" +
             flows("s>a>b>t>e"),
         "a b ub", "a b ua|a b|a b ub ua ub", ""}}},
      {"compensation, on a boundary",
       {{ends + undone("a") + task_b + "<endEvent id='k'><compensateEventDefinition/></endEvent>" + flows("s>a>b>k"),
         "a b ua", "a b|a ua b|ua a b", ""}}},
      {"cancel", {{transaction, "a z|a ua u", "a u|a ua z|a ua", ""}}},
      {"link",
       {{ends + task_a + task_b +
             "<intermediateThrowEvent id='t'><linkEventDefinition name='L'/></intermediateThrowEvent>"
             "<intermediateCatchEvent id='c'><linkEventDefinition name='L'/></intermediateCatchEvent>" +
             flows("s>a>t c>b>e"),
         "a b|a t c b", "a|b|b a|c b", ""}}},
      {"terminate",
       {{ends + task_a + task_b + "<parallelGateway id='g'/><endEvent id='k'><terminateEventDefinition/></endEvent>" +
             flows("s>g>a>k g>b>e"),
         "a|b a|a k", "b|a k b|a b b", ""},
        {ends +
             body("subProcess id='x'",
                  "<parallelGateway id='g'/><endEvent id='k'><terminateEventDefinition/></endEvent>" + task_a + task_b,
                  "i>g>a>k g>b>j") +
             task_h + flows("s>x>h>e"),
         "a h|b a h", "b h|a h b|a b", ""}}},
      {"`boundaryEvent`",
       {{ends + task_a + task_h + boundary("a", "messageEventDefinition messageRef='M'") + flows("s>a>e bd>h"),
         "a|h|order h", "a h|h a|order|", ""},
        {ends + task_a + task_h + boundary("a", "messageEventDefinition messageRef='M'", false) + flows("s>a>e bd>h"),
         "a|h a|order h a|order a h|h h a", "h|a order h|", ""}}},
      {"several definitions on one event",
       {{ends + task_a + task_h +
             "<boundaryEvent id='bd' attachedToRef='a'><messageEventDefinition messageRef='M'/>"
             "<messageEventDefinition messageRef='N'/></boundaryEvent>" +
             flows("s>a>e bd>h"),
         "a|order h|h", "a h|order other h|order", ""}}},
      {"`parallelMultiple`",
       {{ends + task_a +
             "<intermediateCatchEvent id='c' {E}='true'><messageEventDefinition messageRef='M'/><timerEventDefinition/>"
             "</intermediateCatchEvent>" +
             flows("s>a>c>e"),
         "a|a order", "order a", "parallel-multiple"}}},
      {"`exclusiveGateway`, `parallelGateway`",
       {{ends + task_a + task_b + task_h + "<exclusiveGateway id='g'/><exclusiveGateway id='k'/>" +
             flows("s>g>a>k>h>e g>b>k"),
         "a h|b h", "a b h|h|a", ""},
        {ends + task_a + task_b + task_h + "<parallelGateway id='g'/><parallelGateway id='k'/>" +
             flows("s>g>a>k>h>e g>b>k"),
         "a b h|b a h", "a h|a h b|h|a b", ""}}},
      {"`inclusiveGateway`",
       {{ends + task_a + task_b + task_h + "<task id='c'/><{E} id='g'/><{E} id='k'/>" +
             flows("s>g>a>k>h>e g>b>k g>c>k"),
         "a h|b h|c a h|b a c h", "a h b|h|a a h|a b", ""},
        {ends + task_a + task_b + task_h + "<{E} id='g' default='g-b'/><{E} id='k'/>" + flows("s>g>a>k>h>e g>b>k"),
         "a h|b h", "h|a h b", ""}}},
      {"`eventBasedGateway`",
       {{ends + task_a + task_b +
             "<{E} id='g'/><intermediateCatchEvent id='c'><messageEventDefinition messageRef='M'/>"
             "</intermediateCatchEvent><intermediateCatchEvent "
             "id='d'><timerEventDefinition/></intermediateCatchEvent>" +
             flows("s>g>c>a>e g>d>b>e"),
         "a|b|order a|d b", "order b|a b|order|", ""},
        {"<endEvent id='e'/>" + task_a + task_b +
             "<{E} id='g' instantiate='true'/><receiveTask id='c'/><receiveTask id='d'/>" + flows("g>c>a>e g>d>b>e"),
         "c a|d b", "a|c b|c a d b", ""},
        {"<endEvent id='e'/>" + task_a + task_b +
             "<{E} id='g' instantiate='true' eventGatewayType='Parallel'/><receiveTask id='c'/><receiveTask id='d'/>"
             "<endEvent id='k'/>" +
             flows("g>c>a>e g>d>b>k"),
         "c a d b|d c b a", "c a|c b|c a d", ""}}},
      {"`complexGateway`",
       {{ends + task_a + task_b + task_h + "<{E} id='g'/><{E} id='k'/>" + flows("s>g>a>k>h>e g>b>k"), "a b h|a h", "h",
         "complex-gateway"}}},
      {"`sequenceFlow`",
       {{ends + task_a + task_b + task_h +
             "<sequenceFlow id='f' sourceRef='a' "
             "targetRef='b'><conditionExpression>x</conditionExpression></sequenceFlow>"
             "<sequenceFlow id='g' sourceRef='a' "
             "targetRef='h'><conditionExpression>y</conditionExpression></sequenceFlow>" +
             flows("s>a b>e"),
         "a b|a h|a b h|a h b", "b|a b b|h a", ""},
        {ends + "<task id='a' default='a-b'/>" + task_b + task_h +
             "<sequenceFlow id='f' sourceRef='a' "
             "targetRef='h'><conditionExpression>x</conditionExpression></sequenceFlow>" +
             flows("s>a>b>e"),
         "a b|a h", "a|a b h", ""}}},
      {"`messageFlow`",
       {{"<definitions><collaboration id='k'><participant id='P' processRef='p'/><participant id='Q' processRef='q'/>"
         "<messageFlow id='m' sourceRef='a' targetRef='c'/></collaboration><process id='p'><startEvent id='s'/>"
         "<task id='a'/><task id='b'/>" +
             flows("s>a>b") + "</process><process id='q'><startEvent id='t'/><task id='d'/><receiveTask id='c'/>" +
             flows("t>d>c") + "</process></definitions>",
         "a b d c|d a c b|a d c b", "d c a b|a b d|c", ""}}},
      {"sequence flow that crosses a pool or a sub-process's border, enters a boundary event or leaves an end event",
       {{ends + body("subProcess id='x'", task_a, "i>a>j") + task_b + flows("s>x>e a>b"), "a", "",
         "flow-crosses-scope"},
        {"<definitions><process id='p'>" + ends + task_a + flows("s>a>e a>b") + "</process><process id='q'>" + task_b +
             "</process></definitions>",
         "a", "", "flow-crosses-pools"},
        {ends + task_a + task_b + boundary("a", "timerEventDefinition") + flows("s>a>e b>bd"), "a", "", "odd-flow"},
        {ends + task_a + task_b + flows("s>a>e>b"), "a", "", "odd-flow"}}},
      {"`collaboration`, `participant`",
       {{"<definitions><collaboration id='k'><participant id='P' processRef='p'/><participant id='Q' name='box'/>"
         "<messageFlow id='m' sourceRef='Q' targetRef='a'/></collaboration><process id='p'>" +
             ends + task_a + flows("s>a>e") + "</process></definitions>",
         "a", "|a a", ""}}},
      {"`choreography`",
       {{"<definitions><choreography id='c'>" + ends +
             "<choreographyTask id='a'/><exclusiveGateway id='g'/>"
             "<choreographyTask id='b'/>" +
             flows("s>a>g>b>e g>e") + "</choreography></definitions>",
         "a|a b", "b|a b b", ""}}},
  };
  return all;
}

struct Row {
  std::string name, mark;
};

std::vector<Row> rows() {
  std::ifstream in(LABAN_SOURCE_DIR "/docs/bpmn-support.md");
  REQUIRE(in);
  std::vector<Row> found;
  for (std::string line; std::getline(in, line);) {
    const auto cells = split(line, '|');
    if (cells.size() != 5 || cells[1].find_first_not_of(" -") == std::string::npos) continue;
    const Row row{one_line(cells[1]), one_line(cells[2])};
    if (row.name != "element") found.push_back(row);
  }
  return found;
}

// The words in backticks.
std::vector<std::string> elements(const std::string& name) {
  std::vector<std::string> found;
  const auto parts = split(name, '`');
  for (std::size_t i = 1; i < parts.size(); i += 2) found.push_back(parts[i]);
  if (found.empty()) found.emplace_back();
  return found;
}

std::string filled(std::string text, const std::string& element) {
  for (std::size_t at = text.find("{E}"); at != std::string::npos; at = text.find("{E}", at + element.size()))
    text.replace(at, 3, element);
  return text;
}

void follow(Definition& definition, const std::string& traces, bool fits) {
  if (traces.empty() && fits) return;
  for (const auto& text : split(traces, '|')) {
    CAPTURE(text);
    Trace trace;
    std::istringstream words{text};
    for (std::string word; words >> word;) trace.push_back(word);
    const CheckedTrace checked = laban::test::check(definition, trace);
    CHECK(checked.fit == fits);
    const bool many = std::any_of(definition.net().transitions.begin(), definition.net().transitions.end(),
                                  [](const Transition& transition) { return transition.further; });
    if (many && trace.size() > 3) continue;  // each event can be another instance's: too many markings to look at
    const auto naive = laban::test::NaiveSearch(definition.net()).run(trace);
    REQUIRE_FALSE(naive.too_large);
    CHECK(checked.fit == naive.fit);
    CHECK(checked.deviations.empty() == (naive.stuck_at < 0));
    if (naive.stuck_at < 0 || checked.deviations.empty()) continue;
    const auto& first = checked.deviations.front();
    CHECK(static_cast<int>(first.index) == naive.stuck_at);
    CHECK(std::set<std::string>(first.expected.begin(), first.expected.end()) == naive.expected);
  }
}

void try_case(const Case& one, const std::string& element, bool exact) {
  const std::string text = file_of(filled(one.content, element));
  CAPTURE(text);
  auto read = read_bpmn(text, "row.bpmn");
  REQUIRE_FALSE(has_errors(read.findings));
  REQUIRE_FALSE(read.models.empty());
  std::vector<Finding> findings = read.findings;
  const auto definition = Definition::of(std::move(read.models.front()), findings);
  CHECK(definition->net().approximate != exact);
  if (!exact) {
    const auto warning = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) {
      return finding.id == one.warning && finding.severity == Severity::warning && finding.at.line > 0;
    });
    CHECK(warning != findings.end());
  }
  follow(*definition, one.fits, true);
  if (!one.misfits.empty()) follow(*definition, one.misfits, false);
}

}  // namespace

TEST_CASE(
    "bpmn: every row of the table of elements is so, by a fitting and a misfitting trace of each element (G279)") {
  std::size_t tried = 0;
  for (const Row& row : rows()) {
    CAPTURE(row.name);
    CAPTURE(row.mark);
    if (row.mark != "exact" && row.mark != "approximate") continue;
    const auto found = cases().find(row.name);
    REQUIRE_MESSAGE(found != cases().end(), "this row has no test");
    ++tried;
    for (const Case& one : found->second) {
      CHECK_FALSE((row.mark == "exact" && (one.fits.empty() || one.misfits.empty())));
      const bool for_each = one.content.find("{E}") != std::string::npos;
      const auto named = elements(row.name);
      for (std::size_t i = 0; i < (for_each ? named.size() : 1); ++i) try_case(one, named[i], row.mark == "exact");
    }
  }
  CHECK(tried == cases().size());
}

TEST_CASE("bpmn: what the table calls ignored or kept changes nothing, and needs no warning (G279)") {
  const std::string plain = ends + task_a + task_b + flows("s>a>b>e");
  const std::map<std::string, std::string> added{
      {"`laneSet`, `lane`",
       "<laneSet id='ls'><lane id='l'><flowNodeRef>a</flowNodeRef></lane><lane id='l2'/></laneSet>"},
      {"`dataObject`, `dataStore`, `ioSpecification`, associations with data, `property`, `message`, `itemDefinition`, "
       "`resource`…",
       "<dataObject id='do'/><dataObjectReference id='dr' dataObjectRef='do'/><dataStoreReference id='ds'/>"
       "<ioSpecification id='io'><inputSet/><outputSet/></ioSpecification><property id='pr'/>"
       "<association id='as' sourceRef='dr' targetRef='a'/>"},
      {"`textAnnotation`, `group`, `documentation`, `extensionElements`",
       "<textAnnotation id='ta'><text>a</text></textAnnotation><group id='gr'/><documentation>b</documentation>"
       "<association id='as' sourceRef='ta' targetRef='a'/><extensionElements><x:y xmlns:x='urn:x' id='xy'/>"
       "</extensionElements>"},
      {"`BPMNDiagram`", ""},
      {"`conversation` and what is in it", ""},
  };
  std::size_t tried = 0;
  for (const Row& row : rows()) {
    if (row.mark != "ignored" && row.mark != "kept") continue;
    CAPTURE(row.name);
    const auto found = added.find(row.name);
    REQUIRE_MESSAGE(found != added.end(), "this row has no test");
    ++tried;
    std::string text = file_of(found->second + plain);
    if (found->second.empty())
      text.insert(text.rfind("</definitions>"),
                  row.mark == "kept" ? "<BPMNDiagram id='d'><BPMNPlane id='pl' bpmnElement='p'/></BPMNDiagram>"
                                     : "<collaboration id='k'><conversation id='cv'/><conversationLink id='cl' "
                                       "sourceRef='cv' targetRef='cv'/></collaboration>");
    CAPTURE(text);
    auto read = read_bpmn(text, "row.bpmn");
    for (const auto& finding : read.findings) MESSAGE(finding.message);
    CHECK(read.findings.empty());
    REQUIRE(read.models.size() == 1);
    std::vector<Finding> findings;
    const auto definition = Definition::of(std::move(read.models.front()), findings);
    CHECK_FALSE(definition->net().approximate);
    follow(*definition, "a b", true);
    follow(*definition, "|a|b a|a b b", false);
  }
  CHECK(tried == added.size());
}
