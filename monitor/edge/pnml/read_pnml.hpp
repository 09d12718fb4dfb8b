// monitor/edge/pnml/read_pnml.hpp - reads a labelled Petri net from a PNML file. Start here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/net.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor {

struct PnmlFile {
  std::string id;  // of the net
  std::string name;
  std::optional<Net> net;               // none where there is an error among the findings
  std::vector<Location> transition_at;  // where each of the net's stands
  std::vector<Finding> findings;
};

// Transitions without a name, named "invisible" or marked by ProM's tool-specific $invisible$ are silent; equal names are
// one step. Initial and final markings are the file's; without them a token on each place that nothing feeds, and an end
// with one token on each place that feeds nothing (where one sink is meant, on that alone). Of several nets or pages in
// the file the first net counts, with all its pages. Never throws for what the file holds.
// Threads: any, at the same time. Errors: as findings.
PnmlFile read_pnml(std::string_view bytes, const std::string& file, const TextLimits& limits = {});

}  // namespace laban::monitor
