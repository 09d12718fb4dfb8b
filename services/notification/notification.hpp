// services/notification/notification.hpp - tells the customer how the order ended.
#pragma once

#include "services/support/service.hpp"

namespace notification {

inline constexpr const char* tables =
    "CREATE TABLE IF NOT EXISTS notices(order_id TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL)";

void join(laban::patterns::Participant& bus);

}  // namespace notification
