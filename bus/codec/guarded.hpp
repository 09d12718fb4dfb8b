// bus/codec/guarded.hpp - reads an untrusted frame within limits; for the codec's own sources.
#pragma once

#include <capnp/message.h>
#include <kj/debug.h>
#include <kj/exception.h>

#include "bus/codec/capnp_text.hpp"
#include "bus/codec/codec.hpp"
#include "bus/codec/flat_builder.hpp"
#include "laban/envelope.capnp.h"

namespace laban::codec {

inline Timestamp at(std::int64_t nanoseconds) {
  return Timestamp{std::chrono::nanoseconds{nanoseconds}};
}
inline std::int64_t nanoseconds(Timestamp time) {
  return time.time_since_epoch().count();
}

// Runs `read` on the frame's root. All that Cap'n Proto throws about bad bytes ends here.
template <class Message, class Root, class Read>
Decoded<Message> guarded(const Frame& frame, Read read) {
  if (frame.size() == 0 || frame.size() % sizeof(capnp::word) != 0) {
    return Malformed{"a frame of " + std::to_string(frame.size()) +
                     " bytes: send one Cap'n Proto segment of whole words"};
  }
  if (frame.size() > frame_bytes_max) {
    return Malformed{"a frame of " + std::to_string(frame.size()) + " bytes: send at most " +
                     std::to_string(frame_bytes_max)};
  }
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(frame.bytes().data()),
                                                frame.size() / sizeof(capnp::word)};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = segment.size() * 2 + 64;  // each word once is what an honest one needs
  options.nestingLimit = 16;
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), options};
    return read(message.getRoot<Root>());
  } catch (const kj::Exception& error) {
    return Malformed{"a frame that does not decode (" + std::string{error.getDescription().cStr()} +
                     "): use a client of this wire version"};
  }
}

// A list of a sane length.
template <class List>
List bounded(List list, std::size_t entries_max) {
  KJ_REQUIRE(list.size() <= entries_max, "too many entries", list.size(), entries_max);
  return list;
}

// An enumerant that this version knows.
template <class To, class From>
To known(From value, To last) {
  KJ_REQUIRE(static_cast<std::uint16_t>(value) <= static_cast<std::uint16_t>(last), "an unknown enumerant");
  return static_cast<To>(value);
}

inline Recorded read_recorded(schema::Recorded::Reader from) {
  Recorded recorded;
  recorded.offset = from.getOffset();
  recorded.recordedtime = at(from.getRecordedtime());
  recorded.principal = view(from.getPrincipal());
  recorded.envelope = view(from.getEnvelope());
  KJ_REQUIRE(recorded.envelope.size() <= envelope_bytes_max, "an envelope is too large");
  return recorded;
}

inline std::vector<Recorded> read_recorded(capnp::List<schema::Recorded>::Reader list) {
  std::vector<Recorded> events;
  events.reserve(bounded(list, frame_events_max).size());
  for (auto from : list) events.push_back(read_recorded(from));
  return events;
}

inline std::size_t recorded_words(const Recorded& recorded) {
  return 4 + words_of(recorded.principal.size()) + words_of(recorded.envelope.size());
}

inline void write_recorded(const Recorded& recorded, schema::Recorded::Builder to) {
  to.setOffset(recorded.offset);
  to.setRecordedtime(nanoseconds(recorded.recordedtime));
  LABAN_SET_TEXT(to, Principal, recorded.principal);
  to.setEnvelope(data_of(recorded.envelope));
}

}  // namespace laban::codec
