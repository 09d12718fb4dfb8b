// bus/codec/schema_nodes.cpp - walks a type's fields for the nodes that it needs.
#include "bus/codec/schema_nodes.hpp"

#include <capnp/message.h>
#include <capnp/schema.capnp.h>

#include <set>

#include "laban/fact.hpp"

namespace laban::codec {
namespace {

class Walk {
 public:
  void visit(capnp::StructSchema type) {
    if (!add(type)) return;
    for (const auto field : type.getFields()) visit(field.getType());
  }
  std::vector<std::vector<std::byte>> nodes;

 private:
  void visit(capnp::Type type) {
    while (type.isList()) type = type.asList().getElementType();
    if (type.isStruct()) visit(type.asStruct());
    if (type.isEnum()) add(type.asEnum());
  }
  bool add(const capnp::Schema& schema) {
    if (!seen_.insert(schema.getProto().getId()).second) return false;
    nodes.push_back(schema_node(schema));
    return true;
  }
  std::set<std::uint64_t> seen_;
};

}  // namespace

std::vector<std::byte> schema_node(const capnp::Schema& schema) {
  capnp::MallocMessageBuilder message;
  message.setRoot(schema.getProto());
  return flat_payload(message);
}

std::vector<std::vector<std::byte>> schema_nodes(capnp::StructSchema type) {
  Walk walk;
  walk.visit(type);
  return std::move(walk.nodes);
}

}  // namespace laban::codec
