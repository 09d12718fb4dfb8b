// cli/demo/definition.hpp - services/processes/order-fulfilment.bpmn, built into the program so that the demo needs no
// file beside it.
#pragma once

#include <string_view>

namespace laban::demo {

extern const char* const definition_id;    // of the process in it
extern const char* const definition_file;  // its name
extern const std::string_view definition_text;

}  // namespace laban::demo
