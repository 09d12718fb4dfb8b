// bus/hub/ingest.cpp - checks, routes by subscription, forgets.
#include "bus/hub/ingest.hpp"

#include "bus/codec/envelope.hpp"
#include "bus/hub/access.hpp"

namespace laban::hub {
namespace {

constexpr std::size_t frames_max = 64;  // a cycle
constexpr std::size_t cycle_bytes_max = 4u << 20;

}  // namespace

bool Ingest::serve() {
  std::size_t bytes = 0;
  std::size_t count = 0;
  if (frames_.empty()) frames_.resize(frames_max);
  for (; count < frames_max && bytes < cycle_bytes_max; ++count) {
    auto& frame = frames_[count];
    if (!server_.receive_ingest(frame)) break;
    bytes += frame.size();
    if (frame.size() > codec::fleeting_frame_bytes_max) {
      core_.probe.refused_fleeting_frame();
      continue;
    }
    const auto decoded = codec::decode_fleeting(frame);
    if (const auto* said = std::get_if<codec::Fleeting>(&decoded)) {
      take(*said, access_ == nullptr ? nullptr : access_->of(server_.principal()));
    } else {
      core_.probe.refused_fleeting_frame();
    }
  }
  if (count == 0) return false;
  core_.feeds.flush_fleeting(core_.now());
  return count == frames_max || bytes >= cycle_bytes_max;
}

// What the hub would refuse to store is refused here too, but nobody is told: the counters are.
void Ingest::take(const codec::Fleeting& said, const Grants* grants) {
  const auto now = core_.now();
  for (const auto envelope : said.events) {
    const auto* exchange = codec::read_envelope(envelope, fields_) && codec::check_limits(fields_).empty()
                               ? core_.broker.topology().exchange(fields_.exchange)
                               : nullptr;
    const bool hubs_own = fields_.exchange == routing::lost_exchange || fields_.exchange == routing::parking_exchange;
    const bool denied = access_ != nullptr && (grants == nullptr || !grants->may_publish(fields_.routingkey));
    if (exchange == nullptr || hubs_own || denied || fields_.sequence != 0 || fields_.erased) {
      core_.probe.refused_fleeting();
      continue;
    }
    core_.probe.took_fleeting();
    if (!core_.feeds.add_fleeting({0, now, grants == nullptr ? std::string_view{} : grants->principal, envelope},
                                  fields_.exchange, fields_.routingkey)) {
      core_.probe.nobody_wanted_fleeting();
    }
  }
}

}  // namespace laban::hub
