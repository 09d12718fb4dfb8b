// bus/codec/schema_compat.hpp - whether types as they are now can be spoken beside the same types as they were.
#pragma once

#include <string>
#include <vector>

#include "bus/codec/frame.hpp"

namespace laban::codec {

struct SchemaProblem {
  std::uint64_t id = 0;  // of the type as it was
  std::string type;      // its topic, or its name where it has none
  std::string what;      // as "what is wrong: what to do"
};

// Cap'n Proto nodes, each one segment without a segment table; types meet by id, topic or name. Newer and older versions
// of a type are both fine. Asks capnp::SchemaLoader, and covers what it misses: a changed type id or topic, a list of flags
// that became another list, renumbered fields and enumerants; and allows what it refuses though it is documented as safe,
// a plain type that became generic. A node that does not decode is a problem.
std::vector<SchemaProblem> schema_problems(const std::vector<Blob>& before, const std::vector<Blob>& now);

// Types of `before` that `now` lacks altogether. Only for whole files: a service announces what it speaks.
std::vector<SchemaProblem> missing_types(const std::vector<Blob>& before, const std::vector<Blob>& now);

// The ids of the nodes that decode.
std::vector<std::uint64_t> schema_ids(const std::vector<Blob>& nodes);

}  // namespace laban::codec
