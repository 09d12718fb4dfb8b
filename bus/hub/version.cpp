// bus/hub/version.cpp - which software this hub is, from the build.
#include "bus/hub/version.hpp"

namespace laban::hub {

std::string version_text() {
  return LABAN_VERSION;
}

}  // namespace laban::hub
