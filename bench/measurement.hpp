// bench/measurement.hpp - what a benchmark is told and what it says.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace laban::bench {

struct Settings {
  std::uint64_t count = 200'000;  // events a run
  std::uint32_t size = 256;       // payload bytes an event
  std::uint32_t subscribers = 1;
  double rate = 0;               // events a second; 0 is as fast as it goes
  std::uint32_t window = 1'000;  // published and not yet confirmed, at most
  std::uint32_t keys = 10'000;   // partition keys
  bool sync = true;              // fdatasync before each confirm
};

struct Latency {
  double p50 = 0;  // seconds
  double p99 = 0;
  double p999 = 0;
};

struct Measurement {
  std::string name;
  std::uint64_t events = 0;
  double seconds = 0;
  Latency latency;
  Settings settings;
  // User and system time of each role, in seconds: what the run cost, which hardly depends on who else uses the machine.
  std::vector<std::pair<std::string, double>> cpu;
  std::vector<std::pair<std::string, double>> figures;  // further ones, each with its unit in the name

  double per_second() const { return seconds > 0 ? static_cast<double>(events) / seconds : 0; }
  double cpu_an_event() const;  // of all roles; 0 where it was not measured
};

// Percentiles of nanosecond samples; the first tenth is left out as warm-up. Sorts its argument.
Latency percentiles(std::vector<std::uint64_t>& nanoseconds);

// The contract's form: {"bench","events","seconds","perSecond","latencySeconds","settings"}.
std::string to_json(const Measurement& measurement);
std::string to_text(const Measurement& measurement);

}  // namespace laban::bench
