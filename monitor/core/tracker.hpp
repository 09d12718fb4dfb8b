// monitor/core/tracker.hpp - the fold: instances of all definitions, followed from events and from the passing of time.
// state = observe(state, event) and advance(now), and nothing else changes it; a recorded stream gives the same answer
// each time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/definition.hpp"
#include "monitor/core/verdict.hpp"

namespace laban::monitor {

// Nanoseconds since 1970, UTC: the hub's recordedtime, or the trace's own clock.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

using DefinitionIndex = std::uint16_t;  // in the tracker, in order of activation; never reused
using InstanceIndex = std::uint32_t;    // a slot of the tracker; reused after forget()
inline constexpr InstanceIndex no_instance = 0xffffffff;

// Reads a payload field, for definitions that correlate by one. A list gives several keys: one event for many instances.
using FieldReader = std::function<std::vector<std::string>(std::string_view field)>;

struct Observation {
  std::string_view key;  // the process instance (correlationid)
  std::string_view type;
  std::string_view source;
  std::string_view exchange;
  std::string_view routing_key;
  std::uint64_t offset = 0;  // dense on a bus, ascending; an offset that was seen before is a duplicate and is dropped
  Time time{};
  std::uint64_t sequence = 0;  // as its publisher counts, 0 where it does not
  std::string_view definition =
      {};             // of a recorded activity: the definition for which it is in scope, whatever its type
  bool late = false;  // its offset may be below that of others that came before it
  const FieldReader* fields = nullptr;  // only read for definitions with a correlation field
};

// What one event or one step of time did to one instance.
struct Change {
  InstanceIndex instance = no_instance;
  DefinitionIndex definition = 0;
  bool started = false;   // this event is its first
  bool ended = false;     // it was live before and is not now
  bool anew = false;      // it is followed anew, this is its first event again; what was before is what it came to then
  bool reopened = false;  // it had ended, and a step of its definition came that may come
  InstanceState before = InstanceState::running, after = InstanceState::running;
  Verdict verdict_before = Verdict::conforming, verdict = Verdict::conforming;
  std::uint8_t flags_before = 0, flags = 0;
  StepIndex step = no_index;           // matched with the event; none where nothing matched, or where only time passed
  StepIndex previous_step = no_index;  // the last matched before, where there is one
  Time previous_event{};               // when the event before was; of the first event its own time
  std::chrono::nanoseconds step_took{0};  // since the event before
  std::chrono::nanoseconds took{0};       // since the start; set with `ended`
  std::vector<DeviationKind> settled;     // deviations that now count
  int owed = 0;                           // how many more compensations are owed
  bool event = true;                      // false: time did it
};

// Part of the fold: survives a restart with the instances.
struct Totals {
  std::uint64_t events = 0;                                 // in scope, attributed to an instance
  std::uint64_t started = 0;                                // + reopened
  std::array<std::uint64_t, instance_states> ended{};       // by outcome; live states stay 0
  std::array<std::uint64_t, instance_states> instances{};   // now, by state: live ones + all that ended
  std::array<std::uint64_t, verdicts> verdict{};            // instances by verdict, ended ones too
  std::array<std::uint64_t, deviation_kinds> deviations{};  // settled
  std::array<std::uint64_t, 2> flagged{};                   // live instances: stuck, late
  std::uint64_t compensations_owed = 0;                     // steps, over live and failed instances
};

// One instance as others read it.
struct InstanceView {
  std::string id;  // KEY, DEFINITION:KEY or DEFINITION:KEY~RUN by the rule of the contract; `unique` says which
  std::string key;
  DefinitionIndex definition = 0;
  std::uint32_t run = 1;
  InstanceState state = InstanceState::running;
  Verdict verdict = Verdict::conforming;
  std::uint8_t flags = 0;
  std::vector<std::string> steps;     // where it stands: names of the steps last matched
  std::vector<std::string> expected;  // required steps that can come next
  std::uint32_t events = 0;
  Time started_at{}, last_event_at{}, step_since{};
  std::optional<Time> ended_at;
  std::uint64_t first_offset = 0, last_offset = 0;
  std::vector<Deviation> deviations;
  std::vector<std::string> done, undone, owed;  // compensation ledger
  bool approximate = false;
};

struct TrackerOptions {
  bool everything_in_scope = false;  // offline: an event that no step names is `unexpected`, not out of scope
  std::chrono::nanoseconds lateness = std::chrono::seconds{60};  // a skip of an ended instance settles after this
  std::chrono::nanoseconds quiet_end = std::chrono::hours{24};   // one that may end but could go on ends after this
  std::uint32_t learn_after = 30;  // samples before silence at a state is judged by what was learned
  double stall_factor = 4.0;       // times the learned 99th percentile
  std::chrono::nanoseconds shortest_stall = std::chrono::seconds{5};
  std::uint32_t remembered_deviations = 64;  // an instance; further ones are counted only
};

// Threads: one. Errors: none; what the world does wrong is a verdict, a flag or a counter.
class Tracker {
 public:
  explicit Tracker(TrackerOptions options = {});
  ~Tracker();
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;

  // From now on instances that start follow it; a definition of the same id that was active before keeps its running
  // instances and begins no new ones.
  DefinitionIndex activate(std::unique_ptr<Definition> definition);
  void retire(DefinitionIndex definition);  // begins no new ones
  std::size_t definitions() const;
  Definition& definition(DefinitionIndex index);
  bool is_active(DefinitionIndex index) const;

  // Changes are appended.
  void observe(const Observation& event, std::vector<Change>& changes);
  // The same for many in their order; what they will touch is fetched from memory a few events ahead.
  void observe(std::span<const Observation> events, std::vector<Change>& changes);
  // Fetches what these will touch from memory, for a caller that observes them one by one right after.
  void expect(std::span<const Observation> events) const;
  // A definition finds its instances by a payload field: `fields` of an observation may be asked.
  bool reads_fields() const;
  void advance(Time now, std::vector<Change>& changes);
  // The event belongs before something that the instance has passed: an event, or the end of a deviation's lateness.
  bool comes_late(InstanceIndex instance, const Observation& event) const;
  // An event of the instance came late: these are all of its run, the late one among them, in their order. It is followed
  // anew by them, and the totals are as if they had come so. False, and nothing changed, where deviations of it are
  // counted only.
  bool refold(InstanceIndex instance, std::span<const Observation> events, std::vector<Change>& changes);

  // Events up to here are lost for good: the first misfit of an instance that lives now, or whose first event follows,
  // is `incomplete`.
  void note_gap();

  // Called for a key that is not in memory: the bytes of save() where the store has an ended instance of it.
  using Recall = std::function<std::optional<std::string>(const Definition& definition, std::string_view key)>;
  void set_recall(Recall recall);

  // --- reading
  std::size_t size() const;  // instances in memory
  InstanceIndex find(DefinitionIndex definition, std::string_view key) const;
  InstanceView view(InstanceIndex instance) const;
  InstanceState state(InstanceIndex instance) const;
  std::string_view key(InstanceIndex instance) const;
  std::uint32_t run(InstanceIndex instance) const;
  Time started_at(InstanceIndex instance) const;
  StepIndex step(InstanceIndex instance) const;  // the last matched; no_index where there is none
  void each(const std::function<void(InstanceIndex)>& visit) const;
  const Totals& totals(DefinitionIndex definition) const;
  std::uint64_t duplicates() const;    // offsets seen before
  std::uint64_t out_of_scope() const;  // events that no active definition has in scope
  std::uint64_t offset() const;        // of the last event

  // --- keeping. An instance as bytes that any tracker with the same definition can take up; ended instances may be
  // forgotten once stored.
  void save(InstanceIndex instance, std::string& out) const;
  // `definition` is the index in this tracker. no_instance where the bytes are not of this definition.
  InstanceIndex restore(DefinitionIndex definition, std::string_view bytes);
  void forget(InstanceIndex instance);
  // Totals, offset, learned times and clocks of the whole fold; not the instances.
  std::string save_totals() const;
  bool restore_totals(std::string_view bytes);

 private:
  struct Fold;
  std::unique_ptr<Fold> fold_;
};

}  // namespace laban::monitor
