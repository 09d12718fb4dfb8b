// bus/hub/metrics.hpp - the hub's figures as Prometheus text. The only file that knows the metrics library.
#pragma once

#include <string>

#include "bus/hub/snapshot.hpp"

namespace laban::hub {

std::string render_metrics(const Snapshot& snapshot);

}  // namespace laban::hub
