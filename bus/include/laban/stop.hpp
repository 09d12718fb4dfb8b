// laban/stop.hpp - ends a program cleanly on SIGINT or SIGTERM.
#pragma once

#include <stop_token>

namespace laban {

// Installs the handlers at the first call; every call returns a token of the same source. A second signal ends the
// process at once.
std::stop_token stop_on_signal();

}  // namespace laban
