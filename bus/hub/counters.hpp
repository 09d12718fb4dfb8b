// bus/hub/counters.hpp - what the hub counts while it runs. What must survive a restart is in the broker's
// fold.
#pragma once

#include <array>
#include <cstdint>

#include "bus/transport/server.hpp"

namespace laban::hub {

// Seconds a sync took, in cumulative buckets, for a Prometheus histogram.
struct SyncTimes {
  static constexpr std::array<double, 10> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0};
  std::array<std::uint64_t, 11> counts{};
  std::uint64_t count = 0;
  double sum = 0;

  void observe(double seconds) {
    std::size_t bucket = 0;
    while (bucket < bounds.size() && seconds > bounds[bucket]) ++bucket;
    ++counts[bucket];
    ++count;
    sum += seconds;
  }
};

struct Counters {
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_expired = 0;   // silent for longer than the lease
  std::uint64_t sessions_vanished = 0;  // the connection ended without a word
  std::uint64_t sessions_cut_off = 0;   // did not read what it had asked for
  std::uint64_t frames_in = 0;
  std::uint64_t frames_malformed = 0;
  std::uint64_t frames_unknown = 0;
  std::uint64_t frames_without_session = 0;
  std::uint64_t hellos_refused = 0;
  std::uint64_t schemas_refused = 0;  // services that speak types otherwise than the others
  std::uint64_t events_malformed = 0;
  std::uint64_t events_refused = 0;
  std::uint64_t events_duplicate = 0;
  std::uint64_t groups = 0;
  std::uint64_t groups_failed = 0;
  std::uint64_t feed_batches = 0;
  std::uint64_t feed_events = 0;
  std::uint64_t feed_requests_denied = 0;  // a topic that is no feed's id
  std::uint64_t fleeting_events = 0;       // at most once: taken in
  std::uint64_t fleeting_refused = 0;      // do not decode, or have no address
  std::uint64_t fleeting_unwanted = 0;     // nobody subscribed
  std::uint64_t fleeting_sent = 0;         // put into feeds
  std::uint64_t fleeting_frames_odd = 0;   // no frame of events
  std::uint64_t replays = 0;
  std::uint64_t replayed_events = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t stale_settlements = 0;  // for a delivery that had already gone back
  std::uint64_t files_exhausted = 0;    // seconds in which nothing more could be opened or accepted
  transport::ConnectionCounts connections;
  SyncTimes sync_times;
};

}  // namespace laban::hub
