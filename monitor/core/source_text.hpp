// monitor/core/source_text.hpp - the bytes of a definition made ready for a parser: one encoding, known
// lines, known limits. Definitions come from strangers, so nothing is handed to an XML or YAML library before
// its size, depth and names are known to be bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/process_model.hpp"

namespace laban::monitor {

struct TextLimits {
  std::size_t bytes = 64u << 20;     // of the file
  std::size_t depth = 256;           // of nested XML elements
  std::size_t elements = 2'000'000;  // of XML elements
  std::size_t tag = 4096;            // bytes of an element's or attribute's name
  std::size_t name = 64u << 10;      // bytes of an id or a name
  std::size_t findings = 1000;       // that are kept of a file
};

// Maps byte offsets of a UTF-8 text to lines and columns, both from 1, columns in characters. Bounded work an
// answer even where the whole file is one line.
class LineIndex {
 public:
  explicit LineIndex(std::string_view text);
  Location locate(std::size_t offset, const std::string& file) const;

 private:
  struct Mark {
    std::uint32_t line;
    std::uint32_t column;
  };
  std::string_view text_;
  std::vector<Mark> marks_;  // one every `stride` bytes
};

// The text in UTF-8 without a byte order mark. The encoding comes from the mark, else the XML declaration,
// else it is UTF-8. What cannot be converted becomes U+FFFD and a warning.
std::string to_utf8(std::string_view bytes, const std::string& file, std::vector<Finding>& findings);

// Why an XML text must not be given to a parser: entities of its own, too deep, too many elements, a name too
// long. Nothing where it may. Reads the text once and stops at the first reason.
std::optional<Finding> xml_refusal(std::string_view text, const TextLimits& limits, const std::string& file);

// "Too large" with the limit, or nothing.
std::optional<Finding> size_refusal(std::size_t bytes, const TextLimits& limits, const std::string& file);

// Adds a finding unless the file has too many already; then one last finding says so.
void add_finding(std::vector<Finding>& findings, const TextLimits& limits, Finding finding);

// Runs of white space, also line breaks, as one blank; none at the ends.
std::string one_line(std::string_view text);

// A word of the file for a message: in one line, at most 80 bytes, cut between characters.
std::string in_quotes(std::string_view text);

}  // namespace laban::monitor
