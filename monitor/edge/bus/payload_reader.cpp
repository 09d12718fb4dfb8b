// monitor/edge/bus/payload_reader.cpp - a short replay for each cluster of offsets.
#include "monitor/edge/bus/payload_reader.hpp"

#include "laban/error.hpp"
#include "laban/event.hpp"
#include "laban/subscriber.hpp"

namespace laban::monitor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t cluster_gap = 2'000;  // events that are read over rather than asked for anew
constexpr std::size_t clusters_max = 50;      // of one reading

void read_cluster(const HubAddress& hub, std::uint64_t first, std::uint64_t last, Clock::time_point end,
                  std::map<std::uint64_t, Payload>& into) {
  std::uint64_t reached = 0;
  Subscriber subscriber({"laban-monitor-payloads", hub});
  SubscriptionOptions from;
  from.from = SubscriptionOptions::From::offset;
  from.fleeting = false;
  from.offset = first;
  from.buffer_events = 4'096;
  subscriber.on_miss([&](const Miss& miss) {
    for (auto at = into.lower_bound(miss.from); at != into.end() && at->first <= miss.to; ++at) {
      at->second.reason = "the hub's log no longer has it";
    }
    reached = std::max(reached, miss.to);
  });
  subscriber.subscribe(from, [&](const Event& event) {
    reached = std::max(reached, event.offset());
    const auto wanted = event.offset() <= last ? into.find(event.offset()) : into.end();
    if (wanted == into.end()) return;
    const auto data = event.data();
    wanted->second = {std::string(event.datacontenttype()), std::string(event.dataschema()),
                      std::string(reinterpret_cast<const char*>(data.data()), data.size()),
                      event.erased() ? "it was erased" : ""};
  });
  while (reached < last && Clock::now() < end) {
    subscriber.poll(std::chrono::milliseconds{20});
  }
}

}  // namespace

std::map<std::uint64_t, Payload> PayloadReader::read(const std::vector<std::uint64_t>& offsets,
                                                     std::chrono::milliseconds budget) {
  const std::lock_guard one_at_a_time(reading_);
  const auto end = Clock::now() + budget;
  std::map<std::uint64_t, Payload> out;
  for (const auto offset : offsets) out[offset].reason = "the hub did not answer in time";
  try {
    std::size_t clusters = 0;
    for (auto at = out.begin(); at != out.end() && clusters < clusters_max && Clock::now() < end; ++clusters) {
      const std::uint64_t first = at->first;
      std::uint64_t last = first;
      for (; at != out.end() && at->first - last <= cluster_gap; ++at) last = at->first;
      read_cluster(hub_, first, last, end, out);
    }
  } catch (const Error& error) {
    for (auto& [offset, payload] : out) {
      if (!payload.reason.empty()) payload.reason = error.what();
    }
  }
  return out;
}

}  // namespace laban::monitor
