// bus/patterns/stored_event.hpp - an event to be published, as bytes in a database.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "laban/event.hpp"

namespace laban::patterns {

std::vector<std::byte> store(const NewEvent& event);
NewEvent restore(std::span<const std::byte> bytes);

}  // namespace laban::patterns
