// cli/demo/report.cpp - compares order by order, because equal totals can hide two errors.
#include "cli/demo/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

namespace laban::demo {

namespace {

constexpr std::size_t shown_max = 20;

std::string milliseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", seconds * 1e3);
  return text;
}

}  // namespace

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto place = std::clamp<std::size_t>(rank, 1, values.size()) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place), values.end());
  return values[place];
}

Report compare(const std::string& definition, const Ledger& ledger, const std::vector<InstanceRow>& instances) {
  Report report;
  report.definition = definition;
  report.orders = static_cast<std::int64_t>(ledger.orders.size());
  report.databases = ledger.outcomes();
  report.disagreements = ledger.contradictions();
  auto& wrong = report.disagreements;

  std::map<std::string, std::vector<double>> durations;
  std::set<std::string> seen;
  for (const auto& instance : instances) {
    ++report.outcomes[instance.state].count;
    if (instance.seconds) durations[instance.state].push_back(*instance.seconds);
    if (instance.verdict != "conforming") wrong.push_back(instance.id + ": the monitor calls it " + instance.verdict);
    if (!seen.insert(instance.id).second) wrong.push_back(instance.id + ": the monitor has it twice");
    const auto order = ledger.orders.find(instance.id);
    if (order == ledger.orders.end())
      wrong.push_back(instance.id + ": the monitor has it and the databases have not");
    else if (order->second.state != instance.state)
      wrong.push_back(instance.id + ": " + instance.state + " for the monitor, " + order->second.state +
                      " in the databases");
  }
  for (const auto& [id, order] : ledger.orders)
    if (!seen.contains(id)) wrong.push_back(id + ": the databases have it and the monitor has not");
  for (auto& [state, line] : report.outcomes) {
    line.p50_seconds = percentile(durations[state], 0.50);
    line.p99_seconds = percentile(durations[state], 0.99);
  }
  return report;
}

void print_text(std::ostream& out, const Report& report) {
  char line[160];
  std::snprintf(line, sizeof line, "%-20s %-12s %8s %12s %12s %10s\n", "definition", "outcome", "count", "p50", "p99",
                "databases");
  out << line;
  std::set<std::string> states;
  for (const auto& [state, unused] : report.outcomes) states.insert(state);
  for (const auto& [state, unused] : report.databases) states.insert(state);
  for (const auto& state : states) {
    const auto monitored = report.outcomes.find(state);
    const auto stored = report.databases.find(state);
    const OutcomeLine outcome = monitored == report.outcomes.end() ? OutcomeLine{} : monitored->second;
    std::snprintf(line, sizeof line, "%-20s %-12s %8lld %12s %12s %10lld\n", report.definition.c_str(), state.c_str(),
                  static_cast<long long>(outcome.count), milliseconds(outcome.p50_seconds).c_str(),
                  milliseconds(outcome.p99_seconds).c_str(),
                  static_cast<long long>(stored == report.databases.end() ? 0 : stored->second));
    out << line;
  }
  for (std::size_t i = 0; i < report.disagreements.size() && i < shown_max; ++i)
    out << "wrong: " << report.disagreements[i] << '\n';
  if (report.disagreements.size() > shown_max)
    out << "wrong: and " << report.disagreements.size() - shown_max << " more\n";
  out << report.orders << " orders, " << report.restarts << " restarts: "
      << (report.is_good() ? "each ended as expected, and the monitor and the services' databases agree"
                           : "NOT as expected")
      << '\n';
}

void print_json(std::ostream& out, const Report& report) {
  nlohmann::ordered_json document{{"orders", report.orders},
                                  {"outcomes", nlohmann::ordered_json::object()},
                                  {"databases", nlohmann::ordered_json::object()},
                                  {"restarts", report.restarts}};
  for (const auto& [state, line] : report.outcomes) document["outcomes"][state] = line.count;
  for (const auto& [state, count] : report.databases) document["databases"][state] = count;
  out << document.dump() << '\n';
}

}  // namespace laban::demo
