// monitor/services.hpp - who says what, who reacts to what and how soon: counted from every event of the bus, whatever
// definition it belongs to. Part of the fold: kept with the offset that it stands at, in bounded size.
//
// Threads:  one owns it; what seen() gives may be read by any.
// Errors:   load() throws Error(storage) for bytes that cannot be read.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "monitor/core/hash.hpp"
#include "monitor/core/sequence_gaps.hpp"
#include "monitor/core/statistics.hpp"
#include "monitor/edge/history/store.hpp"

namespace laban::monitor {

struct ServiceSeen {
  struct Published {
    std::string type;
    std::uint64_t count = 0;
    Time last_at{};
  };
  // From an event of `type` until the events that this service said because of it.
  struct Reaction {
    std::string type;
    DurationHistogram took;
  };

  std::string id;  // the `source` of its events
  std::uint64_t events = 0;
  Time last_heard{};
  std::vector<Published> published;
  std::vector<Reaction> reactions;
  SequenceGaps sequences;  // which of its events never came
};

struct ServicesSeen {
  std::vector<std::shared_ptr<const ServiceSeen>> services;  // as they were first heard
  std::uint64_t omitted = 0;    // events beyond the limits below, counted nowhere else here
  std::uint64_t unmatched = 0;  // events whose cause is not among the last `causes_max`
};

class Services {
 public:
  static constexpr std::size_t services_max = 256;
  static constexpr std::size_t published_max = 4096;  // types, over all services
  static constexpr std::size_t reactions_max = 2048;  // over all services
  static constexpr std::size_t causes_max = 256 * 1024;

  void load(const Store& store);
  // Each event once, in the bus's order; times are the hub's. False: it names a cause that is not known.
  bool observe(std::string_view source, std::string_view type, std::string_view id, std::string_view causation,
               Time recorded, std::uint64_t sequence = 0);
  // Events have passed unseen: what numbers are missing across that is nobody's loss.
  void note_gap();
  void save(StoreBatch& batch);
  // As of the last save().
  std::shared_ptr<const ServicesSeen> seen() const { return seen_; }

 private:
  // An event that others may name as their cause.
  struct Cause {
    std::uint64_t id = 0;  // a hash
    Time at{};
    std::uint16_t service = 0;
    std::uint16_t published = 0;
  };
  struct Entry {
    ServiceSeen now;
    absl::flat_hash_map<std::string, std::uint16_t, BytesHash, BytesEqual> published;
    absl::flat_hash_map<std::uint32_t, std::uint16_t> reactions;  // by service and published of the cause
    bool dirty = false;
  };

  bool heard(std::string_view source, std::string_view type, std::string_view id, Time recorded, std::uint64_t sequence,
             const Cause* cause);
  void react(Entry& entry, const Cause& cause, Time recorded);
  void remember(const Cause& cause);
  void publish();

  std::vector<std::unique_ptr<Entry>> entries_;
  absl::flat_hash_map<std::string, std::uint16_t, BytesHash, BytesEqual> by_id_;
  std::size_t published_ = 0;
  std::size_t reactions_ = 0;
  bool unsure_ = false;  // what is heard of for the first time may have begun before
  std::uint64_t omitted_ = 0;
  std::uint64_t unmatched_ = 0;
  std::vector<Cause> causes_;  // a ring: number n is at n % causes_max
  absl::flat_hash_map<std::uint64_t, std::uint32_t> cause_at_;
  std::uint64_t remembered_ = 0;                                // ever
  std::uint64_t saved_ = 0;                                     // of them
  std::deque<std::pair<std::uint64_t, std::uint64_t>> chunks_;  // in the store: first number, one past the last
  bool dirty_ = false;
  std::shared_ptr<const ServicesSeen> seen_ = std::make_shared<ServicesSeen>();
};

}  // namespace laban::monitor
