// monitor/edge/xes/xes_reader.cpp - XES by expat.
#include "monitor/edge/xes/xes_reader.hpp"

#include <cstring>

#include "laban/error.hpp"

namespace laban::monitor {

static constexpr unsigned deepest = 200;
static constexpr std::size_t longest_name = 64u << 10;
static constexpr std::uint64_t longest_token = 16u << 20;  // a tag that never ends would be scanned again and again

XesReader::XesReader(std::string file, LogSink& sink)
    : file_(std::move(file)), sink_(sink), wants_times_(sink.wants_times()), parser_(XML_ParserCreate(nullptr)) {
  if (parser_ == nullptr) throw std::bad_alloc();
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(parser_, on_start, on_end);
  XML_SetEntityDeclHandler(parser_, on_entity);
}

XesReader::~XesReader() {
  XML_ParserFree(parser_);
}

Location XesReader::here() const {
  return {file_, static_cast<std::uint32_t>(XML_GetCurrentLineNumber(parser_)),
          static_cast<std::uint32_t>(XML_GetCurrentColumnNumber(parser_) + 1)};
}

std::string XesReader::located(const std::string& what) const {
  const Location at = here();
  return file_ + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ": " + what;
}

void XesReader::refuse(const std::string& why) {
  if (problem_.empty()) problem_ = located(why);
  XML_StopParser(parser_, XML_FALSE);
}

void XesReader::feed(const char* bytes, std::size_t size, bool last) {
  fed_ += size;
  if (XML_Parse(parser_, bytes, static_cast<int>(size), last ? 1 : 0) == XML_STATUS_OK) {
    const auto at = XML_GetCurrentByteIndex(parser_);
    if (at >= 0 && fed_ > static_cast<std::uint64_t>(at) + longest_token)
      throw Error(Errc::malformed, located("a tag or text longer than 16 MiB: this is no event log"));
    return;
  }
  if (!problem_.empty()) throw Error(Errc::malformed, problem_);
  const XML_Error code = XML_GetErrorCode(parser_);
  if (code == XML_ERROR_NO_ELEMENTS)
    throw Error(Errc::malformed, located(depth_ == 0 ? "the file ends before any XML element: name an XES log"
                                                     : "the file ends early: fetch the whole log"));
  throw Error(Errc::malformed, located(std::string("not well-formed XML (") + XML_ErrorString(code) +
                                       "): write the log anew with the tool it comes from"));
}

void XesReader::on_start(void* self, const char* name, const char** attributes) {
  auto* reader = static_cast<XesReader*>(self);
  if (reader->problem_.empty()) reader->start(name, attributes);
}

void XesReader::on_end(void* self, const char*) {
  auto* reader = static_cast<XesReader*>(self);
  if (reader->problem_.empty()) reader->end();
}

void XesReader::on_entity(void* self, const char*, int, const char*, int, const char*, const char*, const char*,
                          const char*) {
  static_cast<XesReader*>(self)->refuse("it declares XML entities of its own: an event log needs none, remove them");
}

// <xes:log> and <log> are one.
static std::string_view local_name(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

void XesReader::start(std::string_view name, const char** attributes) {
  ++depth_;
  if (depth_ > deepest)
    return refuse("elements nested deeper than " + std::to_string(deepest) + ": this is no event log");
  if (depth_ == place_depth_ + 1 && (place_ == Place::event || place_ == Place::trace)) {
    const std::string_view element = local_name(name);
    if (place_ == Place::event || element != "event") return attribute(element, attributes);
    announce();
    place_ = Place::event;
    place_depth_ = depth_;
    has_activity_ = false;
    activity_.clear();
    lifecycle_.clear();
    time_.clear();
    source_.clear();
    return;
  }
  if (place_ == Place::outside) {
    if (local_name(name) != "log")
      return refuse("the root element is <" + std::string(name.substr(0, 80)) + ">, not <log>: name an XES log");
    place_ = Place::log;
    place_depth_ = depth_;
  } else if (place_ == Place::log && depth_ == 2 && local_name(name) == "trace") {
    place_ = Place::trace;
    place_depth_ = depth_;
    ++traces_;
    announced_ = false;
    trace_name_ = std::to_string(traces_);
  }
}

void XesReader::attribute(std::string_view, const char** attributes) {
  const char *key = nullptr, *value = nullptr;
  for (; attributes[0] != nullptr; attributes += 2) {
    if (std::strcmp(attributes[0], "key") == 0)
      key = attributes[1];
    else if (std::strcmp(attributes[0], "value") == 0)
      value = attributes[1];
  }
  if (key == nullptr || value == nullptr) return;
  if (place_ == Place::trace && !announced_) sink_.trace_attribute(key, value);
  if (std::strcmp(key, "concept:name") == 0) {
    if (std::strlen(value) > longest_name) return refuse("a name longer than 64 KiB: this is no event log");
    if (place_ == Place::event) {
      activity_ = value;
      has_activity_ = true;
    } else if (!announced_) {
      trace_name_ = value;
    }
  } else if (place_ == Place::event && std::strcmp(key, "lifecycle:transition") == 0) {
    lifecycle_ = value;
  } else if (place_ == Place::event && std::strcmp(key, "laban:source") == 0) {
    source_ = value;
  } else if (place_ == Place::event && wants_times_ && std::strcmp(key, "time:timestamp") == 0) {
    time_ = value;
  }
}

// The trace begins with its first event, because its name stands before that.
void XesReader::announce() {
  if (announced_) return;
  announced_ = true;
  sink_.begin_trace(trace_name_);
}

void XesReader::end() {
  if (depth_ == place_depth_) {
    if (place_ == Place::event) {
      finish_event();
      place_ = Place::trace;
      place_depth_ = depth_ - 1;
    } else if (place_ == Place::trace) {
      announce();
      sink_.end_trace();
      place_ = Place::log;
      place_depth_ = depth_ - 1;
    }
  }
  --depth_;
}

void XesReader::finish_event() {
  if (!has_activity_ || activity_.empty()) {
    sink_.warning({here(), Severity::warning, "no-activity",
                   "an event of trace '" + trace_name_ + "' has no concept:name and is left out"});
    return;
  }
  sink_.event({activity_, lifecycle_, time_.empty() ? std::nullopt : parse_time(time_), source_});
}

}  // namespace laban::monitor
