// monitor/edge/xes/xes_reader.hpp - XES: plain traces by hand, all else by expat; traces and events as they pass.
#pragma once

#include <expat.h>

#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/event_log.hpp"
#include "monitor/edge/xes/plain_trace.hpp"

namespace laban::monitor {

// Errors: laban::Error with file, line and column.
class XesReader {
 public:
  XesReader(std::string file, LogSink& sink);
  ~XesReader();
  XesReader(const XesReader&) = delete;
  XesReader& operator=(const XesReader&) = delete;

  char* room(std::size_t size);  // for the bytes that are parsed next
  void parse(std::size_t size, bool last);

 private:
  enum class Place { outside, log, trace, event };

  static void on_start(void* self, const char* name, const char** attributes);
  static void on_end(void* self, const char* name);
  static void on_declaration(void* self, const char*, const char* encoding, int);
  static void on_doctype(void* self, const char*, const char*, const char*, int);
  static void on_entity(void* self, const char*, int, const char*, int, const char*, const char*, const char*,
                        const char*);
  bool stands_between_traces() const { return place_ == Place::log && depth_ == 1 && trace_end_ == fed_; }
  void give_expat(std::string_view text, bool last);
  void tell(const PlainTrace& trace);
  void pass_over(const PlainTrace& trace);
  void start(std::string_view name, const char** attributes);
  void end();
  void announce();
  void finish_event();
  void attribute(const char** attributes);
  void refuse(const std::string& why);
  std::string located(const std::string& what) const;
  Location here() const;

  std::string file_;
  LogSink& sink_;
  const bool wants_times_;
  XML_Parser parser_;
  std::string problem_;
  Place place_ = Place::outside;
  unsigned depth_ = 0;           // of open elements
  unsigned place_depth_ = 0;     // of the element that `place_` names
  std::uint64_t fed_ = 0;        // to expat
  std::uint64_t trace_end_ = 0;  // where in this the last trace ended
  std::uint64_t traces_ = 0;

  std::vector<char> window_;  // [begin_, end_) is not read yet
  std::size_t begin_ = 0, end_ = 0;
  PlainTrace plain_;
  bool utf8_ = true;
  bool has_doctype_ = false;  // it may say that an attribute means something else
  // What expat did not see: its lines count on, its columns in the line where it was left out.
  std::uint64_t unseen_lines_ = 0, unseen_in_line_ = 0;
  std::int64_t unseen_columns_ = 0;

  bool announced_ = false;  // the sink knows of the trace
  std::string trace_name_;
  std::string activity_, lifecycle_, time_, source_;
  bool has_activity_ = false;
};

}  // namespace laban::monitor
