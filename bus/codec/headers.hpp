// bus/codec/headers.hpp - headers <-> Cap'n Proto; for the codec's own sources.
#pragma once

#include "laban/envelope.capnp.h"
#include "laban/event.hpp"

namespace laban::codec {

Headers read_headers(capnp::List<schema::Header>::Reader headers);  // throws kj::Exception where they are malformed
void write_headers(const Headers& headers, capnp::List<schema::Header>::Builder target);
std::size_t header_value_bytes(const HeaderValue& value);

}  // namespace laban::codec
