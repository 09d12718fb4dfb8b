// monitor/edge/xes/xes_reader.cpp - XES by hand and by expat.
#include "monitor/edge/xes/xes_reader.hpp"

#include <algorithm>
#include <new>

#include "laban/error.hpp"

namespace laban::monitor {

static constexpr unsigned deepest = 200;
static constexpr std::size_t longest_name = 64u << 10;
static constexpr std::uint64_t longest_token = 16u << 20;  // a tag that never ends would be scanned again and again
static constexpr std::size_t longest_plain = 1u << 20;     // so would a trace
static constexpr std::string_view end_tag = "</trace>";

XesReader::XesReader(std::string file, LogSink& sink)
    : file_(std::move(file)), sink_(sink), wants_times_(sink.wants_times()), parser_(XML_ParserCreate(nullptr)) {
  if (parser_ == nullptr) throw std::bad_alloc();
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(parser_, on_start, on_end);
  XML_SetXmlDeclHandler(parser_, on_declaration);
  XML_SetStartDoctypeDeclHandler(parser_, on_doctype);
  XML_SetEntityDeclHandler(parser_, on_entity);
}

XesReader::~XesReader() {
  XML_ParserFree(parser_);
}

Location XesReader::here() const {
  const std::uint64_t line = XML_GetCurrentLineNumber(parser_);
  const auto column = static_cast<std::int64_t>(XML_GetCurrentColumnNumber(parser_)) + 1;
  return {file_, static_cast<std::uint32_t>(line + unseen_lines_),
          static_cast<std::uint32_t>(line == unseen_in_line_ ? column + unseen_columns_ : column)};
}

std::string XesReader::located(const std::string& what) const {
  const Location at = here();
  return file_ + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + ": " + what;
}

void XesReader::refuse(const std::string& why) {
  if (problem_.empty()) problem_ = located(why);
  XML_StopParser(parser_, XML_FALSE);
}

char* XesReader::room(std::size_t size) {
  std::copy(window_.begin() + static_cast<std::ptrdiff_t>(begin_), window_.begin() + static_cast<std::ptrdiff_t>(end_),
            window_.begin());
  end_ -= begin_;
  begin_ = 0;
  if (window_.size() < end_ + size) window_.resize(end_ + size);
  return window_.data() + end_;
}

void XesReader::parse(std::size_t size, bool last) {
  end_ += size;
  while (begin_ < end_) {
    const std::string_view text(window_.data() + begin_, end_ - begin_);
    if (!has_doctype_ && stands_between_traces()) {
      const auto form = plain_.read(text, utf8_);
      if (form == PlainTrace::Form::plain) {
        begin_ += plain_.size();
        pass_over(plain_);
        tell(plain_);
        continue;
      }
      if (form == PlainTrace::Form::cut && !last && text.size() < longest_plain) return;
    }
    const auto found = text.find(end_tag);
    const auto given = found == std::string_view::npos ? text.size() : found + end_tag.size();
    begin_ += given;
    give_expat(text.substr(0, given), false);
  }
  if (last) give_expat({}, true);
}

void XesReader::give_expat(std::string_view text, bool last) {
  fed_ += text.size();
  if (XML_Parse(parser_, text.data(), static_cast<int>(text.size()), last ? 1 : 0) == XML_STATUS_OK) {
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

// Expat stands at the end of what it was given, and goes on behind the trace.
void XesReader::pass_over(const PlainTrace& trace) {
  const std::uint64_t line = XML_GetCurrentLineNumber(parser_);
  if (trace.lines() > 0) {
    unseen_lines_ += trace.lines();
    unseen_columns_ =
        static_cast<std::int64_t>(trace.columns()) - static_cast<std::int64_t>(XML_GetCurrentColumnNumber(parser_));
  } else {
    unseen_columns_ = static_cast<std::int64_t>(trace.columns()) + (line == unseen_in_line_ ? unseen_columns_ : 0);
  }
  unseen_in_line_ = line;
}

void XesReader::tell(const PlainTrace& trace) {
  ++traces_;
  std::string_view name;
  bool named = false;
  for (const auto& [key, value] : trace.attributes()) {
    sink_.trace_attribute(key, value);
    if (key != "concept:name") continue;
    name = value;
    named = true;
  }
  sink_.begin_trace(named ? name : std::to_string(traces_));
  for (const auto& event : trace.events())
    sink_.event({event.activity, event.lifecycle,
                 wants_times_ && !event.time.empty() ? parse_time(event.time) : std::nullopt, event.source});
  sink_.end_trace();
}

void XesReader::on_start(void* self, const char* name, const char** attributes) {
  auto* reader = static_cast<XesReader*>(self);
  if (reader->problem_.empty()) reader->start(name, attributes);
}

void XesReader::on_end(void* self, const char*) {
  auto* reader = static_cast<XesReader*>(self);
  if (reader->problem_.empty()) reader->end();
}

void XesReader::on_declaration(void* self, const char*, const char* encoding, int) {
  const std::string_view name = encoding == nullptr ? "" : encoding;
  static_cast<XesReader*>(self)->utf8_ = name.empty() || name == "UTF-8" || name == "utf-8";
}

void XesReader::on_doctype(void* self, const char*, const char*, const char*, int) {
  static_cast<XesReader*>(self)->has_doctype_ = true;
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
    if (place_ == Place::event || local_name(name) != "event") return attribute(attributes);
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

void XesReader::attribute(const char** attributes) {
  const char *key_text = nullptr, *value_text = nullptr;
  for (; attributes[0] != nullptr; attributes += 2) {
    const std::string_view name = attributes[0];
    if (name == "key")
      key_text = attributes[1];
    else if (name == "value")
      value_text = attributes[1];
  }
  if (key_text == nullptr || value_text == nullptr) return;
  const std::string_view key = key_text, value = value_text;
  if (place_ == Place::trace && !announced_) sink_.trace_attribute(key, value);
  if (key == "concept:name") {
    if (value.size() > longest_name) return refuse("a name longer than 64 KiB: this is no event log");
    if (place_ == Place::event) {
      activity_ = value;
      has_activity_ = true;
    } else if (!announced_) {
      trace_name_ = value;
    }
  } else if (place_ == Place::event && key == "lifecycle:transition") {
    lifecycle_ = value;
  } else if (place_ == Place::event && key == "laban:source") {
    source_ = value;
  } else if (place_ == Place::event && wants_times_ && key == "time:timestamp") {
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
      trace_end_ = static_cast<std::uint64_t>(XML_GetCurrentByteIndex(parser_)) +
                   static_cast<std::uint64_t>(XML_GetCurrentByteCount(parser_));
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
