// bus/codec/log_record.hpp - what the hub writes into its log: events, notes, and the state of a checkpoint.
//
// Threads: free functions without state.
// Errors:  decoding a record that cannot be of this hub throws Error(malformed): the log was checked by its checksums, so
//          it was written by a newer version or is not a hub's log.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bus/codec/frame.hpp"
#include "bus/codec/protocol.hpp"
#include "laban/model.hpp"

namespace laban::codec {

// The kinds of records in the hub's log.
enum class RecordKind : std::uint8_t { event = 1, note = 2, queue_changes = 3 };

// --- events

// What goes before the envelope. `flags` and the numbers of the queues reached make a replay independent of the routing code.
struct EventHeader {
  static constexpr std::uint16_t unroutable = 1;   // went to the alternate exchange or to parking
  static constexpr std::uint16_t dead_letter = 2;  // the hub's copy of a message that another queue gave up
  std::uint32_t producer = 0;                      // 0: the hub itself
  std::uint16_t flags = 0;
  std::uint64_t sequence = 0;
  std::string_view principal;
  std::span<const std::uint32_t> queues;
};

struct LoggedEvent {
  EventHeader header;
  Blob envelope;  // 8-byte aligned
};

// Writes the header, padded so that the envelope behind it is aligned. `into` keeps its memory.
void encode_event_header(const EventHeader& header, std::vector<std::byte>& into);
LoggedEvent decode_event(Blob body);

// --- notes

struct Started {
  std::uint64_t number = 0;
};
struct ExchangeDeleted {
  std::string name;
};
struct QueueDeleted {
  std::string name;
};
struct Bound {
  BindingSpec binding;
};
struct Unbound {
  BindingSpec binding;
};
struct SequencesRefused {
  std::uint32_t producer = 0;
  std::uint64_t first = 0;
  std::uint32_t count = 0;
  Refusal code = Refusal::unspecified;
};
struct ProducerState {
  std::uint32_t number = 0;
  std::string name;
  bool named = false;
  std::uint64_t stored = 0;
  Timestamp heard{};
  std::vector<SequencesRefused> refused;
};
struct ProducerForgotten {
  std::uint32_t number = 0;
};
struct CursorSaved {
  std::string name;
  std::uint64_t offset = 0;
  bool observer = false;
};
struct CursorDeleted {
  std::string name;
};
// The oldest segment goes. All 0: nothing but a mark that a checkpoint can follow.
struct Retained {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t carried = 0;
};
struct SchemasKept {
  std::vector<std::vector<std::byte>> nodes;
};

// Of this process instance the events up to this one are to be unreadable; and are.
struct ErasureBegun {
  std::string instance;
  std::uint64_t up_to = 0;
};
struct ErasureEnded {
  std::string instance;
};

using Note = std::variant<Started, ExchangeSpec, ExchangeDeleted, QueueSpec, QueueDeleted, Bound, Unbound,
                          ProducerState, ProducerForgotten, SequencesRefused, CursorSaved, SchemasKept, CursorDeleted,
                          Retained, ErasureBegun, ErasureEnded>;

Frame encode(const Note& note);
Note decode_note(Blob body);

// --- checkpoints

struct HubState {
  struct Queue {
    std::uint32_t number = 0;
    QueueSpec spec;
    std::uint64_t bytes = 0;
  };
  struct Total {
    std::string name;
    std::vector<std::string> labels;
    std::uint64_t value = 0;
  };
  std::uint64_t starts = 0;
  std::vector<ExchangeSpec> exchanges;
  std::vector<Queue> queues;
  std::vector<BindingSpec> bindings;
  std::uint32_t next_queue = 1;
  std::vector<ProducerState> producers;
  std::uint32_t next_producer = 1;
  std::vector<CursorSaved> cursors;
  std::vector<std::vector<std::byte>> schemas;
  std::vector<Total> totals;
  std::vector<ErasureBegun> erasures;
};

Frame encode(const HubState& state);
HubState decode_hub_state(Blob bytes);

}  // namespace laban::codec
