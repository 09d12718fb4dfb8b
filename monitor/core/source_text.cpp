// monitor/core/source_text.cpp - the bytes of a definition made ready for a parser: one encoding, known
// lines, known limits.
#include "monitor/core/source_text.hpp"

#include <iconv.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

namespace laban::monitor {
namespace {

constexpr std::size_t stride = 4096;

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

bool starts_with(std::string_view text, std::size_t at, std::string_view what) {
  return text.substr(at, what.size()) == what;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// The length of the valid UTF-8 character at `at`; 0 where there is none.
std::size_t valid_character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && byte(at + 1) < 0xa0) return 0;
  if (first == 0xed && byte(at + 1) > 0x9f) return 0;
  if (first == 0xf0 && byte(at + 1) < 0x90) return 0;
  if (first == 0xf4 && byte(at + 1) > 0x8f) return 0;
  return length;
}

std::size_t first_invalid(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = valid_character(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

// What the bytes say about their own encoding, as iconv names it; empty: UTF-8.
std::string encoding_of(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0x100u; };
  if (at(0) == 0xff && at(1) == 0xfe && at(2) == 0 && at(3) == 0) return "UTF-32";
  if (at(0) == 0 && at(1) == 0 && at(2) == 0xfe && at(3) == 0xff) return "UTF-32";
  if ((at(0) == 0xff && at(1) == 0xfe) || (at(0) == 0xfe && at(1) == 0xff)) return "UTF-16";
  if (at(0) == '<' && at(1) == 0 && at(2) == 0 && at(3) == 0) return "UTF-32LE";
  if (at(0) == '<' && at(1) == 0) return "UTF-16LE";
  if (at(0) == 0 && at(1) == '<') return "UTF-16BE";
  if (starts_with(bytes, 0, "\xef\xbb\xbf") || !starts_with(bytes, 0, "<?xml")) return "";
  const std::string_view declaration = bytes.substr(0, std::min(bytes.find("?>"), std::size_t{256}));
  std::size_t name = declaration.find("encoding");
  if (name == std::string_view::npos) return "";
  name = declaration.find_first_of("'\"", name);
  if (name == std::string_view::npos) return "";
  const std::size_t end = declaration.find(declaration[name], name + 1);
  if (end == std::string_view::npos) return "";
  std::string encoding{declaration.substr(name + 1, end - name - 1)};
  std::transform(encoding.begin(), encoding.end(), encoding.begin(), [](unsigned char c) { return std::toupper(c); });
  // A UTF-16 declaration in a text of single bytes is a known slip of exporters: the bytes were re-encoded,
  // the line not.
  if (encoding == "UTF-8" || encoding == "UTF8" || encoding.rfind("UTF-16", 0) == 0 || encoding.rfind("UTF-32", 0) == 0)
    return "";
  return encoding;
}

struct Conversion {
  std::string text;
  bool known = true;         // the encoding
  std::size_t replaced = 0;  // characters
};

Conversion convert(std::string_view bytes, const std::string& encoding) {
  Conversion out;
  const iconv_t converter = iconv_open("UTF-8", encoding.c_str());
  // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's own way to say no
  if (converter == reinterpret_cast<iconv_t>(-1)) {
    out.known = false;
    return out;
  }
  char* in = const_cast<char*>(bytes.data());  // iconv does not write to it
  std::size_t left = bytes.size();
  char buffer[16384];
  while (left > 0) {
    char* to = buffer;
    std::size_t room = sizeof buffer;
    const std::size_t done = iconv(converter, &in, &left, &to, &room);
    out.text.append(buffer, sizeof buffer - room);
    if (done != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
    out.text += "\xef\xbf\xbd";
    ++out.replaced;
    ++in;
    --left;
  }
  iconv_close(converter);
  if (out.text.rfind("\xef\xbb\xbf", 0) == 0) out.text.erase(0, 3);
  return out;
}

Conversion mend_utf8(std::string_view bytes) {
  Conversion out;
  out.text.reserve(bytes.size() + 64);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = valid_character(bytes, at);
    if (length == 0) {
      out.text += "\xef\xbf\xbd";
      ++out.replaced;
      ++at;
    } else {
      out.text.append(bytes, at, length);
      at += length;
    }
  }
  return out;
}

// Walks over one XML text and keeps what the limits are about.
class Guard {
 public:
  Guard(std::string_view text, const TextLimits& limits, const std::string& file)
      : text_(text), limits_(limits), file_(file) {}

  std::optional<Finding> run() {
    std::size_t at = text_.find('<');
    while (at != std::string_view::npos && !refusal_) at = text_.find('<', markup(at));
    return refusal_;
  }

 private:
  std::size_t markup(std::size_t at) {
    if (starts_with(text_, at, "<!--")) return after("-->", at + 4);
    if (starts_with(text_, at, "<![CDATA[")) return after("]]>", at + 9);
    if (starts_with(text_, at, "<?")) return after("?>", at + 2);
    if (starts_with(text_, at, "<!")) return document_type(at);
    if (starts_with(text_, at, "</")) {
      if (depth_ > 0) --depth_;
      return at + 2;
    }
    return element(at);
  }

  std::size_t after(std::string_view end, std::size_t from) const {
    const std::size_t at = text_.find(end, from);
    return at == std::string_view::npos ? text_.size() : at + end.size();
  }

  std::size_t document_type(std::size_t at) {
    std::size_t brackets = 0;
    for (std::size_t i = at + 2; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '[') ++brackets;
      if (c == ']' && brackets > 0) --brackets;
      if (c == '<' && starts_with(text_, i, "<!ENTITY")) {
        refuse(i, "entities",
               "the file declares entities of its own, which can grow without bound: remove the DOCTYPE");
        return text_.size();
      }
      if (c == '>' && brackets == 0) return i + 1;
    }
    return text_.size();
  }

  std::size_t element(std::size_t at) {
    if (++elements_ > limits_.elements)
      refuse(at, "too-many-elements",
             "more than " + std::to_string(limits_.elements) + " XML elements: split the file");
    if (++depth_ > limits_.depth)
      refuse(at, "too-deep", "elements are nested deeper than " + std::to_string(limits_.depth) + ": flatten the file");
    std::size_t word = at + 1;  // where the current name begins
    for (std::size_t i = at + 1; i < text_.size() && !refusal_; ++i) {
      const char c = text_[i];
      if (c == '"' || c == '\'') {
        i = text_.find(c, i + 1);
        if (i == std::string_view::npos) return text_.size();
        word = i + 1;
      } else if (c == '>') {
        if (text_[i - 1] == '/') --depth_;
        return i + 1;
      } else if (is_space(c) || c == '=') {
        word = i + 1;
      } else if (i - word > limits_.tag) {
        refuse(word, "name-too-long",
               "an element's or attribute's name is longer than " + std::to_string(limits_.tag) +
                   " bytes: this is not a process definition");
      }
    }
    return text_.size();
  }

  void refuse(std::size_t at, const char* id, const std::string& message) {
    if (!refusal_)
      refusal_ = Finding{LineIndex{text_.substr(0, at + 1)}.locate(at, file_), Severity::error, id, message};
  }

  std::string_view text_;
  const TextLimits& limits_;
  const std::string& file_;
  std::size_t depth_ = 0;
  std::size_t elements_ = 0;
  std::optional<Finding> refusal_;
};

}  // namespace

LineIndex::LineIndex(std::string_view text) : text_(text) {
  marks_.reserve(text.size() / stride + 1);
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at % stride == 0) marks_.push_back({line, column});
    if (text[at] == '\n') {
      ++line;
      column = 1;
    } else if (!continues(text[at])) {
      ++column;
    }
  }
  if (marks_.empty() || text.size() % stride == 0) marks_.push_back({line, column});
}

Location LineIndex::locate(std::size_t offset, const std::string& file) const {
  offset = std::min(offset, text_.size());
  const std::size_t mark = std::min(offset / stride, marks_.size() - 1);
  Location out{file, marks_[mark].line, marks_[mark].column};
  for (std::size_t at = mark * stride; at < offset; ++at) {
    if (text_[at] == '\n') {
      ++out.line;
      out.column = 1;
    } else if (!continues(text_[at])) {
      ++out.column;
    }
  }
  return out;
}

std::string to_utf8(std::string_view bytes, const std::string& file, std::vector<Finding>& findings) {
  const Location start{file, 1, 1};
  const std::string encoding = encoding_of(bytes);
  if (!encoding.empty()) {
    Conversion converted = convert(bytes, encoding);
    if (converted.replaced > 0)
      findings.push_back({start, Severity::warning, "encoding",
                          std::to_string(converted.replaced) + " bytes are not " + in_quotes(encoding) +
                              ": they are shown as U+FFFD"});
    if (converted.known) return std::move(converted.text);
    findings.push_back({start, Severity::warning, "encoding",
                        "the encoding " + in_quotes(encoding) + " is not known: the file is read as UTF-8"});
  }
  if (starts_with(bytes, 0, "\xef\xbb\xbf")) bytes.remove_prefix(3);
  if (first_invalid(bytes) == std::string_view::npos) return std::string{bytes};
  Conversion mended = mend_utf8(bytes);
  findings.push_back({start, Severity::warning, "encoding",
                      std::to_string(mended.replaced) + " bytes are not UTF-8: they are shown as U+FFFD"});
  return std::move(mended.text);
}

std::optional<Finding> xml_refusal(std::string_view text, const TextLimits& limits, const std::string& file) {
  return Guard{text, limits, file}.run();
}

std::optional<Finding> size_refusal(std::size_t bytes, const TextLimits& limits, const std::string& file) {
  if (bytes <= limits.bytes) return std::nullopt;
  return Finding{
      {file, 1, 1},
      Severity::error,
      "too-large",
      "the file has " + std::to_string(bytes) + " bytes, the limit is " + std::to_string(limits.bytes) + ": split it"};
}

void add_finding(std::vector<Finding>& findings, const TextLimits& limits, Finding finding) {
  if (findings.size() < limits.findings) {
    findings.push_back(std::move(finding));
  } else if (findings.size() == limits.findings) {
    findings.push_back({finding.at, finding.severity, "too-many-findings",
                        "there are more findings than " + std::to_string(limits.findings) + ": mend these first"});
  } else if (finding.severity == Severity::error) {
    findings.back().severity = Severity::error;  // that a later one was an error must not be lost
  }
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_space(c)) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string out = one_line(text.substr(0, 4 * longest));
  if (out.size() > longest) {
    std::size_t end = longest;
    while (end > 0 && continues(out[end])) --end;
    out.resize(end);
    out += "…";
  }
  return "'" + out + "'";
}

}  // namespace laban::monitor
