// tests/system/demo/ledger_test.cpp - what counts as done twice, or not undone, in the services' databases.
#include <doctest/doctest.h>

#include <functional>

#include "cli/demo/ledger.hpp"
#include "laban/patterns/database.hpp"
#include "services/inventory/inventory.hpp"
#include "services/notification/notification.hpp"
#include "services/order/order.hpp"
#include "services/payment/payment.hpp"
#include "services/shipping/shipping.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban::demo;
using laban::patterns::Database;

namespace {

OrderRecord compensated_late() {
  OrderRecord order;
  order.state = "compensated";
  order.charges = order.refunds = order.releases = order.shipment_failures = order.notices = 1;
  order.reserved = true;
  return order;
}

bool is_wrong(OrderRecord order, const std::function<void(OrderRecord&)>& damage) {
  damage(order);
  return !order.contradiction().empty();
}

}  // namespace

TEST_CASE("demo: an order charged, refunded, shipped or told twice is a contradiction (G153)") {
  const auto order = compensated_late();
  CHECK(order.contradiction().empty());
  CHECK(is_wrong(order, [](OrderRecord& it) { it.charges = 2; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.refunds = 2; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.releases = 2; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.notices = 2; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.parcels = 2; }));
}

TEST_CASE("demo: an order that is compensated and not all undone is a contradiction (G153)") {
  const auto order = compensated_late();
  CHECK(is_wrong(order, [](OrderRecord& it) { it.refunds = 0; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.releases = 0; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.parcels = 1; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.notices = 0; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.state = "completed"; }));
  CHECK(is_wrong(order, [](OrderRecord& it) { it.state = "failed"; }));
  // Stock was missing: nothing was reserved, so nothing is released.
  CHECK_FALSE(is_wrong(order, [](OrderRecord& it) {
    it.reserved = false;
    it.releases = it.shipment_failures = 0;
  }));
}

TEST_CASE("demo: the ledger is read from the tables that the services make") {
  laban::test::TemporaryDirectory directory;
  const char* outbox = "; CREATE TABLE laban_outbox(number INTEGER)";
  const auto make = [&](const char* name, const std::string& tables, const std::string& rows) {
    Database database{directory / (std::string{name} + ".db")};
    database.execute(tables + outbox);
    database.execute(rows);
  };
  make("order", order::tables,
       "INSERT INTO orders(number, id, customer, cents, state) VALUES (1, 'a', 'Ada', 5, 'compensated'),"
       " (2, 'b', 'Ada', 5, 'placed')");
  make("payment", payment::tables,
       "INSERT INTO charges VALUES ('c', 'a', 5); INSERT INTO refunds VALUES ('c', 'a', 5)");
  make("inventory", inventory::tables,
       "INSERT INTO reservations VALUES ('a', 'tutu', 1), ('a', 'barre', 2); INSERT INTO releases VALUES ('a')");
  make("shipping", shipping::tables, "INSERT INTO failures VALUES ('a', 'why')");
  make("notification", notification::tables,
       "INSERT INTO notices VALUES ('a', 'cancelled', ''); INSERT INTO laban_outbox VALUES (1)");

  const auto ledger = read_ledger(directory.path());
  CHECK(ledger.orders.size() == 2);
  CHECK(ledger.ended() == 1);
  CHECK(ledger.unsaid == 1);
  CHECK(ledger.orders.at("a").contradiction().empty());
  CHECK(ledger.contradictions() == std::vector<std::string>{"b: still placed"});
  const auto counts = count_orders(directory.path());
  CHECK(counts.placed == 2);
  CHECK(counts.ended == 1);
  CHECK(count_orders(directory / "nowhere").placed == 0);
}
