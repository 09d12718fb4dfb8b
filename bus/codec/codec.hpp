// bus/codec/codec.hpp - protocol frames <-> plain values; the only door for Cap'n Proto bytes from outside.
//
// Threads:  free functions without state.
// Errors:   decoding never throws: bytes that are too large, cut short, nested too deep, that point in
// circles or use
//           enumerants of another version come back as Malformed. A message kind of a newer peer is Unknown.
//           encode() asserts that the frame keeps within frame_bytes_max.
#pragma once

#include <string>
#include <variant>

#include "bus/codec/frame.hpp"
#include "bus/codec/protocol.hpp"

namespace laban::codec {

// What is wrong with a frame: what to do. For a log line and for Refused(malformed).
struct Malformed {
  std::string what;
};

template <class Message>
using Decoded = std::variant<Message, Malformed>;

// The message's views point into the frame, which must outlive it. Each decoded envelope is aligned and
// within envelope_bytes_max but not yet read: read_envelope() does that.
Decoded<ClientMessage> decode_client_message(const Frame& frame);
Decoded<HubMessage> decode_hub_message(const Frame& frame);
Decoded<FeedBatch> decode_feed_batch(const Frame& frame);
Decoded<Fleeting> decode_fleeting(const Frame& frame);
Decoded<BackupPlan> decode_backup_plan(const Frame& frame);

Frame encode(const ClientMessage& message);
Frame encode(const HubMessage& message);
Frame encode(const FeedBatch& batch);
Frame encode(const Fleeting& fleeting);
Frame encode(const BackupPlan& plan);

// How many bytes a batch of events takes on the wire for each event beside its envelope; for those who pack
// up to a limit.
inline constexpr std::size_t event_overhead_bytes = 96;

// Most entries of one list of a frame; a longer one is malformed.
inline constexpr std::size_t frame_events_max = 65'536;  // of a publish, batch, replay or delivery; runs of confirms
inline constexpr std::size_t settle_numbers_max = 1'048'576;
inline constexpr std::size_t patterns_max = 1'024;  // of one subscription
inline constexpr std::size_t schema_nodes_max = 4'096;
inline constexpr std::size_t dropped_keys_max = 16;
inline constexpr std::size_t fleeting_frame_bytes_max = 1u << 20;
inline constexpr std::size_t backup_files_max = 1'048'576;

}  // namespace laban::codec
