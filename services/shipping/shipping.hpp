// services/shipping/shipping.hpp - ships what is reserved; sometimes that fails late, and the others undo
// their part.
#pragma once

#include "services/support/service.hpp"

namespace shipping {

inline constexpr const char* tables =
    "CREATE TABLE IF NOT EXISTS parcels(order_id TEXT NOT NULL, tracking_code TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS failures(order_id TEXT NOT NULL, reason TEXT NOT NULL)";

void join(laban::patterns::Participant& bus, shop::Chance chance);

}  // namespace shipping
