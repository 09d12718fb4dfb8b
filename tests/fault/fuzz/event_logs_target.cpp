// tests/fault/fuzz/event_logs_target.cpp - the input is the file, which tells by itself whether it is XES or CSV, packed or
// not.
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <stdexcept>

#include "laban/error.hpp"
#include "monitor/edge/xes/log_file.hpp"
#include "tests/fault/fuzz/targets.hpp"

namespace laban::fuzz {

namespace {

// A file that has no place.
class NamelessFile {
 public:
  explicit NamelessFile(std::string_view bytes) : file_(::memfd_create("log", MFD_CLOEXEC)) {
    if (file_ < 0 || ::write(file_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("no file can be made in memory");
  }
  ~NamelessFile() { ::close(file_); }
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

// Traces begin and end in turn, and events lie inside.
class Strict final : public monitor::LogSink {
 public:
  void begin_trace(std::string_view) override {
    enter(!open_);
    open_ = true;
  }
  void event(const monitor::LogEvent&) override { enter(open_); }
  void end_trace() override {
    enter(open_);
    open_ = false;
  }
  void warning(const monitor::Finding& finding) override { enter(!finding.message.empty()); }
  bool is_sound() const { return sound_; }
  bool is_open() const { return open_; }

 private:
  void enter(bool allowed) { sound_ = sound_ && allowed; }
  bool open_ = false;
  bool sound_ = true;
};

std::string run(std::string_view input) {
  const NamelessFile file{input};
  Strict traces;
  monitor::LogFilter filter{traces, {true, monitor::Lifecycle::pair}};
  try {
    monitor::read_log(file.path(), {}, filter);
    if (traces.is_open()) return "a trace without an end";
  } catch (const Error& error) {
    if (std::string{error.what()}.find(file.path()) == std::string::npos) return "an error that names no file";
  }
  return traces.is_sound() ? "" : "a trace that is none";
}

std::string packed(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("no gzip");
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  (void)deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::vector<std::string> seeds() {
  const std::string xes = R"(<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/"><extension name="Concept" prefix="concept" uri="u"/>
<global scope="event"><string key="concept:name" value="x"/></global>
<trace><string key="concept:name" value="1"/><event><string key="concept:name" value="a"/>
<string key="lifecycle:transition" value="start"/><date key="time:timestamp" value="2010-12-30T14:32:00.000+01:00"/></event>
<event><string key="concept:name" value="a"/><string key="lifecycle:transition" value="complete"/>
<date key="time:timestamp" value="2010-12-30T15:32:00Z"/><list key="l"><values><int key="n" value="1"/></values></list></event></trace>
<trace><string key="concept:name" value="2 &amp; 3"/><event><string key="laban:source" value="s"/></event></trace></log>)";
  const std::string plain = R"(<log><trace></trace>
<trace><string key="concept:name" value="1"/><event><string key="concept:name" value="ä"/>
<date key="time:timestamp" value="2010-12-30T14:32:00Z"/></event></trace><trace></trace></log>)";
  const std::string csv =
      "case:concept:name,concept:name,time:timestamp,lifecycle:transition\n1,\"a, \"\"b\"\"\",2010-12-30 "
      "14:32,start\r\n2,c,,\n1,d,30.12.2010 15:00,complete\n";
  const std::string other = "case:concept:name;concept:name;time:timestamp\n1;a;2010/12/30 14:32\n";
  return {xes, plain, csv, other, packed(xes), packed(csv)};
}

}  // namespace

Target event_logs_target() {
  return {"event-logs", run, seeds, mutated_bytes};
}

}  // namespace laban::fuzz
