// monitor/edge/bus/payload_reader.hpp - reads payloads back from the hub's log, which keeps them anyway: the monitor's store
// holds none.
//
// Threads:  any, one reading at a time.
// Errors:   none; what cannot be read has a reason instead of bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "laban/options.hpp"

namespace laban::monitor {

struct Payload {
  std::string content_type;
  std::string dataschema;
  std::string bytes;
  std::string reason;  // why there are no bytes; empty where they were read
};

class PayloadReader {
 public:
  explicit PayloadReader(HubAddress hub) : hub_(std::move(hub)) {}

  // For each of the offsets, which ascend; takes at most `budget`.
  std::map<std::uint64_t, Payload> read(const std::vector<std::uint64_t>& offsets, std::chrono::milliseconds budget);

 private:
  HubAddress hub_;
  std::mutex reading_;
};

}  // namespace laban::monitor
