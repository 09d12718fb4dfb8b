// monitor/edge/bpmn/read_bpmn.hpp - reads BPMN 2.0 files of any modelling tool. Start here.
#pragma once

#include <string>
#include <string_view>

#include "monitor/core/process_model.hpp"
#include "monitor/core/source_text.hpp"

namespace laban::monitor {

// What becomes of a collaboration: participants that exchange messages are one model in which a receiver waits for its
// sender, or a model each.
enum class Participants { joined, apart };

// The processes of a BPMN file, one model a process, choreography or collaboration that has flow nodes; pools without
// content are left out. Never throws for what the file holds: a broken file gives located errors among the findings.
// `file` is only a name for them. docs/bpmn-support.md says what each element becomes.
// Threads: any, at the same time. Errors: as findings.
DefinitionFile read_bpmn(std::string_view bytes, const std::string& file, const TextLimits& limits = {},
                         Participants participants = Participants::joined);

}  // namespace laban::monitor
