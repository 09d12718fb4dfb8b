// monitor/witness.hpp - the fold with its memory: takes events and the passing of time, and commits what they changed in one
// batch with the offset. Knows no bus, no clock and no thread, so that a test can drive it event by event.
//
// Threads:  one owns it. What publish() gives may be read by any.
// Errors:   Error(storage) from the store; Error(storage) also for a store whose definitions cannot be read back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "monitor/core/snapshot.hpp"
#include "monitor/core/tracker.hpp"
#include "monitor/edge/history/store.hpp"
#include "monitor/library.hpp"
#include "monitor/services.hpp"

namespace laban::monitor {

// One instant: counts and the lists that they count. Threads: any.
struct Published {
  std::shared_ptr<const Snapshot> counts;
  std::shared_ptr<const StoreView> view;
  std::shared_ptr<const ServicesSeen> services;
};

// How the bus looks from here, for the snapshot.
struct Observing {
  std::uint64_t head = 0;
  Time hub_time{};
  std::uint64_t malformed = 0;
  std::uint64_t repaired = 0;
  double events_per_second = 0;
  bool connected = false;
  bool ready = false;
};

class Witness {
 public:
  // Called for each definition as it becomes known, in the order of their indexes; at the start for those of the store.
  using ActivationListener =
      std::function<void(DefinitionIndex, const ProcessModel&, const std::string& text, const std::string& file)>;

  Witness(Store& store, TrackerOptions options, ActivationListener on_activate);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Makes the active definitions those of the library: new ones and changed ones begin to hold after the current offset,
  // missing ones begin no new instances. Says what changed, a line each.
  std::vector<std::string> adopt(const std::vector<LibraryEntry>& entries);

  // Makes these the deviations that are let pass, after the current offset. Says what changed, a line each.
  std::vector<std::string> accept(const std::vector<Acceptance>& rules);

  // Refuses a log other than the one that the store was built from: Error(storage).
  void follows(std::uint64_t log_id, std::uint32_t generation);

  void observe(const Observation& event, EventSummary&& summary);
  // These come next, one by one: what they touch is fetched from memory meanwhile.
  void expect(std::span<const Observation> events) const;
  bool reads_fields() const;  // some definition finds its instances by a payload field
  void advance(Time now);
  void gap(std::uint64_t from, std::uint64_t to);
  // Everything up to here was seen, also what no definition has in scope.
  void reached(std::uint64_t offset);

  // On the bus what these events of a process instance said was erased: their text goes at once, with all that is to be
  // committed. Counts, verdicts and the events themselves stay.
  void erase(std::string_view instance, const std::vector<std::uint64_t>& offsets);
  // For who meets a log that was restored from a backup: what it should not say any more. Empty where nothing was erased.
  std::string erased_text() const;

  // Retention: these ended instances go with the next commit, but for such as have changed since or may still change; and
  // the past before a checkpoint.
  void remove(const std::vector<InstanceRow>& rows);
  void forget_past(const Checkpoint& until);

  std::uint64_t offset() const;
  std::size_t pending() const;  // events since the last commit
  bool dirty() const;           // something is to be committed
  void commit();

  // As of the last commit. `changed` are the rows that changed since the last call, at most `changed_max` of them.
  Published publish(const Observing& observing);
  std::vector<InstanceRow> take_changed(bool& more);

 private:
  struct Fold;
  std::unique_ptr<Fold> fold_;
};

}  // namespace laban::monitor
