// tests/support/mistreat.cpp - definitions damaged at random, and what must hold of a reader whatever it is given.
#include "tests/support/mistreat.hpp"

#include <algorithm>

#include "monitor/core/layout.hpp"
#include "monitor/core/net.hpp"
#include "monitor/edge/bpmn/read_bpmn.hpp"
#include "monitor/edge/bpmn/write_bpmn.hpp"
#include "monitor/edge/pnml/read_pnml.hpp"
#include "monitor/edge/yaml/read_yaml.hpp"
#include "monitor/edge/yaml/write_yaml.hpp"

namespace laban::test {
namespace {

using namespace monitor;

constexpr std::size_t longest = 200'000;  // a text that grows round by round tells nothing new

const std::vector<std::string>& words(Form form) {
  static const std::vector<std::string> xml{"<bpmn:task id='a'/>",
                                            "<bpmn:subProcess id='s'>",
                                            "</bpmn:subProcess>",
                                            "<![CDATA[",
                                            "]]>",
                                            "<!--",
                                            "-->",
                                            "<?x ?>",
                                            "<!DOCTYPE a [<!ENTITY b 'c'>]>",
                                            "&#0;",
                                            "&#x10ffff;",
                                            "&lt;",
                                            "xmlns:bpmn='urn:x'",
                                            "id='a'",
                                            "id=''",
                                            "sourceRef='t'",
                                            "targetRef='t'",
                                            "attachedToRef='b'",
                                            "default='f1'",
                                            "isForCompensation='true'",
                                            "triggeredByEvent='true'",
                                            "laban:event='x, y'",
                                            "laban:deadline='P99999999Y'",
                                            "<bpmn:sequenceFlow id='f1' sourceRef='t' targetRef='t'/>",
                                            "<bpmn:boundaryEvent id='q' attachedToRef='q'/>",
                                            "<transition id='t'>",
                                            "<arc id='a' source='t' target='t'/>",
                                            "\xff\xfe",
                                            "\xef\xbb\xbf",
                                            "encoding='UTF-16'",
                                            "\"",
                                            "'",
                                            "<",
                                            ">",
                                            "/>"};
  static const std::vector<std::string> yaml{"- ",
                                             "one of:",
                                             "all of: [a, b]",
                                             "any of:",
                                             "repeat:",
                                             "between:",
                                             "optional:",
                                             "each:",
                                             "group: g",
                                             "steps:",
                                             "on:",
                                             "meanwhile:",
                                             "after 2h:",
                                             "undo: all",
                                             "undo:",
                                             "end: failed",
                                             "stop:",
                                             "step: end",
                                             "within: 5m of a",
                                             "by: x",
                                             "id: start",
                                             "&a",
                                             "*a",
                                             "!!map",
                                             "<<: *a",
                                             "? ",
                                             ": ",
                                             "[",
                                             "]",
                                             "{",
                                             "}",
                                             "|",
                                             ">",
                                             "\"",
                                             "'",
                                             "#",
                                             "---",
                                             "...",
                                             "%YAML 1.1",
                                             "\t",
                                             "\xff",
                                             "\xef\xbb\xbf",
                                             "\0"};
  return form == Form::yaml ? yaml : xml;
}

bool in_range(std::uint32_t index, std::size_t size) {
  return index == no_index || index < size;
}

std::string indexes(const ProcessModel& model) {
  const std::size_t nodes = model.nodes.size(), scopes = model.scopes.size();
  if (scopes == 0) return "no scope";
  for (const auto& node : model.nodes) {
    if (node.scope >= scopes || !in_range(node.body, scopes)) return "scope of " + node.id;
    if (!in_range(node.attached_to, nodes) || !in_range(node.compensates, nodes)) return "reference of " + node.id;
    if (!in_range(node.default_flow, model.flows.size())) return "default flow of " + node.id;
    if (node.id.empty() || node.name.empty()) return "a node without id or name";
    if (node.kind == NodeKind::boundary_event && node.attached_to == no_index) return "a boundary event on nothing";
  }
  for (const auto& flow : model.flows)
    if (flow.from >= nodes || flow.to >= nodes) return "flow " + flow.id;
  for (const auto& message : model.messages)
    if (message.from >= nodes || message.to >= nodes) return "message flow " + message.id;
  for (std::size_t s = 1; s < scopes; ++s) {
    if (model.scopes[s].parent >= s || model.scopes[s].owner >= nodes) return "scope " + std::to_string(s);
    if (model.nodes[model.scopes[s].owner].body != s) return "owner of scope " + std::to_string(s);
  }
  for (const auto& pair : model.pair_deadlines)
    if (pair.from >= nodes || pair.to >= nodes) return "pair deadline";
  return "";
}

std::string uses_of(const ProcessModel& model) {
  if (const std::string wrong = indexes(model); !wrong.empty()) return "a bad index: " + wrong;
  if (drawing_of(model).shapes.size() > model.nodes.size()) return "more shapes than nodes";
  std::vector<Finding> findings;
  if (model.nodes.size() <= 60) compile(model, findings);
  const auto again = read_bpmn(write_bpmn(model), "again.bpmn", {}, Participants::apart);
  if (has_errors(again.findings)) return "what write_bpmn wrote is refused: " + again.findings.front().message;
  if (model.messages.empty() && (again.models.size() != 1 || again.models[0].nodes.size() != model.nodes.size()))
    return "what write_bpmn wrote has other nodes";
  const auto yaml = write_yaml(model, findings);
  if (!yaml || has_errors(findings)) return "";
  const auto reread = read_yaml(*yaml, "again.yaml");
  return has_errors(reread.findings) ? "what write_yaml wrote is refused: " + reread.findings.front().message : "";
}

std::string findings_of(const std::vector<Finding>& findings) {
  if (findings.size() > TextLimits{}.findings + 1) return "endless findings";
  for (const auto& finding : findings) {
    if (finding.id.empty() || finding.message.empty()) return "a finding that says nothing";
    if (finding.severity == Severity::error && finding.at.line == 0)
      return "an error that is nowhere: " + finding.message;
  }
  return "";
}

}  // namespace

// Puts one quoted value in the place of another: well-formed still, and wrong.
static void swap_names(std::string& text, std::mt19937_64& random) {
  const std::size_t from = text.find_first_of("'\"", random() % (text.size() + 1));
  const std::size_t other = text.find_first_of("'\"", random() % (text.size() + 1));
  if (from == std::string::npos || other == std::string::npos) return;
  const std::size_t from_end = text.find(text[from], from + 1), other_end = text.find(text[other], other + 1);
  if (from_end == std::string::npos || other_end == std::string::npos) return;
  text.replace(from + 1, from_end - from - 1, text.substr(other + 1, other_end - other - 1));
}

// Puts a line elsewhere, sometimes deeper or less deep, sometimes beside the old one.
static void move_line(std::string& text, std::mt19937_64& random) {
  const auto line_at = [&](std::size_t at) {
    const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    const std::size_t end = text.find('\n', at);
    return std::pair{begin, end == std::string::npos ? text.size() : end + 1};
  };
  const auto [begin, end] = line_at(random() % (text.size() + 1));
  std::string line = text.substr(begin, end - begin);
  if (random() % 3 != 0) text.erase(begin, end - begin);
  if (random() % 4 == 0) line.insert(0, "  ");
  if (random() % 4 == 0 && line.rfind("  ", 0) == 0) line.erase(0, 2);
  text.insert(line_at(random() % (text.size() + 1)).first, line);
}

std::string damaged(const std::string& text, Form form, std::mt19937_64& random) {
  std::string out = text;
  const auto any = [&](std::size_t below) {
    return static_cast<std::size_t>(random() % std::max<std::size_t>(below, 1));
  };
  for (std::size_t accidents = 1 + any(3) / 2; accidents > 0; --accidents) {
    const std::size_t at = any(out.size() + 1);
    const std::size_t length = std::min(1 + any(any(8) == 0 ? 400 : 12), out.size() - at);
    switch (any(14)) {
      case 0:
        if (at < out.size()) out[at] = static_cast<char>(out[at] ^ (1 << any(8)));
        break;
      case 1:
        if (at < out.size()) out[at] = static_cast<char>(any(256));
        break;
      case 2:
        out.erase(at, length);
        break;
      case 3:
        out.resize(at);
        break;
      case 4:
        out.insert(any(out.size() + 1), std::string{out, at, length});
        break;
      case 5:
        out.insert(at, words(form)[any(words(form).size())]);
        break;
      case 6: {
        const std::string piece = out.substr(at, length);
        out.erase(at, length);
        out.insert(any(out.size() + 1), piece);
        break;
      }
      case 7: {
        std::string nested;
        for (std::size_t depth = any(300); depth > 0; --depth) nested += words(form)[any(4)];
        out.insert(at, nested);
        break;
      }
      default:
        if (form == Form::yaml)
          move_line(out, random);
        else
          swap_names(out, random);
    }
    if (out.size() > longest) out.resize(longest);
  }
  return out;
}

const std::vector<std::string>& samples(Form form) {
  static const std::vector<std::string> bpmn{R"(<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:laban="urn:laban:bpmn" xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC">
<bpmn:message id="M" name="order.placed"/><bpmn:signal id="S" name="stop"/><bpmn:error id="E" name="broken"/>
<bpmn:collaboration id="c"><bpmn:participant id="P" name="Shop" processRef="p"/><bpmn:participant id="Q" processRef="q"/>
<bpmn:messageFlow id="mf" sourceRef="t" targetRef="qs"/></bpmn:collaboration>
<bpmn:process id="p" laban:deadline="PT1H" laban:scope="a.*">
<bpmn:laneSet><bpmn:lane id="l" name="Lane"><bpmn:flowNodeRef>t</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>
<bpmn:extensionElements><laban:deadline from="t" to="u" within="PT5M"/></bpmn:extensionElements>
<bpmn:startEvent id="s" laban:event="order.placed"><bpmn:messageEventDefinition messageRef="M"/></bpmn:startEvent>
<bpmn:exclusiveGateway id="g1" default="f3"/><bpmn:task id="t" name="Take &amp; give"><bpmn:standardLoopCharacteristics/></bpmn:task>
<bpmn:boundaryEvent id="b" attachedToRef="t"><bpmn:compensateEventDefinition/></bpmn:boundaryEvent>
<bpmn:task id="undo" isForCompensation="true"/><bpmn:association id="as" sourceRef="b" targetRef="undo"/>
<bpmn:userTask id="u"><bpmn:multiInstanceLoopCharacteristics isSequential="true"/></bpmn:userTask>
<bpmn:inclusiveGateway id="g2"/><bpmn:subProcess id="sub"><bpmn:startEvent id="ss"/><bpmn:parallelGateway id="pg"/>
<bpmn:endEvent id="se"><bpmn:errorEventDefinition errorRef="E"/></bpmn:endEvent>
<bpmn:sequenceFlow id="g1f" sourceRef="ss" targetRef="pg"/><bpmn:sequenceFlow id="g2f" sourceRef="pg" targetRef="se"/></bpmn:subProcess>
<bpmn:boundaryEvent id="be" attachedToRef="sub"><bpmn:errorEventDefinition errorRef="E"/></bpmn:boundaryEvent>
<bpmn:subProcess id="es" triggeredByEvent="true"><bpmn:startEvent id="ess" isInterrupting="false"><bpmn:timerEventDefinition/></bpmn:startEvent></bpmn:subProcess>
<bpmn:intermediateThrowEvent id="th"><bpmn:compensateEventDefinition/></bpmn:intermediateThrowEvent>
<bpmn:intermediateThrowEvent id="lt"><bpmn:linkEventDefinition name="L"/></bpmn:intermediateThrowEvent>
<bpmn:intermediateCatchEvent id="lc"><bpmn:linkEventDefinition name="L"/></bpmn:intermediateCatchEvent>
<bpmn:endEvent id="e" laban:outcome="failed"><bpmn:terminateEventDefinition/></bpmn:endEvent>
<bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="g1"/><bpmn:sequenceFlow id="f2" sourceRef="g1" targetRef="t"/>
<bpmn:sequenceFlow id="f3" sourceRef="g1" targetRef="u"/><bpmn:sequenceFlow id="f4" sourceRef="t" targetRef="g2"/>
<bpmn:sequenceFlow id="f5" sourceRef="u" targetRef="g2"/><bpmn:sequenceFlow id="f6" sourceRef="g2" targetRef="sub"/>
<bpmn:sequenceFlow id="f7" sourceRef="sub" targetRef="th"/><bpmn:sequenceFlow id="f8" sourceRef="th" targetRef="lt"/>
<bpmn:sequenceFlow id="f9" sourceRef="lc" targetRef="e"/><bpmn:sequenceFlow id="f10" sourceRef="be" targetRef="e"/>
</bpmn:process><bpmn:process id="q"><bpmn:receiveTask id="qs" messageRef="M"/></bpmn:process>
<di:BPMNDiagram><di:BPMNPlane bpmnElement="c"><di:BPMNShape bpmnElement="t"><dc:Bounds x="1" y="2" width="100" height="80"/></di:BPMNShape>
<di:BPMNEdge bpmnElement="f1"><dc:waypoint x="1" y="2"/><dc:waypoint x="3" y="4"/></di:BPMNEdge></di:BPMNPlane></di:BPMNDiagram>
</bpmn:definitions>)"};
  static const std::vector<std::string> yaml{R"(process: order
name: The order
version: "3"
correlation: orderId
exchange: shop
scope: [order.*, stock.#]
within: 2d
reruns: yes
deadlines: [{from: a, to: b, within: 1h}]
steps:
  - a: {by: order, within: 5m, undo: {unA: {by: order}}}
  - one of:
      quick: b
      slow: [c, {step: end, events: [x, y], starts: z}]
      none:
  - all of: [d, [e, f]]
  - any of:
      - g
      - optional: h
  - repeat: [i, j]
    between: k
  - each: [l]
    in turn: yes
  - group: m
    steps: [n, o: {expected: no}]
    within: 1h
    on: {p: [q, end: failed], after 2h: r}
    meanwhile: {s: t}
  - u: {within: 10s of a, optional: yes, id: uu, name: The U}
  - undo: all
  - stop: compensated
on: {v: [w, end: failed]}
)"};
  static const std::vector<std::string> pnml{
      R"(<?xml version="1.0"?><pnml><net id="n" type="http://www.pnml.org/version-2009/grammar/pnmlcoremodel">
<page id="g"><place id="p1"><initialMarking><text>1</text></initialMarking></place><place id="p2"/><place id="p3"/>
<transition id="t1"><name><text>a</text></name></transition><transition id="t2"><name><text>b</text></name>
<toolspecific tool="ProM" version="6.4" activity="$invisible$"/></transition>
<arc id="a1" source="p1" target="t1"/><arc id="a2" source="t1" target="p2"><inscription><text>2</text></inscription></arc>
<arc id="a3" source="p2" target="t2"/><arc id="a4" source="t2" target="p3"/></page>
<finalmarkings><marking><place idref="p3"><text>1</text></place></marking></finalmarkings></net></pnml>)"};
  return form == Form::bpmn ? bpmn : form == Form::yaml ? yaml : pnml;
}

std::string wrong_with(std::string_view bytes, Form form) {
  if (form == Form::pnml) {
    const auto read = read_pnml(bytes, "damaged.pnml");
    if (has_errors(read.findings) == read.net.has_value()) return "a net beside an error, or neither";
    return findings_of(read.findings);
  }
  const auto read = form == Form::bpmn ? read_bpmn(bytes, "damaged.bpmn") : read_yaml(bytes, "damaged.yaml");
  if (const std::string wrong = findings_of(read.findings); !wrong.empty()) return wrong;
  if (has_errors(read.findings)) return "";
  std::size_t nodes = 0, counted = 0;
  for (const auto& [element, count] : read.element_counts) counted += count;
  for (const auto& model : read.models) {
    nodes += model.nodes.size();
    if (const std::string wrong = uses_of(model); !wrong.empty()) return wrong;
  }
  return nodes > counted ? "nodes that were not counted" : "";
}

}  // namespace laban::test
