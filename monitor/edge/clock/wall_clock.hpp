// monitor/edge/clock/wall_clock.hpp - the machine's clock, for what people read. The fold never asks it: its time is the hub's.
#pragma once

#include "monitor/core/tracker.hpp"

namespace laban::monitor {

Time wall_clock_now();

}  // namespace laban::monitor
