// monitor/payloads.hpp - payloads as JSON, read back from the bus while it has them.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "monitor/edge/bus/payload_reader.hpp"

namespace laban::monitor {

// Bytes of a type to one JSON document; nothing where the type is not known. Called from any thread.
using PayloadDecoder = std::function<std::optional<std::string>(std::string_view dataschema, std::string_view bytes)>;

struct ReadPayload {
  nlohmann::ordered_json data;  // null where there is a reason
  std::string reason;
};

// Threads: any. Errors: none. Keeps the last 2,000 small payloads, so that a page that follows an instance reads each once.
class Payloads {
 public:
  Payloads(HubAddress hub, PayloadDecoder decoder) : reader_(std::move(hub)), decoder_(std::move(decoder)) {}

  // One for each of the offsets, which ascend.
  std::vector<ReadPayload> read(const std::vector<std::uint64_t>& offsets);
  // What was kept of payloads may have been erased.
  void forget();

 private:
  ReadPayload decode(const Payload& payload) const;

  PayloadReader reader_;
  PayloadDecoder decoder_;
  std::mutex mutex_;
  std::list<std::uint64_t> order_;  // the oldest first
  std::unordered_map<std::uint64_t, ReadPayload> kept_;
  std::uint64_t forgotten_ = 0;  // how often
};

}  // namespace laban::monitor
