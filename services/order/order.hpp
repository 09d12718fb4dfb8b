// services/order/order.hpp - places orders, and closes each when the others have said how it went.
#pragma once

#include "services/support/service.hpp"

namespace order {

// state: placed, undoing, then completed, failed (nothing was to be undone) or compensated. owes_*: announced
// failures whose compensation was not announced yet.
inline constexpr const char* tables =
    "CREATE TABLE IF NOT EXISTS orders("
    " number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, customer TEXT NOT NULL, cents INTEGER NOT NULL,"
    " state TEXT NOT NULL DEFAULT 'placed', reason TEXT, owes_refund INTEGER NOT NULL DEFAULT 0,"
    " owes_release INTEGER NOT NULL DEFAULT 0, customer_knows INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS orders_in_state ON orders(state)";

void join(laban::patterns::Participant& bus);

// Writes the next order down and announces it.
void place(laban::patterns::Transaction& tx, std::uint64_t seed);

// How many orders there are, of whatever state.
std::int64_t count(const laban::patterns::Database& database);

}  // namespace order
