// services/inventory/inventory.hpp - reserves stock once an order is paid, and releases it where the shipment
// fails.
#pragma once

#include "services/support/service.hpp"

namespace inventory {

// What an order wants is known before it is paid, so inventory keeps its own copy and asks nobody.
inline constexpr const char* tables =
    "CREATE TABLE IF NOT EXISTS wanted(order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS wanted_by_order ON wanted(order_id);"
    "CREATE TABLE IF NOT EXISTS reservations(order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT "
    "NULL);"
    "CREATE INDEX IF NOT EXISTS reservations_of_order ON reservations(order_id);"
    "CREATE TABLE IF NOT EXISTS releases(order_id TEXT NOT NULL)";

void join(laban::patterns::Participant& bus, shop::Chance chance);

}  // namespace inventory
