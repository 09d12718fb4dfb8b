// cli/demo/report.hpp - the monitor's word beside the databases': what ended how, how long it took, where they differ.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "cli/demo/ledger.hpp"
#include "cli/demo/monitor_view.hpp"

namespace laban::demo {

struct OutcomeLine {
  std::int64_t count = 0;
  double p50_seconds = 0;
  double p99_seconds = 0;
};

struct Report {
  std::string definition;
  std::int64_t orders = 0;
  std::map<std::string, OutcomeLine> outcomes;    // by the monitor
  std::map<std::string, std::int64_t> databases;  // by the services
  std::vector<std::string> disagreements;         // one sentence each; also what did not end as expected
  int restarts = 0;

  bool is_good() const { return disagreements.empty(); }
};

// Every order must be an instance that ended as its order did and kept to the definition, and the other way round.
Report compare(const std::string& definition, const Ledger& ledger, const std::vector<InstanceRow>& instances);

// The value that `share` of the values do not exceed (nearest rank); 0 of none.
double percentile(std::vector<double> values, double share);

void print_text(std::ostream& out, const Report& report);
void print_json(std::ostream& out, const Report& report);

}  // namespace laban::demo
