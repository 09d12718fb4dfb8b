// bus/hub/version.hpp - which software this hub is.
#pragma once

#include <string>

namespace laban::hub {

std::string version_text();

}  // namespace laban::hub
