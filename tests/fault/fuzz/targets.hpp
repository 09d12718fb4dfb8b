// tests/fault/fuzz/targets.hpp - what reads bytes from outside, each as one function of any bytes: the same under libFuzzer,
// under the seeded mutator, and for files that were once found.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace laban::fuzz {

struct Target {
  std::string name;
  // Empty where all held that must, whatever the bytes were; else what did not.
  std::string (*run)(std::string_view input);
  std::vector<std::string> (*seeds)();
  // Another input, made from this one.
  std::string (*mutated)(const std::string& input, std::mt19937_64& random);
};

// The codec: every kind of frame, envelope and record. What decodes must be sayable again.
Target codec_target();
// A hub from its sockets to its log, and the restart from that log: conversations of several peers.
Target hub_target();
// A log's files: verification, recovery, reading, and the fold of the hub over them.
Target log_target();
// Definitions: BPMN, YAML and PNML, read, compiled, drawn and converted.
Target definitions_target();
// Recorded event logs: XES and CSV, plain and gzip.
Target event_logs_target();

std::vector<Target> targets();

// Bytes changed, cut, doubled, moved and counted up, a few at a time.
std::string mutated_bytes(const std::string& input, std::mt19937_64& random);

}  // namespace laban::fuzz
