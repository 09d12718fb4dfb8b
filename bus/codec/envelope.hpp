// bus/codec/envelope.hpp - one envelope <-> bytes.
//
// Threads: free functions without state. Errors: reading never throws; false means malformed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/frame.hpp"
#include "laban/event.hpp"

namespace laban::codec {

inline constexpr std::size_t address_bytes_max = 255;     // exchange and routing key, as in AMQP
inline constexpr std::size_t attribute_bytes_max = 4096;  // every other text of an envelope
inline constexpr std::size_t headers_max = 256;

// Reads an envelope in place and without allocation (headers apart), every field of it, so that nothing of a
// malformed one is ever acted on. `envelope` is 8-byte aligned and outlives what is read. offset,
// recordedtime and principal are left alone. False: malformed.
bool read_envelope(Blob envelope, EventFields& fields);

// The id of an envelope that this program wrote.
std::string_view envelope_id(Blob envelope);

// Why this event cannot be published, as "what is wrong: what to do"; empty for a good one.
std::string check_limits(const EventFields& fields);
std::string check_limits(const NewEvent& event);

// One segment without a segment table, as wire and log want it.
Frame encode_envelope(const NewEvent& event);

// The same behind what is there already, with this sequence instead of the event's own. `bytes` as envelope_bytes() tells;
// returns how many it took.
std::size_t append_envelope(const NewEvent& event, std::size_t bytes, std::uint64_t sequence, Words& to);

// The same event without subject and data, marked as erased, in as many bytes; at least the last four of them are unused.
// Nothing where there is nothing to erase, or it was erased before. Of what no encoder writes (attributes that share their
// bytes with the data) nothing but zeros is left.
std::optional<std::vector<std::byte>> erased_envelope(Blob envelope);
bool is_erased(Blob envelope);  // of one that the hub stored

// What it will take; with headers a little less may do.
std::size_t envelope_bytes(const NewEvent& event);

}  // namespace laban::codec
