// bus/hub/probe.hpp - what happens in the hub, told in the hub's own words. metrics.cpp alone knows which series come of it.
//
// Totals are part of the broker's fold and survive a restart; Counters are of this start.
//
// Threads: belongs to the hub's thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

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
  std::uint64_t sessions_expired = 0;
  std::uint64_t sessions_vanished = 0;
  std::uint64_t sessions_cut_off = 0;
  std::uint64_t frames_in = 0;
  std::uint64_t frames_malformed = 0;
  std::uint64_t frames_unknown = 0;
  std::uint64_t frames_without_session = 0;
  std::uint64_t hellos_refused = 0;
  std::uint64_t schemas_refused = 0;
  std::uint64_t events_malformed = 0;
  std::uint64_t events_refused = 0;
  std::uint64_t events_duplicate = 0;
  std::uint64_t groups = 0;
  std::uint64_t groups_failed = 0;
  std::uint64_t feed_batches = 0;
  std::uint64_t feed_events = 0;
  std::uint64_t feed_requests_denied = 0;
  std::uint64_t fleeting_events = 0;
  std::uint64_t fleeting_refused = 0;
  std::uint64_t fleeting_unwanted = 0;
  std::uint64_t fleeting_sent = 0;
  std::uint64_t fleeting_frames_odd = 0;
  std::uint64_t replayed_events = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t stale_settlements = 0;
  std::uint64_t files_exhausted = 0;
  transport::ConnectionCounts connections;
  SyncTimes sync_times;
};

// A counter an exchange. Neighbouring events often share one, so the last is at hand.
class ByExchange {
 public:
  ByExchange() = default;
  ByExchange(const ByExchange&) = delete;
  ByExchange& operator=(const ByExchange&) = delete;

  std::uint64_t& operator[](std::string_view exchange) {
    if (last_ == nullptr || last_->first != exchange) last_ = &*counts_.try_emplace(std::string{exchange}).first;
    return last_->second;
  }
  auto find(std::string_view exchange) const { return counts_.find(exchange); }
  auto begin() const { return counts_.begin(); }
  auto end() const { return counts_.end(); }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::pair<const std::string, std::uint64_t>* last_ = nullptr;
};

// By label.
struct Totals {
  ByExchange published;
  ByExchange unroutable;
  std::map<std::string, std::uint64_t> lost;  // by reason
  std::uint64_t confirmed = 0;
  std::uint64_t log_dropped = 0;
  std::uint64_t log_carried = 0;
};

// Of one queue, beside what its state machine counts.
struct QueueTotals {
  std::uint64_t redelivered = 0;                // exact to the last checkpoint: counted when delivered
  std::map<std::string, std::uint64_t> parked;  // by reason
};

class Probe {
 public:
  explicit Probe(Totals& totals) : totals_(totals) {}

  const Counters& counters() const { return counters_; }
  const Totals& totals() const { return totals_; }

  // --- clients
  void session_opened() { ++counters_.sessions_opened; }
  void session_was_silent() { ++counters_.sessions_expired; }    // for longer than its lease
  void session_vanished() { ++counters_.sessions_vanished; }     // its connection ended without a word
  void session_was_too_slow() { ++counters_.sessions_cut_off; }  // did not read what it had asked for
  void connections_are(const transport::ConnectionCounts& counts) { counters_.connections = counts; }
  void no_file_could_be_opened() { ++counters_.files_exhausted; }  // in this second

  // --- frames
  void heard_frame() { ++counters_.frames_in; }
  void refused_malformed_frame() { ++counters_.frames_malformed; }
  void refused_unknown_frame() { ++counters_.frames_unknown; }
  void refused_frame_without_session() { ++counters_.frames_without_session; }
  void refused_hello() { ++counters_.hellos_refused; }
  void refused_schemas() { ++counters_.schemas_refused; }  // of a service that speaks types otherwise than the others

  // --- publishing
  void refused(std::uint64_t events) { counters_.events_refused += events; }
  void met_malformed_event() { ++counters_.events_malformed; }
  void met_stored_event() { ++counters_.events_duplicate; }
  void confirmed(std::uint64_t events) { totals_.confirmed += events; }
  void wrote_group() { ++counters_.groups; }
  void could_not_write_group() { ++counters_.groups_failed; }
  void synced(double seconds) { counters_.sync_times.observe(seconds); }
  void lost(std::string_view why, std::uint64_t events) { totals_.lost[std::string{why}] += events; }

  // --- queues
  void delivered(std::uint64_t messages) { counters_.deliveries += messages; }
  void redelivered(QueueTotals& queue) { ++queue.redelivered; }
  void parked(QueueTotals& queue, std::string_view why) { ++queue.parked[std::string{why}]; }
  void settled_too_late(std::uint64_t deliveries) { counters_.stale_settlements += deliveries; }

  // --- feeds
  void fed(std::uint64_t events) {
    ++counters_.feed_batches;
    counters_.feed_events += events;
  }
  void denied_feed() { ++counters_.feed_requests_denied; }  // a topic that is no feed's id
  void replayed(std::uint64_t events) { counters_.replayed_events += events; }

  // --- at most once
  void took_fleeting() { ++counters_.fleeting_events; }
  void refused_fleeting() { ++counters_.fleeting_refused; }         // does not decode, or has no address
  void nobody_wanted_fleeting() { ++counters_.fleeting_unwanted; }  // no subscription matches
  void fed_fleeting(std::uint64_t events) { counters_.fleeting_sent += events; }
  void refused_fleeting_frame() { ++counters_.fleeting_frames_odd; }  // holds no events

 private:
  Counters counters_;
  Totals& totals_;
};

}  // namespace laban::hub
