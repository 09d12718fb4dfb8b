// cli/header_value.hpp - headers as the command line and JSON write them, with the types that headers exchanges compare.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "laban/event.hpp"

namespace laban::cli {

// true, false and numbers keep their type; "…" makes text of anything.
HeaderValue header_value(const std::string& text);

// NAME=VALUE. Throws Error(usage) where there is no name; `example` is shown then.
std::pair<std::string, HeaderValue> parse_header(const std::string& text, const char* example);

// Of a JSON object: text, integers, reals, true, false and null. Throws Error(malformed) for anything else.
Headers headers_of(const nlohmann::ordered_json& object);
nlohmann::ordered_json json_of(const Headers& headers);

}  // namespace laban::cli
