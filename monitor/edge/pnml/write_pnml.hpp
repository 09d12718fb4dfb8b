// monitor/edge/pnml/write_pnml.hpp - writes a net as PNML, which knows plain arcs only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::monitor {

// The net as PNML that accepts the same traces, or nothing where it needs what PNML lacks: a scope that is cancelled, an
// inclusive join, an end that waits until all else is over. Whether it does is found by a walk over its markings, so that
// a terminate event at the end of a lone path is no obstacle. The model gives ids, names and places for the findings; a
// net from PNML has none. What is left out without changing what fits (publishers, deadlines) is a warning.
// Threads: any. Errors: as findings.
std::optional<std::string> write_pnml(const Net& net, const ProcessModel* model, const std::string& file,
                                      std::vector<Finding>& findings);

}  // namespace laban::monitor
