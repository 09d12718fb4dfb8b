// monitor/edge/clock/wall_clock.cpp - the machine's clock.
#include "monitor/edge/clock/wall_clock.hpp"

namespace laban::monitor {

Time wall_clock_now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace laban::monitor
