// monitor/edge/xes/plain_trace.hpp - a trace as nearly every log writes it, read by hand: several times as fast as a parser
// of all of XML.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace laban::monitor {

// <trace>, attributes, <event>s of attributes, </trace>; an attribute is <NAME key="KEY" value="VALUE"/>; printable
// ASCII or UTF-8 without references. Whatever else may be right in XML, or wrong, is `other`: a parser's business.
// The views are of the text that was read.
class PlainTrace {
 public:
  enum class Form { plain, cut, other };  // cut: so far plain, and the text ends
  struct Event {
    std::string_view activity, lifecycle, time, source;
  };

  // From the blanks before the trace. Bytes above ASCII are `other` where the text is not known to be UTF-8.
  Form read(std::string_view text, bool utf8);

  std::size_t size() const { return size_; }        // bytes read, the blanks too
  std::uint64_t lines() const { return lines_; }    // ends of lines among them
  std::size_t columns() const { return columns_; }  // characters behind the last of these, or all
  // Those before the first event; the last concept:name of them is the trace's name.
  const std::vector<std::pair<std::string_view, std::string_view>>& attributes() const { return attributes_; }
  const std::vector<Event>& events() const { return events_; }

 private:
  bool read_trace();
  bool read_event();
  bool blanks();
  template <std::size_t N>
  bool literal(const char (&expected)[N]);
  bool value(std::string_view& found);
  bool attribute(std::string_view& key, std::string_view& value);
  bool at_end();

  std::string_view rest_;
  bool utf8_ = false, cut_ = false;
  std::size_t size_ = 0, columns_ = 0;
  std::uint64_t lines_ = 0;
  const char* line_ = nullptr;
  std::size_t trailing_ = 0;  // bytes of the line that begin no character
  std::vector<std::pair<std::string_view, std::string_view>> attributes_;
  std::vector<Event> events_;
};

}  // namespace laban::monitor
