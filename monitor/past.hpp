// monitor/past.hpp - any instant of the past, answered as the present is: the counts and rows of the checkpoint before it,
// carried on by the changes since, and of what had ended by then the store's own lists.
//
// Threads:  any; one instant is made at a time.
// Errors:   Error(usage) for an instant that is not kept any more; Error(storage) from the store.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monitor/catalogue.hpp"
#include "monitor/core/tracker.hpp"
#include "monitor/witness.hpp"

namespace laban::monitor {

// One instant, whole. Threads: any, once made.
struct PastInstant {
  std::shared_ptr<const StoreView> store;  // as it was when this was made: what is changed later is in `rows`
  std::chrono::steady_clock::time_point made_at{};
  std::uint64_t offset = 0;
  std::uint64_t change = 0;  // the last one before
  Time clock{};              // the latest time until then
  // That lived then, and that had ended and were changed later; by definition, key and run.
  std::vector<InstanceRow> rows;
  std::shared_ptr<const Snapshot> counts;

  const InstanceRow* find(const InstanceName& name) const;
};

class Past {
 public:
  Past(const Catalogue& catalogue, TrackerOptions tracking) : catalogue_(catalogue), tracking_(tracking) {}

  // After the event of that offset, and all that followed before the next one.
  Published at(const Published& newest, std::uint64_t offset);
  // After all that happened until then.
  Published at(const Published& newest, Time time);

  // Lets go of instants that nobody has asked for lately: each holds the store's files of its making.
  void tidy();

 private:
  std::shared_ptr<const PastInstant> find(const Published& newest, std::uint64_t change, std::uint64_t offset);
  Published published(const Published& newest, std::shared_ptr<const PastInstant> instant);
  void let_old_ones_go();

  const Catalogue& catalogue_;
  TrackerOptions tracking_;
  std::mutex mutex_;
  std::list<std::shared_ptr<const PastInstant>> made_;  // the last asked first
};

// What a checkpoint keeps of an instant's counts.
std::string encode_counts(const Snapshot& counts);

// An instance followed anew from its events, under any definition: what it would be at `clock`.
struct Refolded {
  InstanceView view;
  std::string bytes;             // Tracker::save()
  std::vector<StepIndex> steps;  // that the events matched
};
std::optional<Refolded> refold(const ProcessModel& model, const TrackerOptions& options, const std::string& key,
                               const std::vector<EventSummary>& events, const std::vector<GapRecord>& gaps, Time clock);

}  // namespace laban::monitor
