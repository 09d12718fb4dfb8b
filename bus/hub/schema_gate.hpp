// bus/hub/schema_gate.hpp - what an incompatible service is told: the type, what is wrong, and whom it would break.
#pragma once

#include <string>
#include <vector>

#include "bus/codec/schema_compat.hpp"
#include "bus/hub/core.hpp"

namespace laban::hub {

std::string incompatible_text(Core& core, const std::vector<codec::SchemaProblem>& problems);

}  // namespace laban::hub
