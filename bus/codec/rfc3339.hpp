// bus/codec/rfc3339.hpp - an instant as people and JSON write it.
#pragma once

#include <string>

#include "laban/event.hpp"

namespace laban::codec {

// UTC with nanoseconds, as in 2026-11-21T19:23:25.591906457Z.
std::string rfc3339(Timestamp time);

}  // namespace laban::codec
