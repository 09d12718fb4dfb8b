// bus/codec/publish_builder.cpp - envelopes first, then the message that points back at them.
#include "bus/codec/publish_builder.hpp"

#include <cassert>

#include "bus/codec/codec.hpp"
#include "bus/codec/flat_builder.hpp"
#include "bus/codec/pointer_words.hpp"
#include "laban/protocol.capnp.h"

namespace laban::codec {

PublishBuilder::PublishBuilder(Words memory, std::uint64_t first_sequence, Level level)
    : words_(std::move(memory)), first_sequence_(first_sequence), level_(level) {
  words_.assign(1, 0);  // the pointer to the message
}

void PublishBuilder::add(const NewEvent& event) {
  const auto word = static_cast<std::uint32_t>(words_.size());
  const auto bytes = append_envelope(event, first_sequence_ + events_.size(), words_);
  events_.push_back({word, static_cast<std::uint32_t>(bytes)});
}

Frame PublishBuilder::finish() {
  // The library writes all but the envelopes. It puts their list last, so that its pointers are the last words.
  FlatBuilder message{32 + events_.size()};
  auto publish = message.initRoot<schema::ClientMessage>().initPublish();
  publish.setFirstSequence(first_sequence_);
  publish.setLevel(static_cast<schema::Level>(level_));
  publish.setAtomic(atomic_);
  (void)publish.initEvents(static_cast<unsigned>(events_.size()));
  const Words frame = message.finish_words();
  assert(is_struct(frame[0]) && offset_of(frame[0]) == 0);

  // Pointers count from where they stand: what lies behind the first moves as a whole.
  const auto moved = static_cast<std::int64_t>(words_.size()) - 1;
  words_[0] = struct_pointer(moved, data_words_of(frame[0]), pointers_of(frame[0]));
  words_.insert(words_.end(), frame.begin() + 1, frame.end());
  std::size_t pointer = words_.size() - events_.size();
  for (const auto& event : events_) {
    const auto offset = static_cast<std::int64_t>(event.word) - static_cast<std::int64_t>(pointer + 1);
    words_[pointer++] = list_pointer(offset, ElementSize::byte, event.bytes);
  }
  return Frame{std::move(words_)};
}

}  // namespace laban::codec
