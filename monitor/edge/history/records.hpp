// monitor/edge/history/records.hpp - what the store keeps of instances, events and definitions. Plain data.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/core/statistics.hpp"
#include "monitor/core/tracker.hpp"

namespace laban::monitor {

// An instance is (definition, key, run); versions of a definition are definitions of their own here.
struct InstanceName {
  DefinitionIndex definition = 0;
  std::string key;
  std::uint32_t run = 1;

  friend bool operator==(const InstanceName&, const InstanceName&) = default;
};

// What lists show of an instance and sort it by.
struct InstanceRow {
  InstanceName name;
  Bucket bucket;
  std::uint64_t first_offset = 0;
  std::uint64_t last_offset = 0;
  Time started_at{};
  Time last_event_at{};
  Time step_since{};
  Time ended_at{};  // the epoch while it lives
  std::uint32_t events = 0;
  std::vector<std::uint16_t> steps;  // the step last matched, where there is one
  std::uint64_t since = 0;           // the number of the change that made it what it is
};

// Where lists look for a row: the step last matched, or that there is none.
inline constexpr std::uint16_t no_cell_step = 0xffff;
inline std::uint16_t cell_step(const std::vector<std::uint16_t>& steps) {
  return steps.empty() ? no_cell_step : steps.back();
}

struct StoredInstance {
  InstanceRow row;
  std::string bytes;  // Tracker::save()
};

// One event of one instance, without its payload.
struct EventSummary {
  std::uint64_t offset = 0;
  std::string id;
  std::string type;
  std::string source;
  std::string causation;
  Time time{};      // the publisher's clock; the epoch where it said none
  Time recorded{};  // the hub's clock
  StepIndex step = no_index;
  std::string subject = {};
};

// An instance is followed anew: what it had added to the counts is taken back, and what it comes to is added.
struct Recount {
  struct Passed {
    StepIndex step = no_index;
    std::optional<std::chrono::nanoseconds> took;  // since the event before, where there is one
  };
  std::uint64_t first_offset = 0, last_offset = 0;
  Time started_at{}, last_event_at{}, step_since{}, ended_at{};
  std::int64_t started = 0;  // how many more
  std::array<std::int64_t, instance_states> ended{};
  std::array<std::int64_t, deviation_kinds> deviations{};
  std::vector<Passed> passed_before, passed;
  std::vector<std::chrono::nanoseconds> took_before, took;  // of ends
};

// One change of one instance, as the journal of changes has it: enough to carry rows and counts from one instant to a later
// one without the tracker. Numbers are dense from 1.
struct ChangeRecord {
  std::uint64_t number = 0;
  std::uint64_t offset = 0;  // of the event, or of the one that it followed
  Time time{};               // of the event, or of the time that passed
  InstanceName name;
  Bucket before, after;
  bool event = true;  // false: time did it
  bool started = false;
  bool ended = false;
  bool reopened = false;
  StepIndex matched = no_index;
  std::vector<std::uint16_t> steps;  // where it stands afterwards
  std::chrono::nanoseconds step_took{0}, took{0};
  std::vector<DeviationKind> settled;
  int owed = 0;  // how many more compensations are owed
  std::optional<Recount> recount;
};

// Events that are lost for good, by the offset that the loss follows.
struct GapRecord {
  std::uint64_t after_offset = 0;
  std::uint64_t lost = 0;
};

// Some changes in a row, as they are stored.
struct ChangeBlock {
  std::uint64_t first_number = 0;
  std::uint64_t first_offset = 0;
  Time clock{};  // the latest time so far at the first of them
  std::string bytes;
};

// A definition as it was activated: its text, so that its instances can be read for as long as they are kept.
struct StoredDefinition {
  std::string id;
  std::string version;
  std::string file;  // the name for people, with the ending that says how to read it
  std::string text;
  std::uint64_t after_offset = 0;   // it holds for events after this one
  bool retired = false;             // it begins no new instances
  std::uint64_t retired_after = 0;  // events after this one
};

// What the monitor did that no event says: a record after the offset that it follows.
struct LogEntry {
  enum class Kind : std::uint8_t { advance = 1, activate = 2, retire = 3, gap = 4, accept = 5, withdraw = 6 };
  Kind kind = Kind::advance;
  std::uint64_t after_offset = 0;
  Time time{};                     // advance
  DefinitionIndex definition = 0;  // activate, retire
  std::uint64_t from = 0;          // gap; accept, withdraw: the number of the rule
  std::uint64_t to = 0;
};

// Where the store stands.
struct StoreHead {
  std::uint64_t log_id = 0;  // 0: nothing was stored yet
  std::uint32_t generation = 0;
  std::uint64_t offset = 0;
  Time last_event_at{};
  std::uint64_t gaps = 0;  // events that were lost for good
  std::uint64_t log_entries = 0;
  std::uint64_t changes = 0;    // the number of the last change
  std::uint64_t forgotten = 0;  // the past begins after this change
  Time clock{};                 // the latest time that any change had
};

}  // namespace laban::monitor
