// monitor/edge/http/json_text.hpp - one string as JSON, for the few answers that are written by hand.
#pragma once

#include <string>
#include <string_view>

namespace laban::monitor {

// Quoted and escaped; control characters as \u00XX. Bytes that are not UTF-8 become U+FFFD, so that what
// foreign events put into names never makes a whole answer unreadable.
std::string json_text(std::string_view text);

}  // namespace laban::monitor
