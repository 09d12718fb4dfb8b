// tests/unit/monitor/xes/plain_trace_test.cpp - what is read by hand against the same read by expat.
#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "laban/error.hpp"
#include "monitor/edge/xes/xes_reader.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::monitor;

namespace {

// Writes down every call word for word.
struct Calls : LogSink {
  void trace_attribute(std::string_view key, std::string_view value) override { add({"attribute", key, value}); }
  void begin_trace(std::string_view id) override { add({"begin", id}); }
  void event(const LogEvent& event) override {
    const std::string time = event.time ? std::to_string(event.time->time_since_epoch().count()) : "none";
    add({"event", event.activity, event.lifecycle, event.source, time});
  }
  void end_trace() override { add({"end"}); }
  void warning(const Finding& finding) override {
    add({"warning", finding.at.file, std::to_string(finding.at.line), std::to_string(finding.at.column), finding.id,
         finding.message});
  }
  bool wants_times() const override { return times; }

  void add(std::initializer_list<std::string_view> words) {
    std::string line;
    for (const auto word : words) line.append(word).push_back('\x1f');
    lines.push_back(std::move(line));
  }

  std::vector<std::string> lines;
  std::string error;
  bool times = true;
};

class RandomXes {
 public:
  explicit RandomXes(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_); }
  bool one_in(std::size_t times) { return below(times) == 0; }

  // Mostly plain, with one way or another of being something else every so often.
  std::string log() {
    odd_ = one_in(3) ? 1'000'000 : 5 + below(300);
    tight_ = one_in(2) ? 1 : 8;
    foreign_ = one_in(3);
    std::string text = blank() + "<log>" + blank();
    if (one_in(2)) text += "<global scope=\"event\"><string key=\"concept:name\" value=\"g\"/></global>" + blank();
    for (std::size_t left = below(40); left > 0; --left) text += trace() + blank();
    text += "</log>" + blank();
    if (one_in(3)) text.resize(below(text.size() + 1));
    if (one_in(3) && !text.empty()) text[below(text.size())] = static_cast<char>(below(256));
    return text;
  }

 private:
  template <std::size_t N>
  std::string one_of(const char* const (&texts)[N]) {
    return texts[below(N)];
  }
  std::string blank() {
    static const char* const odd[] = {"\r",
                                      "<!-- <trace> -->",
                                      "<!-- </trace> -->",
                                      "<?pi </trace>?>",
                                      "text",
                                      "<![CDATA[</trace>]]>",
                                      "&amp;",
                                      "<log>",
                                      "</log>",
                                      "\xc3\xbc",
                                      "<x/>"};
    static const char* const usual[] = {"", "", "", " ", "\n", "\r\n", "\n  ", "\t"};
    if (one_in(odd_)) return one_of(odd);
    return one_in(tight_) ? one_of(usual) : "";
  }
  std::string word() {
    static const char* const odd[] = {"&lt;", "\xc3\xbc", "\n", "\t", "&#65;", "<", "&nope;", "'", ">", "\xff", "\x7f"};
    std::string text = "w" + std::to_string(below(30)) + (one_in(odd_) ? one_of(odd) : "");
    if (foreign_ && one_in(2)) text += "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80";
    if (foreign_ && one_in(odd_)) text += static_cast<char>(128 + below(128));
    return text + (one_in(2) ? "z" : "");
  }
  std::string attribute() {
    static const char* const keys[] = {
        "concept:name", "concept:name", "lifecycle:transition", "laban:source", "place", "time:timestamp", "cost"};
    static const char* const odd[] = {"<string value=\"v\" key=\"concept:name\"/>",
                                      "<string key='concept:name' value='v'/>",
                                      "<string key=\"concept:name\" key=\"concept:name\" value=\"v\"/>",
                                      "<string  key=\"concept:name\" value=\"v\"/>",
                                      "<string key=\"concept:name\" value=\"v\" />",
                                      "<string key=\"concept:name\" value=\"v\"\n/>",
                                      "<string key=\"concept:name\" value=\"v\"></string>",
                                      "<list key=\"l\" value=\"\"><string key=\"concept:name\" value=\"in\"/></list>",
                                      "<x:string key=\"concept:name\" value=\"v\"/>",
                                      "<event key=\"concept:name\" value=\"v\"/>",
                                      "<trace key=\"concept:name\" value=\"v\"/>",
                                      "<string key=\"concept:name\" value=\"\"/>",
                                      "<string key=\"\" value=\"\"/>",
                                      "<string key=\"concept:name\"/>",
                                      "<string key=\"concept:name\" value=\"v\" extra=\"e\"/>",
                                      "<string key=\"concept:name\" value=\"v\">",
                                      "<container/>"};
    if (one_in(odd_)) return one_of(odd);
    const std::string key = one_of(keys);
    return "<string key=\"" + key + "\" value=\"" +
           (key.front() == 't' ? "2026-01-0" + std::to_string(below(12)) : word()) + "\"/>";
  }
  std::string attributes() {
    std::string text;
    while (!one_in(3)) text += attribute() + blank();
    return text;
  }
  std::string event() {
    static const char* const odd[] = {"<event/>",          "<event x=\"1\">a</event>", "<x:event></x:event>",
                                      "<event ></event >", "<trace></trace>",          "</event>"};
    if (one_in(odd_)) return one_of(odd);
    return "<event>" + blank() + attributes() + (one_in(30) ? "" : "<string key=\"concept:name\" value=\"a\"/>") +
           "</event>";
  }
  std::string trace() {
    static const char* const odd[] = {"<trace/>",         "<trace />",           "<trace x=\"1\"></trace>",
                                      "<trace></trace >", "<x:trace></x:trace>", "</trace>",
                                      "<trace>"};
    if (one_in(odd_)) return one_of(odd);
    std::string text = "<trace>" + blank() + attributes();
    for (std::size_t left = below(6); left > 0; --left) text += event() + blank();
    if (one_in(20)) text += attribute();
    return text + "</trace>";
  }

  std::mt19937_64 random_;
  bool foreign_ = false;
  std::size_t odd_ = 1, tight_ = 1;  // one in so many is odd, is more than nothing
};

// Pieces of any size, as a slow source gives them.
void read(std::string_view text, std::size_t piece, Calls& calls) {
  try {
    XesReader reader("log.xes", calls);
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
      const std::string_view part = text.substr(0, piece);
      std::copy(part.begin(), part.end(), reader.room(part.size()));
      reader.parse(part.size(), false);
    }
    reader.parse(0, true);
  } catch (const Error& error) {
    calls.error = error.what();
  }
}

// Heads of the same length. A document type may give attributes another meaning, so that all behind it is expat's.
const std::string by_hand = "<!--       -->", by_expat = "<!DOCTYPE log>";

}  // namespace

TEST_CASE("logs: what the XES reader reads by hand it reads as expat does, to the line and column (G331)") {
  LABAN_SEED(seed);
  RandomXes xes(seed);
  std::size_t events = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string log = xes.log();
    static const char* const declarations[] = {"", "<?xml version=\"1.0\"?>", "<?xml version='1.0' encoding='utf-8'?>",
                                               "<?xml version='1.0' encoding='ISO-8859-1'?>"};
    const std::string declaration = declarations[xes.below(std::size(declarations))];
    const std::size_t piece = 1 + xes.below(xes.one_in(2) ? 40 : 100'000);
    CAPTURE(round);
    CAPTURE(piece);
    CAPTURE(log);
    Calls expected, got;
    expected.times = got.times = xes.one_in(2);
    read(declaration + by_expat + log, piece, expected);
    read(declaration + by_hand + log, piece, got);
    REQUIRE(got.error == expected.error);
    REQUIRE((got.lines == expected.lines));
    events += got.lines.size();
  }
  CHECK(events > 10'000);
}

TEST_CASE("logs: by hand UTF-8 ends where it ends for expat (G331)") {
  const std::string leads = "\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff\x80";
  const std::string others = "\x80\x8f\x90\x9f\xa0\xbd\xbe\xbf\xc0z";
  std::size_t refused = 0;
  for (const char lead : leads)
    for (const char second : others)
      for (const char third : others)
        for (const char fourth : others) {
          const std::string text{lead, second, third, fourth};
          const std::string log = "<log><trace></trace><trace><event><string key=\"concept:name\" value=\"" + text +
                                  "\"/></event></trace></log>";
          Calls expected, got;
          read(by_expat + log, log.size(), expected);
          read(by_hand + log, log.size(), got);
          refused += got.error.empty() ? 0 : 1;
          if (got.error != expected.error || got.lines != expected.lines) {
            CAPTURE(static_cast<int>(static_cast<unsigned char>(lead)));
            CAPTURE(static_cast<int>(static_cast<unsigned char>(second)));
            CAPTURE(static_cast<int>(static_cast<unsigned char>(third)));
            CHECK(got.error == expected.error);
            FAIL("another reading");
          }
        }
  CHECK(refused > 0);
  CHECK(refused < leads.size() * others.size() * others.size() * others.size());
}

TEST_CASE("logs: a trace longer than what is kept for reading by hand is read all the same (G331)") {
  std::string log = "<log><trace>";
  for (int i = 0; i < 40'000; ++i) log += "<event><string key=\"concept:name\" value=\"a\"/></event>\n";
  log += "</trace><trace><event/></trace></log>";
  Calls expected, got;
  read(by_expat + log, 100'000, expected);
  read(by_hand + log, 100'000, got);
  CHECK(got.lines.size() == 40'005);
  CHECK((got.lines == expected.lines));
}
