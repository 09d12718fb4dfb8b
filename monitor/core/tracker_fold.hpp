// monitor/core/tracker_fold.hpp - the inside of the tracker: how a million instances lie in memory. Internal to the core.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/core/dwell.hpp"
#include "monitor/core/follower.hpp"
#include "monitor/core/hash.hpp"
#include "monitor/core/huge_pages.hpp"
#include "monitor/core/key_table.hpp"
#include "monitor/core/timing_wheel.hpp"
#include "monitor/core/tracker.hpp"

namespace laban::monitor {

// What every event touches: one cache line with the key in it.
struct alignas(64) Hot {
  static constexpr std::size_t inline_key = 38;

  StateId state = 0;
  StepIndex step = no_index;
  Symbol last = no_symbol;
  std::uint32_t events = 0;
  DefinitionIndex definition = 0;
  std::uint16_t key_length = 0;  // 0xffff: the key is in the extras
  InstanceState phase = InstanceState::running;
  std::uint8_t flags = 0;
  bool used : 1 = false;
  bool incomplete : 1 = false;
  bool lived_across_gap : 1 = false;  // its next misfit may be the gap's doing
  bool began_after_gap : 1 = false;
  bool has_extras : 1 = false;
  bool deviating : 1 = false;  // these two say of its doubt what most ask of it
  bool unsettled : 1 = false;
  bool more_clocks : 1 = false;  // some are in the extras
  char key[inline_key] = {};
};

// The clock of a step that has a deadline and can come.
struct Waiting {
  StepIndex step;
  Time since;
};

// What most events touch: one more cache line.
struct alignas(64) Cold {
  static constexpr std::size_t inline_waiting = 2;
  static constexpr std::uint16_t no_step = 0xffff;
  static constexpr std::chrono::nanoseconds grain = std::chrono::milliseconds{10};

  Time started_at{}, last_event_at{};
  std::uint64_t first_offset = 0, last_offset = 0;
  std::uint64_t seen = 0;  // the first 64 labels
  std::uint32_t extras = no_index;
  std::uint32_t run = 1;
  Tick due = 0;  // of the one entry in the wheel that counts; 0 is none
  // Steps with a deadline that can come, as long as they are few: since when, in grains after the start.
  std::array<std::uint16_t, inline_waiting> waiting_step{no_step, no_step};
  std::array<std::uint32_t, inline_waiting> waiting_since{};
};

// What few instances have.
struct Extras {
  struct Between {
    std::uint32_t pair;
    Time since;
  };

  std::unique_ptr<Doubt> doubt;
  std::string key;                                        // where it is too long for the record
  std::vector<std::uint64_t> seen;                        // all labels, where there are more than 64
  std::vector<Waiting> waiting;                           // where they are too many for the record
  std::vector<Between> between;                           // pair deadlines that run
  std::optional<Time> step_since;                         // where the last event matched no step
  std::optional<Time> ended_at;                           // where events came after the end
  std::array<std::uint32_t, instance_states> reopened{};  // ends that were none, by outcome
};

static_assert(sizeof(Hot) == 64 && sizeof(Cold) == 64);

struct Slot {
  Hot hot;
  Cold cold;
};

// Definitions of one id: of an instance at most one version is followed at a time.
struct Family {
  std::string id;
  std::vector<DefinitionIndex> versions;  // in order of activation
};

struct Tracked {
  std::unique_ptr<Definition> definition;
  std::uint32_t family = 0;
  bool active = true;
  bool has_deadlines = false;                                     // of steps or pairs
  std::chrono::nanoseconds quickest{0};                           // no clock that an event starts is due before
  std::vector<std::vector<std::uint32_t>> pairs_from, pairs_to;   // by label
  std::vector<std::optional<std::chrono::nanoseconds>> deadline;  // by step
  std::vector<Dwell> dwell;                                       // by state
  Totals totals;

  // An encoded state; no_state for bytes of another definition. A million instances are in few states: each is decoded once.
  StateId state_of(std::string_view encoded);
  static constexpr std::size_t most_decoded = 4096;
  absl::flat_hash_map<std::string, StateId, BytesHash, BytesEqual> decoded;
};

struct Tracker::Fold {
  explicit Fold(TrackerOptions given) : options(given) {}

  TrackerOptions options;
  std::vector<Tracked> tracked;
  std::vector<Family> families;
  absl::flat_hash_map<std::string, std::vector<std::uint32_t>, BytesHash, BytesEqual> families_of_type;
  std::vector<std::uint32_t> families_by_pattern;  // scope by patterns, or everything
  Recall recall;

  static constexpr std::uint32_t chunk_bits = 14, chunk_size = 1u << chunk_bits;
  std::vector<std::vector<Slot, HugePages<Slot>>> chunks;
  std::vector<InstanceIndex> free_slots;
  InstanceIndex slots = 0;
  std::size_t count = 0;
  std::vector<std::unique_ptr<Extras>> extras;
  std::vector<std::uint32_t> free_extras;
  std::vector<Waiting> coming;  // reused
  KeyTable table;
  TimingWheel wheel;
  Time now{};
  bool clock_set = false;
  Time epoch{};  // tick 0

  static constexpr std::chrono::nanoseconds tick_length = std::chrono::milliseconds{100};

  bool refolding = false;  // what is followed was followed before
  struct Anew {
    Change before;
    unsigned owed = 0;
  };
  std::optional<Anew> anew;  // what the first change of an instance that is followed anew starts from
  bool any_gap = false;
  std::uint64_t gap_after = 0;  // the last event before the last gap
  std::uint64_t last_offset = 0, duplicates = 0, out_of_scope = 0;

  Slot& at(InstanceIndex slot) { return chunks[slot >> chunk_bits][slot & (chunk_size - 1)]; }
  const Slot& at(InstanceIndex slot) const { return chunks[slot >> chunk_bits][slot & (chunk_size - 1)]; }
  Hot& hot(InstanceIndex slot) { return at(slot).hot; }
  Cold& cold(InstanceIndex slot) { return at(slot).cold; }
  const Hot& hot(InstanceIndex slot) const { return at(slot).hot; }
  const Cold& cold(InstanceIndex slot) const { return at(slot).cold; }

  // Instances and their keys.
  std::uint64_t hash(std::uint32_t family, std::string_view key) const { return hash_bytes(key, family + 1); }
  std::string_view key(InstanceIndex slot) const;
  InstanceIndex find(std::uint32_t family, std::string_view key, std::uint64_t hash) const;
  InstanceIndex add(DefinitionIndex definition, std::string_view key);
  void remove(InstanceIndex slot);
  InstanceIndex restore(DefinitionIndex definition, std::string_view bytes);
  Extras& more(InstanceIndex slot);
  const Extras* extra(InstanceIndex slot) const {
    return hot(slot).has_extras ? extras[cold(slot).extras].get() : nullptr;
  }
  Follower follower(DefinitionIndex index) {
    return Follower(*tracked[index].definition, options.remembered_deviations);
  }
  Position take_position(InstanceIndex slot);
  void put_position(InstanceIndex slot, Position&& position);
  void note_doubt(InstanceIndex slot);
  SeenLabels seen(InstanceIndex slot);
  bool has_seen(InstanceIndex slot, std::uint32_t label) const;

  // Events.
  bool in_scope(const Tracked& one, const Observation& event) const;
  void fetch_ahead(std::span<const Observation> events) const;
  void observe_family(std::uint32_t family, const Observation& event, std::vector<Change>& changes);
  void observe_key(std::uint32_t family, std::string_view key, const Observation& event, std::vector<Change>& changes);
  void apply(InstanceIndex slot, const Observation& event, Meaning meaning, bool started, std::vector<Change>& changes);
  InstanceIndex begin(DefinitionIndex definition, std::string_view key, const Observation& event);
  DefinitionIndex active_version(std::uint32_t family) const;
  InstanceState phase_after(InstanceIndex slot, const Outlook& outlook, bool ended_by_silence) const;
  unsigned owed(InstanceIndex slot) const;

  // A change is a snapshot before, and the difference to it afterwards.
  Change snapshot(InstanceIndex slot) const;
  void finish(Change& change, unsigned owed_before, std::vector<Change>& changes);
  Verdict verdict(InstanceIndex slot) const;

  // Time.
  Tick tick_of(Time time) const;
  void set_clock(Time time);
  void advance(Time until, std::vector<Change>& changes);
  // Inline at any rate: GCC takes a call that only prefetches for one that does nothing.
  [[gnu::always_inline]] void fetch(InstanceIndex slot) const {
    __builtin_prefetch(&hot(slot));
    __builtin_prefetch(&cold(slot));
  }
  bool look(const TimingWheel::Entry& entry);
  bool tells(InstanceIndex slot, Time time, bool looks) const;
  bool still_silent(InstanceIndex slot, Time time, bool looks) const;
  void on_timer(InstanceIndex slot, Tick due, std::vector<Change>& changes);
  void note_waiting(InstanceIndex slot, StepIndex step, Time time);
  std::vector<Waiting> waiting(InstanceIndex slot) const;
  void note_clocks(InstanceIndex slot);
  void set_waiting(InstanceIndex slot, const std::vector<Waiting>& waiting);
  template <class Visit>
  void each_waiting(InstanceIndex slot, Visit visit) const {
    const Cold& rest = cold(slot);
    for (std::size_t i = 0; i < Cold::inline_waiting; ++i)
      if (rest.waiting_step[i] != Cold::no_step)
        visit(Waiting{rest.waiting_step[i], rest.started_at + rest.waiting_since[i] * Cold::grain});
    if (hot(slot).more_clocks)
      for (const Waiting& one : extra(slot)->waiting) visit(one);
  }
  std::uint8_t flags_at(InstanceIndex slot, Time time, bool silent) const;
  std::optional<Time> next_due(InstanceIndex slot, Time after) const;
  std::optional<std::chrono::nanoseconds> stall_after(DefinitionIndex definition, StateId state) const;
  std::chrono::nanoseconds last_look(std::chrono::nanoseconds silence) const;  // 0: none yet
  std::chrono::nanoseconds next_look(std::chrono::nanoseconds silence) const;
  bool is_look(InstanceIndex slot, Tick tick) const;
  bool silent_too_long(InstanceIndex slot, Time time) const;
  bool is_before(InstanceIndex a, InstanceIndex b) const;
  void arm(InstanceIndex slot) { arm(slot, now); }
  void arm_after_event(InstanceIndex slot);
  void arm(InstanceIndex slot, Time looked_at);
  void take_up_timer(InstanceIndex slot);
  bool refold(InstanceIndex slot, std::span<const Observation> events, std::vector<Change>& changes);
  void retract(InstanceIndex slot);
  void pass_silence(InstanceIndex slot, Time time, bool looks, std::vector<Change>& changes);
  void learn(DefinitionIndex definition, StateId state, std::chrono::nanoseconds stay);
};

}  // namespace laban::monitor
