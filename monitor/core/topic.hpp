// monitor/core/topic.hpp - whether a routing key fits a pattern: words between dots, * one word, # any number.
#pragma once

#include <string_view>

namespace laban::monitor {

// At most the product of both lengths in work; keys and patterns have at most 255 bytes.
bool fits_pattern(std::string_view pattern, std::string_view key);

}  // namespace laban::monitor
