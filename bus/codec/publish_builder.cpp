// bus/codec/publish_builder.cpp - envelopes first, then the message that points back at them.
#include "bus/codec/publish_builder.hpp"

#include <cassert>

#include "bus/codec/capnp_text.hpp"
#include "bus/codec/codec.hpp"
#include "bus/codec/flat_builder.hpp"
#include "bus/codec/pointer_words.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

EnvelopeList::EnvelopeList(Words memory) : words_(std::move(memory)) {
  words_.clear();
  words_.resize(1);  // for the pointer to the message
}

void EnvelopeList::add(const NewEvent& event, std::size_t bytes_needed, std::uint64_t sequence) {
  const auto word = static_cast<std::uint32_t>(words_.size());
  const auto bytes = append_envelope(event, bytes_needed, sequence, words_);
  places_.push_back({word, static_cast<std::uint32_t>(bytes)});
}

Frame EnvelopeList::finish(const Words& message) {
  assert(is_struct(message[0]) && offset_of(message[0]) == 0);
  // Pointers count from where they stand: what lies behind the first moves as a whole.
  const auto moved = static_cast<std::int64_t>(words_.size()) - 1;
  words_[0] = struct_pointer(moved, data_words_of(message[0]), pointers_of(message[0]));
  words_.append(message.data() + 1, message.size() - 1);
  std::size_t pointer = words_.size() - places_.size();
  for (const auto& place : places_) {
    const auto offset = static_cast<std::int64_t>(place.word) - static_cast<std::int64_t>(pointer + 1);
    words_[pointer++] = list_pointer(offset, ElementSize::byte, place.bytes);
  }
  return Frame{std::move(words_)};
}

Frame PublishBuilder::finish() {
  FlatBuilder message{32 + size()};
  auto publish = message.initRoot<schema::ClientMessage>().initPublish();
  publish.setFirstSequence(first_sequence_);
  publish.setLevel(static_cast<schema::Level>(level_));
  publish.setAtomic(atomic_);
  (void)publish.initEvents(static_cast<unsigned>(size()));
  return envelopes_.finish(message.finish_words());
}

Frame FleetingBuilder::finish(std::string_view source) {
  FlatBuilder message{32 + words_of(source.size()) + size()};
  auto fleeting = message.initRoot<schema::Fleeting>();
  LABAN_SET_TEXT(fleeting, Source, source);
  (void)fleeting.initEvents(static_cast<unsigned>(size()));
  return envelopes_.finish(message.finish_words());
}

}  // namespace laban::codec
