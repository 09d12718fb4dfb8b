// tests/support/bombs.hpp - Cap'n Proto frames that are small and claim to be large, lead in circles, or lead out of
// themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/frame.hpp"

namespace laban::test {

// One with headers and a payload.
codec::Frame sample_envelope();

// One frame of each kind of client message, events and headers inside: what the harm is done to.
std::vector<std::string> sample_client_frames();

// What can be done to a pointer.
enum class Harm {
  nothing_without_end,  // a list of 2^29 - 1 elements that take no room
  structs_of_nothing,   // the same as a list of structs
  itself,               // a struct whose only pointer is this pointer
  beyond,               // what lies behind the end of the frame
  other_segment,        // a far pointer, in a message of one segment
  capability,           // of which there are none
  more_than_there_is,   // a list longer than the frame
};
inline constexpr Harm all_harms[] = {
    Harm::nothing_without_end, Harm::structs_of_nothing, Harm::itself, Harm::beyond, Harm::other_segment,
    Harm::capability,          Harm::more_than_there_is};

// The frame once for each pointer in it that is not null, with this done to that one.
std::vector<std::string> harmed(std::string_view frame, Harm harm);

// A publish of 1,000 events that all are the same 64 KiB.
std::string overlapping_publish();

// A struct in a struct in a struct, so many deep.
std::string nested(std::size_t depth);

// All of the above, and every sample cut short at every length.
std::vector<std::string> bombs();

}  // namespace laban::test
