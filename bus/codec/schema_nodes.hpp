// bus/codec/schema_nodes.hpp - a type as a service announces it: its Cap'n Proto node and those that it needs.
#pragma once

#include <capnp/schema.h>

#include <cstddef>
#include <vector>

namespace laban::codec {

// One node, as one segment without a segment table, which is how the hub keeps it.
std::vector<std::byte> schema_node(const capnp::Schema& schema);

// The type's own node first.
std::vector<std::vector<std::byte>> schema_nodes(capnp::StructSchema type);

}  // namespace laban::codec
