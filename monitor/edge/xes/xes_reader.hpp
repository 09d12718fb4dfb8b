// monitor/edge/xes/xes_reader.hpp - XES by expat: traces and events as they pass, nothing kept.
#pragma once

#include <expat.h>

#include <string>
#include <string_view>

#include "monitor/core/event_log.hpp"

namespace laban::monitor {

// Errors: laban::Error with file, line and column.
class XesReader {
 public:
  XesReader(std::string file, LogSink& sink);
  ~XesReader();
  XesReader(const XesReader&) = delete;
  XesReader& operator=(const XesReader&) = delete;

  void feed(const char* bytes, std::size_t size, bool last);

 private:
  enum class Place { outside, log, trace, event };

  static void on_start(void* self, const char* name, const char** attributes);
  static void on_end(void* self, const char* name);
  static void on_entity(void* self, const char*, int, const char*, int, const char*, const char*, const char*,
                        const char*);
  void start(std::string_view name, const char** attributes);
  void end();
  void announce();
  void finish_event();
  void attribute(std::string_view element, const char** attributes);
  void refuse(const std::string& why);
  std::string located(const std::string& what) const;
  Location here() const;

  std::string file_;
  LogSink& sink_;
  const bool wants_times_;
  XML_Parser parser_;
  std::string problem_;
  Place place_ = Place::outside;
  unsigned depth_ = 0;        // of open elements
  unsigned place_depth_ = 0;  // of the element that `place_` names
  std::uint64_t fed_ = 0;
  std::uint64_t traces_ = 0;

  bool announced_ = false;  // the sink knows of the trace
  std::string trace_name_;
  std::string activity_, lifecycle_, time_, source_;
  bool has_activity_ = false;
};

}  // namespace laban::monitor
