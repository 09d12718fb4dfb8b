// bus/client/topic_match.hpp - does a topic pattern match a routing key?
#pragma once

#include <string_view>

namespace laban::client {

// Words between dots; * is one word, # zero or more. Takes at most (words of pattern) x (words of key) steps.
bool topic_matches(std::string_view pattern, std::string_view key);

}  // namespace laban::client
