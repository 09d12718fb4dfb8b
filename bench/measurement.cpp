// bench/measurement.cpp - percentiles, and a measurement as JSON or as a line for people.
#include "bench/measurement.hpp"

#include <spdlog/fmt/fmt.h>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace laban::bench {

Latency percentiles(std::vector<std::uint64_t>& nanoseconds) {
  nanoseconds.erase(nanoseconds.begin(), nanoseconds.begin() + static_cast<std::ptrdiff_t>(nanoseconds.size() / 10));
  if (nanoseconds.empty()) return {};
  std::sort(nanoseconds.begin(), nanoseconds.end());
  const auto at = [&](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(nanoseconds.size() - 1));
    return static_cast<double>(nanoseconds[index]) / 1e9;
  };
  return {at(0.5), at(0.99), at(0.999)};
}

double Measurement::cpu_an_event() const {
  double sum = 0;
  for (const auto& [role, took] : cpu) sum += took;
  return events > 0 ? sum / static_cast<double>(events) : 0;
}

std::string to_json(const Measurement& measurement) {
  const auto& settings = measurement.settings;
  nlohmann::ordered_json json{
      {"bench", measurement.name},
      {"events", measurement.events},
      {"seconds", measurement.seconds},
      {"perSecond", measurement.per_second()},
      {"latencySeconds",
       {{"p50", measurement.latency.p50}, {"p99", measurement.latency.p99}, {"p999", measurement.latency.p999}}},
      {"settings",
       {{"count", settings.count},
        {"size", settings.size},
        {"subscribers", settings.subscribers},
        {"rate", settings.rate},
        {"window", settings.window},
        {"keys", settings.keys},
        {"sync", settings.sync ? "group" : "off"}}}};
  for (const auto& [role, took] : measurement.cpu) json["cpuSeconds"][role] = took;
  for (const auto& [name, value] : measurement.figures) json["figures"][name] = value;
  return json.dump();
}

std::string to_text(const Measurement& measurement) {
  std::string text = fmt::format("{:<24} {:>12.0f} events/s   p50 {:.3f} ms   p99 {:.3f} ms   ({} events in {:.2f} s)",
                                 measurement.name, measurement.per_second(), measurement.latency.p50 * 1e3,
                                 measurement.latency.p99 * 1e3, measurement.events, measurement.seconds);
  if (!measurement.cpu.empty()) {
    text += fmt::format("\n    CPU {:.2f} us an event:", measurement.cpu_an_event() * 1e6);
    for (const auto& [role, took] : measurement.cpu)
      text += fmt::format(" {} {:.2f}", role, took * 1e6 / static_cast<double>(measurement.events));
  }
  for (const auto& [name, value] : measurement.figures) text += fmt::format("\n  {:<44} {:>14.3f}", name, value);
  return text;
}

}  // namespace laban::bench
