// bus/client/log.hpp - the client's few log lines go to standard error, under the name "laban".
#pragma once

#include <string>

namespace laban::client {

// An application that wants them elsewhere registers a spdlog logger of that name first.
void log_info(const std::string& line);
void log_warning(const std::string& line);

}  // namespace laban::client
