// tests/unit/monitor/pnml/read_pnml_test.cpp - nets from files, and what is said of those that hold none.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "monitor/edge/pnml/read_pnml.hpp"
#include "tests/support/checked_trace.hpp"

using namespace laban::monitor;

namespace {

std::string place(const std::string& id, const std::string& more = "") {
  return "<place id='" + id + "'><name><text>" + id + "</text></name>" + more + "</place>";
}
std::string transition(const std::string& id, const std::string& label, const std::string& more = "") {
  return "<transition id='" + id + "'>" + (label.empty() ? "" : "<name><text>" + label + "</text></name>") + more +
         "</transition>";
}
std::string arc(const std::string& from, const std::string& to, const std::string& more = "") {
  return "<arc id='" + from + to + "' source='" + from + "' target='" + to + "'>" + more + "</arc>";
}
std::string pnml(const std::string& content, const std::string& after = "") {
  return "<?xml version='1.0'?>\n<pnml><net id='n' type='x'><page id='g'>" + content + "</page>" + after +
         "</net></pnml>";
}

// start -a-> p -(silent)-> q -b-> end, with p -c-> end as well.
std::string small(const std::string& silent) {
  return place("start") + place("p") + place("q") + place("end") + transition("a", "A") + silent +
         transition("b", "B") + transition("c", "C") + arc("start", "a") + arc("a", "p") + arc("p", "s") +
         arc("s", "q") + arc("q", "b") + arc("b", "end") + arc("p", "c") + arc("c", "end");
}

bool fits(const std::string& text, const std::vector<std::string>& trace) {
  auto file = read_pnml(text, "net.pnml");
  REQUIRE(file.net);
  auto definition = Definition::of(std::move(*file.net), "n");
  return laban::test::check(*definition, trace).fit;
}

}  // namespace

TEST_CASE("pnml: unlabelled, invisible and ProM-marked transitions are silent") {
  for (const std::string& silent :
       {transition("s", ""),
        transition("s", "skip", "<toolspecific tool='ProM' version='6.4' activity='$invisible$'/>"),
        transition("s", "invisible"), transition("s", "  ")}) {
    const auto text = pnml(small(silent));
    CAPTURE(text);
    CHECK(fits(text, {"A", "B"}));
    CHECK(fits(text, {"A", "C"}));
    CHECK_FALSE(fits(text, {"A"}));
    CHECK_FALSE(fits(text, {"B"}));
  }
  CHECK_FALSE(fits(pnml(small(transition("s", "skip"))), {"A", "B"}));
}

TEST_CASE("pnml: initial and final markings are the file's where it has them") {
  const std::string content = place("p", "<initialMarking><text>2</text></initialMarking>") + place("q") +
                              place("spare") + transition("a", "A") + transition("b", "B") + arc("p", "a") +
                              arc("a", "q") + arc("q", "b", "<inscription><text>2</text></inscription>") +
                              arc("b", "spare") + arc("spare", "a2") + transition("a2", "Again") + arc("a2", "p");
  const std::string finals =
      "<finalmarkings><marking><place idref='q'><text>2</text></place></marking>"
      "<marking><place idref='spare'><text>1</text></place><place idref='q'><text>0</text></place></marking>"
      "</finalmarkings>";
  CHECK(fits(pnml(content, finals), {"A", "A"}));
  CHECK(fits(pnml(content, finals), {"A", "A", "B"}));
  CHECK_FALSE(fits(pnml(content, finals), {"A"}));
}

TEST_CASE("pnml: reset, inhibitor and read arcs are followed") {
  const std::string one = "<initialMarking><text>1</text></initialMarking>";
  const std::string content = place("p", one) + place("x") + place("end") + transition("a", "A") +
                              transition("b", "B") + arc("p", "a") + arc("a", "x") + arc("a", "p2") + place("p2") +
                              arc("p2", "b") + arc("b", "end");
  const auto with = [&](const std::string& kind) {
    return pnml(content + arc("x", "b", "<arctype><text>" + kind + "</text></arctype>"));
  };
  CHECK_FALSE(fits(with("inhibitor"), {"A", "B"}));
  CHECK(fits(with("reset"), {"A", "B"}));
  CHECK(fits(with("normal"), {"A", "B"}));
}

TEST_CASE("pnml: what is no net is refused with its place (G101)") {
  const std::vector<std::string> bad{
      "",
      "nothing",
      "<pnml></pnml>",
      "<bpmn/>",
      pnml(""),
      pnml(place("p") + transition("t", "T") + arc("p", "nowhere")),
      pnml(place("p") + place("p") + transition("t", "T")),
      pnml(place("p", "<initialMarking><text>99999999999999999999</text></initialMarking>") + transition("t", "T")),
      pnml(small(transition("s", ""))).substr(0, 200),
      "<!DOCTYPE x [<!ENTITY a 'b'>]><pnml>&a;</pnml>",
  };
  for (const auto& text : bad) {
    CAPTURE(text);
    const auto file = read_pnml(text, "net.pnml");
    CHECK_FALSE(file.net);
    REQUIRE_FALSE(file.findings.empty());
    CHECK(file.findings.front().at.file == "net.pnml");
    CHECK(file.findings.front().message.find('\n') == std::string::npos);
  }
}
