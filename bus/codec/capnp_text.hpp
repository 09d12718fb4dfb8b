// bus/codec/capnp_text.hpp - Cap'n Proto text and data <-> standard views; for the codec's own sources.
#pragma once

#include <capnp/blob.h>

#include <span>
#include <string_view>

#include "bus/codec/frame.hpp"

namespace laban::codec {

inline std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

inline Blob view(capnp::Data::Reader data) {
  return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
}

// Cap'n Proto's text ends in a zero that a view does not have, so texts are set through init and copy.
template <class InitText>
void set_text(std::string_view text, InitText init) {
  if (text.empty()) return;
  capnp::Text::Builder target = init(static_cast<unsigned>(text.size()));
  std::memcpy(target.begin(), text.data(), text.size());
}

inline capnp::Data::Reader data_of(Blob blob) {
  return {reinterpret_cast<const kj::byte*>(blob.data()), blob.size()};
}

}  // namespace laban::codec

// set_text for a field of a builder: LABAN_SET_TEXT(builder, Source, hello.source)
#define LABAN_SET_TEXT(builder, Field, text) \
  ::laban::codec::set_text(text, [&](unsigned size) { return (builder).init##Field(size); })
