// bus/hub/explain.hpp - where an event went, from the log; where one would go, and what looks like a mistake.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bus/hub/core.hpp"
#include "bus/hub/inspect.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread. A long log is searched in steps that each take milliseconds: an answer with
// `more` is not the end, and its `more` is the next question.
Inspected explain(Core& core, const nlohmann::json& argument);

// What looks like a mistake in the model and in who uses it.
nlohmann::json lints_of(Core& core);

}  // namespace laban::hub
