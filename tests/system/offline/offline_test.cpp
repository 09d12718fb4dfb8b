// tests/system/offline/offline_test.cpp - `laban replay`, `discover` and `check` as a user meets them.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

using nlohmann::json;

namespace {

struct Folder {
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream{path / name, std::ios::binary} << text;
    return (path / name).string();
  }
  laban::test::TemporaryDirectory directory;
  const std::filesystem::path& path = directory.path();
};

struct Ran {
  int code = -1;
  std::string out, err;
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Ran run(const Folder& folder, const std::string& arguments) {
  const std::string out = (folder.path / "out").string(), err = (folder.path / "err").string();
  const int status = std::system((std::string(LABAN_PROGRAM) + " " + arguments + " > " + out + " 2> " + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(out), contents(err)};
}

using Trace = std::vector<std::string>;

std::string xes(const std::vector<Trace>& traces) {
  std::string text = "<?xml version=\"1.0\"?>\n<log>\n";
  for (std::size_t i = 0; i < traces.size(); ++i) {
    text += "<trace><string key=\"concept:name\" value=\"" + std::to_string(i) + "\"/>\n";
    for (const auto& activity : traces[i])
      text += "<event><string key=\"concept:name\" value=\"" + activity + "\"/></event>\n";
    text += "</trace>\n";
  }
  return text + "</log>\n";
}

// claim; then check and assess in parallel; then pay or reject.
const char* const claims = R"(<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
  <process id="claims" name="Claims">
    <startEvent id="s"/><task id="t1" name="claim"/><parallelGateway id="g1"/>
    <task id="t2" name="check"/><task id="t3" name="assess"/><parallelGateway id="g2"/>
    <exclusiveGateway id="g3"/><task id="t4" name="pay"/><task id="t5" name="reject"/><endEvent id="e"/>
    <sequenceFlow id="f1" sourceRef="s" targetRef="t1"/><sequenceFlow id="f2" sourceRef="t1" targetRef="g1"/>
    <sequenceFlow id="f3" sourceRef="g1" targetRef="t2"/><sequenceFlow id="f4" sourceRef="g1" targetRef="t3"/>
    <sequenceFlow id="f5" sourceRef="t2" targetRef="g2"/><sequenceFlow id="f6" sourceRef="t3" targetRef="g2"/>
    <sequenceFlow id="f7" sourceRef="g2" targetRef="g3"/><sequenceFlow id="f8" sourceRef="g3" targetRef="t4"/>
    <sequenceFlow id="f9" sourceRef="g3" targetRef="t5"/><sequenceFlow id="f10" sourceRef="t4" targetRef="e"/>
    <sequenceFlow id="f11" sourceRef="t5" targetRef="e"/>
  </process>
</definitions>)";

json replay(const Folder& folder, const std::vector<Trace>& traces, const std::string& definition) {
  const Ran ran =
      run(folder, "replay " + folder.file("log.xes", xes(traces)) + " --definition " + definition + " --json");
  CAPTURE(ran.err);
  REQUIRE(ran.code <= 1);
  return json::parse(ran.out);
}

}  // namespace

TEST_CASE("replay: fitting traces fit, one that stops early conforms and has not ended") {
  const Folder folder;
  const auto definition = folder.file("claims.bpmn", claims);
  const json result = replay(
      folder, {{"claim", "check", "assess", "pay"}, {"claim", "assess", "check", "reject"}, {"claim"}, {}}, definition);
  CHECK(result["cases"] == 4);
  CHECK(result["events"] == 9);
  CHECK(result["conforming"] == 4);
  CHECK(result["fit"] == 2);
  CHECK(result["instances"][2]["ended"] == false);
  CHECK(result["instances"][2]["verdict"] == "conforming");
}

TEST_CASE("replay: each kind of deviation has its name, its place and what was expected") {
  const Folder folder;
  const auto definition = folder.file("claims.bpmn", claims);
  const json result = replay(folder,
                             {{"claim", "assess", "pay"},
                              {"claim", "claim", "check", "assess", "pay"},
                              {"claim", "check", "pay", "assess"},
                              {"claim", "check", "coffee", "assess", "pay"},
                              {"claim", "check", "assess", "pay", "claim"}},
                             definition);
  const auto first = [&](std::size_t i) { return result["instances"][i]["deviations"][0]; };
  CHECK(first(0) ==
        json{{"kind", "skipped"}, {"event", "pay"}, {"index", 2}, {"missing", {"check"}}, {"expected", {"check"}}});
  CHECK(first(1)["kind"] == "repeated");
  CHECK(first(1)["index"] == 1);
  CHECK(first(1)["expected"] == json{"assess", "check"});
  CHECK(first(2)["kind"] == "out-of-order");
  CHECK(first(2)["index"] == 2);
  CHECK(first(3)["kind"] == "unexpected");
  CHECK(first(3)["event"] == "coffee");
  CHECK(first(4)["kind"] == "after-end");
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(result["instances"][i]["deviations"].size() == 1);
    CHECK(result["instances"][i]["fit"] == false);
  }
  CHECK(result["deviating"] == 5);
  const Ran text = run(folder, "replay " + (folder.path / "log.xes").string() + " --definition " + definition);
  CHECK(text.code == 1);
  CHECK(text.out.find("missing check") != std::string::npos);
}

// An order that cannot be delivered, undone in both orders; one that skips the payment; one that ships unpaid.
TEST_CASE("replay: a log names no publishers, so a definition that demands them blames nobody (G105)") {
  const Folder folder;
  const json result = replay(
      folder,
      {{"order.placed", "payment.taken", "stock.reserved", "parcel.shipped", "order.completed", "customer.notified"},
       {"order.placed", "payment.taken", "stock.reserved", "shipment.failed", "payment.refunded", "stock.released",
        "order.cancelled", "customer.notified"},
       {"order.placed", "payment.refused", "order.cancelled", "customer.notified"},
       {"order.placed", "stock.reserved", "parcel.shipped", "order.completed", "customer.notified"}},
      LABAN_SOURCE_DIR "/services/processes/order-fulfilment.bpmn");
  CHECK(result["fit"] == 3);
  CHECK(result["conforming"] == 3);
  CHECK(result["deviations"]["wrong-publisher"] == 0);
  CHECK(result["instances"][3]["deviations"][0]["kind"] == "skipped");
  CHECK(result["instances"][3]["deviations"][0]["missing"] == json{"Payment taken"});
}

TEST_CASE("check: says what a log and a definition have not in common, and a mapping makes it good (G118)") {
  const Folder folder;
  const auto definition = folder.file("claims.bpmn", claims);
  const auto log = folder.file(
      "log.xes", xes({{"claim", "check", "assess.claim", "pay"}, {"claim", "assess.claim", "check", "reject"}}));
  Ran ran = run(folder, "check " + definition + " --log " + log);
  CHECK(ran.code == 1);
  CHECK(ran.out.find("claims.bpmn:5:") != std::string::npos);
  CHECK(ran.out.find("no event type matches 'assess' ('t3'): is 'assess.claim' meant? [unmapped-node]") !=
        std::string::npos);
  CHECK(ran.out.find("no node takes the event type 'assess.claim': is 'assess' meant? [unmapped-type]") !=
        std::string::npos);
  CHECK(run(folder, "check " + definition).code == 0);
  CHECK(run(folder, "check " + definition + " --types 'claim, check,assess,pay,reject'").code == 0);
  ran = run(folder, "check --json --types claim,check,assess,pay " + definition);
  CHECK(ran.code == 1);
  CHECK(json::parse(ran.out.substr(0, ran.out.find('\n')))["id"] == "unmapped-node");

  const auto mapping = folder.file("map.yaml", "nodes:\n  t3: assess.claim\n");
  CHECK(run(folder, "check " + definition + " --log " + log + " --mapping " + mapping).code == 0);
  CHECK(run(folder, "replay " + log + " --definition " + definition).code == 1);
  CHECK(run(folder, "replay " + log + " --definition " + definition + " --mapping " + mapping).code == 0);
  folder.file("claims.mapping.yaml", "nodes:\n  t3: assess.claim\n");
  CHECK(run(folder, "replay " + log + " --definition " + definition).code == 0);
  ran = run(folder, "replay " + log + " --definition " + definition + " --mapping " +
                        folder.file("map.yaml", "nodes:\n  t9: assess.claim\n"));
  CHECK(ran.code == 2);
  CHECK(ran.err.find("map.yaml:2:3: the definition has no node with the id or name 't9'") != std::string::npos);
}

TEST_CASE("replay: unusable input is one line and exit code 2") {
  const Folder folder;
  const auto definition = folder.file("claims.bpmn", claims), log = folder.file("log.xes", xes({{"claim"}}));
  for (const std::string& arguments :
       {"replay missing.xes --definition " + definition, "replay " + log + " --definition missing.bpmn",
        "replay " + definition + " --definition " + definition, "replay " + log + " --definition " + log,
        "discover " + definition, "replay " + log,
        "replay " + log + " --definition " + definition + " --order backwards"}) {
    const Ran ran = run(folder, arguments);
    CAPTURE(arguments);
    CAPTURE(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(ran.err.starts_with("laban "));
  }
}

TEST_CASE("convert: a definition as a net, and the net as BPMN and YAML again, give a log the same verdicts (G119)") {
  const Folder folder;
  const auto bpmn = folder.file("claims.bpmn", claims);
  const std::vector<Trace> traces{{"claim", "check", "assess", "pay"},
                                  {"claim", "assess", "check", "reject"},
                                  {"claim", "check"},
                                  {"claim", "pay"},
                                  {"claim", "check", "assess", "pay", "reject"},
                                  {"check", "claim", "assess", "pay"},
                                  {"claim", "check", "assess", "check", "pay"}};
  const auto fits = [&](const std::string& definition) {
    const json result = replay(folder, traces, definition);
    std::vector<bool> all;
    for (const auto& instance : result["instances"]) all.push_back(instance["fit"]);
    return all;
  };
  const auto want = fits(bpmn);
  CHECK(want == std::vector<bool>{true, true, false, false, false, false, false});
  const auto converted = [&](const std::string& from, const std::string& form) {
    const Ran ran = run(folder, "convert " + from + " --to " + form);
    CAPTURE(ran.err);
    REQUIRE(ran.code == 0);
    return folder.file("converted." + form, ran.out);
  };
  const auto pnml = converted(bpmn, "pnml");
  CHECK(fits(pnml) == want);
  CHECK(fits(converted(pnml, "bpmn")) == want);
  CHECK(fits(converted(pnml, "yaml")) == want);
  CHECK(fits(converted(pnml, "pnml")) == want);
  const auto looped = folder.file(
      "loop.yaml", "process: loop\nsteps:\n  - claim\n  - repeat: [check]\n    between: [assess]\n  - pay\n");
  const auto loops = fits(looped);
  CHECK(loops == std::vector<bool>{false, false, false, false, false, false, true});
  CHECK(fits(converted(looped, "pnml")) == loops);
  CHECK(fits(converted(converted(looped, "pnml"), "yaml")) == loops);
}

TEST_CASE("convert: what a net cannot say, and nets that no process says, are told with their place (G119)") {
  const Folder folder;
  const auto told = [&](const std::string& file, const std::string& form, const std::string& part) {
    const Ran ran = run(folder, "convert " + file + " --to " + form);
    CAPTURE(ran.err);
    CHECK(ran.code == 1);
    CHECK(ran.out == "");
    CHECK(ran.err.find(part) != std::string::npos);
  };
  told(folder.file("any.yaml", "process: p\nsteps:\n  - any of: [a, b]\n  - c\n"), "pnml", "any.yaml:3:");
  told(folder.file("stop.yaml", "process: p\nsteps:\n  - all of: [[a, {stop: failed}], b]\n"), "pnml",
       "no arc that empties a place");
  told(folder.file("starts.yaml", "process: p\nsteps:\n  - a: {starts: b}\n"), "pnml",
       "starts.yaml:3:5: 'a' shows twice");
  told(LABAN_SOURCE_DIR "/services/processes/order-fulfilment.bpmn", "pnml", "order-fulfilment.bpmn:");
  const std::string places = "<place id='i'><initialMarking><text>1</text></initialMarking></place><place id='o'/>";
  const std::string a = "<transition id='a'><name><text>A</text></name></transition>";
  told(
      folder.file("read.pnml", "<pnml><net id='n'>" + places + a +
                                   "<arc source='i' target='a'/><arc source='a' target='o'/>"
                                   "<place id='q'/><arc source='q' target='a'><arctype><text>inhibitor</text></arctype>"
                                   "</arc></net></pnml>"),
      "bpmn", "read.pnml:1:");
  told(folder.file("open.pnml", "<pnml><net id='n'>" + places + a + "<arc source='i' target='a'/></net></pnml>"),
       "yaml", "no place after it");
  CHECK(run(folder, "convert " + folder.file("bad.bpmn", "<definitions") + " --to pnml").code == 2);
}

TEST_CASE("discover: what it draws fits the log that it was drawn from") {
  const Folder folder;
  const auto log = folder.file("log.xes", xes({{"a", "b", "c"}, {"a", "c", "b"}, {"a", "a", "c"}}));
  const json graph = json::parse(run(folder, "discover " + log).out);
  CHECK(graph["activities"] == json{{"a", 4}, {"b", 2}, {"c", 3}});
  CHECK(graph["start"] == json{{"a", 3}});
  CHECK(graph["variants"].size() == 3);
  CHECK(run(folder, "discover " + log + " --format dot").out.starts_with("digraph"));
  for (const std::string form : {"bpmn", "yaml"}) {
    CAPTURE(form);
    const auto drawn = folder.file("drawn." + form, run(folder, "discover " + log + " --format " + form).out);
    const Ran again = run(folder, "replay " + log + " --definition " + drawn + " --json");
    CAPTURE(again.err);
    REQUIRE(again.code == 0);
    CHECK(json::parse(again.out)["fit"] == 3);
    CHECK(run(folder, "check " + drawn).code == 0);
  }
}

TEST_CASE("replay: the traces of the running example fit their model, changed ones are named") {
  const std::filesystem::path samples = std::filesystem::path(LABAN_SOURCE_DIR) / ".." / "shared" / "samples";
  const auto log = samples / "running-example.xes", model = samples / "running-example.bpmn";
  if (!std::filesystem::exists(log)) {
    MESSAGE("SKIPPED: ../shared/samples is not here");
    return;
  }
  const Folder folder;
  const Ran ran = run(folder, "replay " + log.string() + " --definition " + model.string() + " --json");
  REQUIRE(ran.code == 0);
  CHECK(json::parse(ran.out)["fit"] == 6);
  const Trace trace{"register request", "examine casually", "check ticket", "decide", "pay compensation"};
  const auto first = [&](Trace changed) {
    return replay(folder, {std::move(changed)}, model.string())["instances"][0]["deviations"].at(0);
  };
  CHECK(first({trace[0], trace[1], trace[3], trace[4]})["missing"] == json{"check ticket"});
  CHECK(first({trace[0], trace[1], trace[1], trace[2], trace[3], trace[4]})["kind"] == "repeated");
  CHECK(first({trace[0], trace[1], trace[3], trace[2], trace[4]})["kind"] == "out-of-order");
  const json foreign = first({trace[0], "foreign", trace[1], trace[2], trace[3], trace[4]});
  CHECK(foreign["kind"] == "unexpected");
  CHECK(foreign["expected"] == json{"check ticket", "examine casually", "examine thoroughly"});
}
