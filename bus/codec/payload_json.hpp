// bus/codec/payload_json.hpp - Cap'n Proto payloads <-> JSON, by the types that are known.
#pragma once

#include <capnp/schema.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/codec/frame.hpp"

namespace laban::codec {

// Threads: belongs to one thread.
// Errors:  nothing here throws for bytes from outside; from_json() throws Error(malformed) for JSON that does not fit.
class PayloadTypes {
 public:
  PayloadTypes();
  ~PayloadTypes();

  void add(capnp::StructSchema type);

  // Types as a service announced them (schema.capnp Node); false where a node does not decode or fit.
  bool add_node(Blob node);

  // One JSON document in one line; nothing where the type is not known or the payload does not decode.
  std::optional<std::string> to_json(std::string_view dataschema, Blob data) const;

  struct Encoded {
    std::string dataschema;
    std::vector<std::byte> data;
  };
  // Nothing where no known type has this topic. Fields that the type does not have are refused.
  std::optional<Encoded> from_json(std::string_view topic, const std::string& json) const;

  struct Type {
    std::string topic;  // empty where its schema names none
    std::string name;
    std::uint64_t id = 0;
  };
  std::vector<Type> types() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The types that this program was built with: every struct with a topic under schemas/.
void add_known_types(PayloadTypes& types);

}  // namespace laban::codec
