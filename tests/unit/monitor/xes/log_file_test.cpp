// tests/unit/monitor/xes/log_file_test.cpp - logs in all forms, and what is said of those that are none.
#include <doctest/doctest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "laban/error.hpp"
#include "monitor/edge/xes/log_file.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::monitor;

namespace {

struct Folder {
  std::filesystem::path file(const std::string& name, const std::string& text) const {
    std::ofstream{path / name, std::ios::binary} << text;
    return path / name;
  }
  laban::test::TemporaryDirectory directory;
  const std::filesystem::path& path = directory.path();
};

// Writes down what it is told: "id: a b c".
struct Notes : LogSink {
  void begin_trace(std::string_view id) override { lines.push_back(std::string(id) + ":"); }
  void event(const LogEvent& event) override { lines.back() += " " + std::string(event.activity); }
  void end_trace() override { ++ended; }
  void warning(const Finding& finding) override { warnings.push_back(finding); }
  std::vector<std::string> lines;
  std::vector<Finding> warnings;
  std::size_t ended = 0;
};

std::vector<std::string> read(const std::filesystem::path& path, LogOptions options = {}, LogColumns columns = {}) {
  Notes notes;
  LogFilter filter(notes, options);
  read_log(path, columns, filter);
  CHECK(notes.ended == notes.lines.size());
  return notes.lines;
}

std::string refusal(const std::filesystem::path& path) {
  Notes notes;
  try {
    read_log(path, {}, notes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const char* const small = R"(<?xml version="1.0"?>
<!-- a log -->
<log xes.version="1.0">
  <extension name="Concept" prefix="concept" uri="x"/>
  <global scope="event"><string key="concept:name" value="not an event"/></global>
  <string key="concept:name" value="the log"/>
  <trace>
    <string key="concept:name" value="one"/>
    <event><string key="concept:name" value="a"/><date key="time:timestamp" value="2026-01-01T10:00:03Z"/></event>
    <event><string value="b &amp; c" key="concept:name"><string key="concept:name" value="nested"/></string>
      <date key="time:timestamp" value="2026-01-01T10:00:01+00:00"/></event>
    <event><string key="org:resource" value="Ann"/></event>
  </trace>
  <trace><event><string key="concept:name" value="d"/></event></trace>
  <trace><string key="concept:name" value="empty"/></trace>
</log>)";

const char* const lived = R"(<log><trace><string key="concept:name" value="t"/>
  <event><string key="concept:name" value="a"/><string key="lifecycle:transition" value="START"/></event>
  <event><string key="concept:name" value="b"/><string key="lifecycle:transition" value="complete"/></event>
  <event><string key="concept:name" value="a"/><string key="lifecycle:transition" value="complete"/></event>
  <event><string key="concept:name" value="c"/><string key="lifecycle:transition" value="schedule"/></event>
  <event><string key="concept:name" value="c"/><string key="lifecycle:transition" value="start"/></event>
</trace></log>)";

}  // namespace

TEST_CASE("logs: XES traces and events are read in file order, nested and global attributes apart") {
  const Folder folder;
  CHECK(read(folder.file("log.xes", small)) == std::vector<std::string>{"one: a b & c", "2: d", "empty:"});
}

TEST_CASE("logs: an event without an activity is a located warning and left out") {
  const Folder folder;
  Notes notes;
  read_log(folder.file("log.xes", small), {}, notes);
  REQUIRE(notes.warnings.size() == 1);
  CHECK(notes.warnings[0].at.line == 12);
}

TEST_CASE("logs: a trace can be sorted by time, ties in file order") {
  const Folder folder;
  LogOptions options;
  options.order_by_time = true;
  CHECK(read(folder.file("log.xes", small), options).front() == "one: b & c a");
}

TEST_CASE("logs: life cycles count as every event, complete ones, or pairs") {
  const Folder folder;
  const auto file = folder.file("log.xes", lived);
  CHECK(read(file).front() == "t: a b a c c");
  CHECK(read(file, {false, Lifecycle::complete}).front() == "t: b a");
  CHECK(read(file, {false, Lifecycle::pair}).front() == "t: b a c");
}

TEST_CASE("logs: CSV rows are gathered by case, quotes and separators as they come") {
  const Folder folder;
  const auto file =
      folder.file("log.csv",
                  "\xef\xbb\xbf"
                  "case:concept:name,concept:name,time:timestamp\r\n"
                  "1,a,2026-01-01 10:00:00\r\n2,\"b, \"\"c\"\"\",2026-01-01\r\n1,d,2025-12-31T23:00:00Z\n\n");
  CHECK(read(file) == std::vector<std::string>{"1: a d", "2: b, \"c\""});
  CHECK(read(file, {true, Lifecycle::every_event}) == std::vector<std::string>{"1: d a", "2: b, \"c\""});
  LogColumns columns;
  columns.case_id = "id";
  columns.activity = "what";
  CHECK(read(folder.file("semicolon.csv", "what;id\nx;7\ny;7"), {}, columns) == std::vector<std::string>{"7: x y"});
}

TEST_CASE("logs: gzip is unpacked on the way") {
  const Folder folder;
  const auto path = folder.path / "log.xes.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, small, static_cast<unsigned>(std::string(small).size()));
  gzclose(file);
  CHECK(read(path).size() == 3);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 20);
  CHECK(refusal(path).find("ends early") != std::string::npos);
}

TEST_CASE("logs: what is no log is refused in one located line (G100)") {
  const Folder folder;
  const std::string text = small;
  std::string deep = "<log>";
  for (int i = 0; i < 5000; ++i) deep += "<list key='k'>";
  const std::vector<std::pair<std::string, std::string>> bad{
      {"empty.xes", ""},
      {"truncated.xes", text.substr(0, text.size() / 2)},
      {"deep.xes", deep},
      {"foreign.xes", "<bpmn><process/></bpmn>"},
      {"no.xes", "{\"json\": true}"},
      {"bomb.xes", "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><log>&b;</log>"},
      {"megabyte.xes",
       "<log><trace><event><string key=\"concept:name\" value=\"" + std::string(2u << 20, 'x') + "\"/>"},
      {"empty.csv", ""},
      {"header.csv", "a,b,c\n1,2,3\n"},
      {"lines.csv", "a,\"b\nc\"\n1,2\n"},
      {"quote.csv", "case:concept:name,concept:name\n1,\"never closed\n"},
      {"short.csv", "case:concept:name,x,concept:name\n1\n"},
  };
  for (const auto& [name, content] : bad) {
    const std::string said = refusal(folder.file(name, content));
    CAPTURE(said);
    CHECK(said.find(name + ":") != std::string::npos);
    CHECK(said.find('\n') == std::string::npos);
    CHECK(said.rfind(": ") != std::string::npos);
  }
  CHECK(refusal(folder.path / "missing.xes").find("no such file") != std::string::npos);
  CHECK(refusal(folder.path).find("directory") != std::string::npos);
}

TEST_CASE("logs: times are read as logs write them") {
  using namespace std::chrono;
  const auto at = [](const char* text) { return parse_time(text); };
  const LogTime expected = sys_days{year{2010} / 12 / 30} + 13h + 32min;
  CHECK(at("2010-12-30T14:32:00.000+01:00") == expected);
  CHECK(at("2010-12-30 13:32:00") == expected);
  CHECK(at("2010/12/30 13:32") == expected);
  CHECK(at("2010-12-30T13:32:00Z") == expected);
  CHECK(at("2010-12-30T08:32:00-0500") == expected);
  CHECK(at("2010-12-30T13:32:00.123456789Z") == expected + 123456789ns);
  CHECK(at("2010-13-30T13:32:00Z") == std::nullopt);
  CHECK(at("yesterday") == std::nullopt);
  CHECK(at("") == std::nullopt);
}
