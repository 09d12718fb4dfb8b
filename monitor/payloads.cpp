// monitor/payloads.cpp - payloads as JSON.
#include "monitor/payloads.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t kept_max = 2'000;
constexpr std::size_t kept_bytes_max = 64 << 10;  // of one payload
constexpr std::size_t shown_bytes_max = 1 << 20;
constexpr std::chrono::milliseconds budget{1'500};

}  // namespace

ReadPayload Payloads::decode(const Payload& payload) const {
  using Json = nlohmann::ordered_json;
  if (!payload.reason.empty()) return {nullptr, payload.reason};
  if (payload.bytes.empty()) return {nullptr, "it has no payload"};
  if (payload.bytes.size() > shown_bytes_max) return {nullptr, "it is larger than 1 MiB"};
  std::optional<std::string> text;
  if (payload.content_type == "application/json") text = payload.bytes;
  if (!text && decoder_) text = decoder_(payload.dataschema, payload.bytes);
  if (!text) return {nullptr, "its type is not known here"};
  Json data = Json::parse(*text, nullptr, false);
  if (data.is_discarded()) return {nullptr, "it is not the JSON that it is said to be"};
  return {std::move(data), {}};
}

void Payloads::forget() {
  const std::lock_guard lock(mutex_);
  kept_.clear();
  order_.clear();
  ++forgotten_;
}

std::vector<ReadPayload> Payloads::read(const std::vector<std::uint64_t>& offsets) {
  std::unordered_map<std::uint64_t, ReadPayload> found;
  std::vector<std::uint64_t> missing;
  std::uint64_t forgotten = 0;
  {
    const std::lock_guard lock(mutex_);
    forgotten = forgotten_;
    for (const auto offset : offsets) {
      const auto kept = kept_.find(offset);
      if (kept != kept_.end()) {
        found.emplace(offset, kept->second);
      } else {
        missing.push_back(offset);
      }
    }
  }
  if (!missing.empty()) {
    for (const auto& [offset, payload] : reader_.read(missing, budget)) {
      ReadPayload read = decode(payload);
      if (payload.reason.empty() && payload.bytes.size() <= kept_bytes_max) {
        const std::lock_guard lock(mutex_);
        if (forgotten == forgotten_ && kept_.emplace(offset, read).second) order_.push_back(offset);
        if (order_.size() > kept_max) {
          kept_.erase(order_.front());
          order_.pop_front();
        }
      }
      found.emplace(offset, std::move(read));
    }
  }
  std::vector<ReadPayload> out;
  for (const auto offset : offsets) out.push_back(std::move(found[offset]));
  return out;
}

}  // namespace laban::monitor
