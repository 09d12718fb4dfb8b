// cli/demo/ledger.cpp - one question to each database.
#include "cli/demo/ledger.hpp"

#include <algorithm>

#include "laban/patterns/database.hpp"

namespace laban::demo {

using patterns::Access;
using patterns::Database;
using patterns::Row;

bool OrderRecord::ended() const {
  return state == "completed" || state == "failed" || state == "compensated";
}

std::string OrderRecord::contradiction() const {
  const auto times = [](const char* what, int count) {
    return what + std::string{" "} + std::to_string(count) + " times";
  };
  if (charges > 1) return times("charged", charges);
  if (refunds > 1) return times("refunded", refunds);
  if (releases > 1) return times("released", releases);
  if (parcels > 1) return times("shipped", parcels);
  if (notices != 1) return times("customer told", notices);
  const auto differs = [&](bool charged, bool refunded, bool released, bool shipped) {
    return (charges == 1) != charged || (refunds == 1) != refunded || (releases == 1) != released ||
           (parcels == 1) != shipped;
  };
  const bool failed_late = shipment_failures == 1;
  if (state == "completed" && (differs(true, false, false, true) || !reserved || shipment_failures != 0))
    return "completed without all that belongs to it";
  if (state == "failed" && (differs(false, false, false, false) || reserved || shipment_failures != 0))
    return "payment was refused and something was done all the same";
  if (state == "compensated" && (differs(true, true, failed_late, false) || reserved != failed_late))
    return "compensated and not all is undone";
  return {};
}

std::size_t Ledger::ended() const {
  return static_cast<std::size_t>(
      std::count_if(orders.begin(), orders.end(), [](const auto& order) { return order.second.ended(); }));
}

std::map<std::string, std::int64_t> Ledger::outcomes() const {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [id, order] : orders)
    if (order.ended()) ++counts[order.state];
  return counts;
}

std::vector<std::string> Ledger::contradictions() const {
  std::vector<std::string> found;
  for (const auto& [id, order] : orders) {
    const auto wrong = order.ended()         ? order.contradiction()
                       : order.state.empty() ? std::string{"the order service does not know it"}
                                             : "still " + order.state;
    if (!wrong.empty()) found.push_back(id + ": " + wrong);
  }
  return found;
}

Ledger read_ledger(const std::filesystem::path& services) {
  Ledger ledger;
  const auto ask = [&](const char* service, const char* question, const auto& note) {
    const Database database{services / (std::string{service} + ".db"), Access::reader};
    database.each(question, [&](const Row& row) { note(ledger.orders[std::string{row.text(0)}], row); });
  };
  const auto count_in = [](int OrderRecord::*field) {
    return [field](OrderRecord& order, const Row& row) { order.*field = static_cast<int>(row.integer(1)); };
  };
  ask("order", "SELECT id, state FROM orders", [](OrderRecord& order, const Row& row) { order.state = row.text(1); });
  ask("payment", "SELECT order_id, count(*) FROM charges GROUP BY order_id", count_in(&OrderRecord::charges));
  ask("payment", "SELECT order_id, count(*) FROM refunds GROUP BY order_id", count_in(&OrderRecord::refunds));
  ask("inventory", "SELECT DISTINCT order_id FROM reservations",
      [](OrderRecord& order, const Row&) { order.reserved = true; });
  ask("inventory", "SELECT order_id, count(*) FROM releases GROUP BY order_id", count_in(&OrderRecord::releases));
  ask("shipping", "SELECT order_id, count(*) FROM parcels GROUP BY order_id", count_in(&OrderRecord::parcels));
  ask("shipping", "SELECT order_id, count(*) FROM failures GROUP BY order_id",
      count_in(&OrderRecord::shipment_failures));
  ask("notification", "SELECT order_id, count(*) FROM notices GROUP BY order_id", count_in(&OrderRecord::notices));
  for (const char* service : {"order", "payment", "inventory", "shipping", "notification"}) {
    const Database database{services / (std::string{service} + ".db"), Access::reader};
    ledger.unsaid += database.first<std::int64_t>("SELECT count(*) FROM laban_outbox").value_or(0);
  }
  return ledger;
}

OrderCounts count_orders(const std::filesystem::path& services) {
  const auto file = services / "order.db";
  if (!std::filesystem::exists(file)) return {};
  const Database database{file, Access::reader};
  const auto has_tables = database.first<int>("SELECT count(*) FROM sqlite_master WHERE name = 'orders'");
  if (has_tables.value_or(0) == 0) return {};
  OrderCounts counts;
  counts.placed = database.first<std::int64_t>("SELECT count(*) FROM orders").value_or(0);
  counts.ended =
      counts.placed -
      database.first<std::int64_t>("SELECT count(*) FROM orders WHERE state IN ('placed', 'undoing')").value_or(0);
  return counts;
}

}  // namespace laban::demo
