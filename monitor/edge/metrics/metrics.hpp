// monitor/edge/metrics/metrics.hpp - a snapshot as Prometheus text. The only place that knows prometheus-cpp.
#pragma once

#include <string>
#include <string_view>

#include "monitor/core/snapshot.hpp"

namespace laban::monitor {

struct MetricsOptions {
  bool step_durations = true;  // a histogram a step: eight series each
  std::string version;         // of the software
};

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

// Every series of a definition is there from its activation on, with 0. docs/metrics.md says what each means.
// Threads: any. Errors: none.
std::string render_metrics(const Snapshot& snapshot, const MetricsOptions& options);

}  // namespace laban::monitor
