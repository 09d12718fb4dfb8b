// cli/demo/ports.hpp - loopback ports that nobody uses.
#pragma once

#include <cstdint>

namespace laban::demo {

bool is_free(std::uint16_t port);

// The wanted port where it is free, else any free one.
std::uint16_t free_port(std::uint16_t wanted);

}  // namespace laban::demo
