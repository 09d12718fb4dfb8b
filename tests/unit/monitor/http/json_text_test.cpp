// tests/unit/monitor/http/json_text_test.cpp - foreign bytes never make an answer unreadable.
#include "monitor/edge/http/json_text.hpp"

#include <doctest/doctest.h>

using laban::monitor::json_text;

TEST_CASE("json_text: escapes quotes, backslashes and control characters") {
  CHECK(json_text("a\"b\\c\n\x01") == R"("a\"b\\c\n\u0001")");
}

TEST_CASE("json_text: keeps UTF-8 and replaces what is not") {
  CHECK(json_text("żółw 🐢") == "\"żółw 🐢\"");
  CHECK(json_text("a\xFFz") == "\"a\xEF\xBF\xBDz\"");
  CHECK(json_text("\xC0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // overlong
  CHECK(json_text("\xED\xA0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // surrogate
  CHECK(json_text("\xE2\x82") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // cut off
}
