// services/payment/payment.hpp - takes the money for every order placed, and gives it back where the order
// fails later.
#pragma once

#include "services/support/service.hpp"

namespace payment {

// A ledger: rows are only ever added, so that a second charge would show.
inline constexpr const char* tables =
    "CREATE TABLE IF NOT EXISTS charges(id TEXT PRIMARY KEY, order_id TEXT NOT NULL, cents INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS charges_of_order ON charges(order_id);"
    "CREATE TABLE IF NOT EXISTS refunds(charge_id TEXT NOT NULL, order_id TEXT NOT NULL, cents INTEGER NOT "
    "NULL)";

void join(laban::patterns::Participant& bus, shop::Chance chance);

}  // namespace payment
