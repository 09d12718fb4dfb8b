// bus/hub/random.hpp - numbers that nobody can guess, from the operating system.
#pragma once

#include <cstdint>

#include "bus/transport/server.hpp"

namespace laban::hub {

std::uint64_t random_number();
transport::FeedId random_feed_id();

}  // namespace laban::hub
