// services/order/order.cpp - the life of an order as its own service sees it.
#include "services/order/order.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>

#include "services/support/order_fact.hpp"

namespace order {

using laban::Event;
using laban::patterns::Transaction;
using shop::OrderFact;

namespace {

constexpr std::array customers{"Ada", "Benesh", "Conte", "Feuillet", "Hutchinson", "Knust", "Rudolf", "Zorn"};
constexpr std::array skus{"ballet-shoes", "barre", "castanets", "metronome", "pointe-shoes", "tutu"};

void cancel(const Event& cause, Transaction& tx, std::string_view state) {
  tx.run("UPDATE orders SET state = ? WHERE id = ?", state, cause.subject());
  OrderFact<shop::OrderCancelled> cancelled{cause};
  cancelled->setReason(tx.first<std::string>("SELECT reason FROM orders WHERE id = ?", cause.subject()).value_or(""));
  tx.publish(cancelled);
}

// The order is over once all that was done for it is undone.
void undone(const Event& cause, Transaction& tx, const char* paid_back) {
  if (tx.run(paid_back, cause.subject()) == 0)
    throw std::runtime_error(std::string{cause.type()} + " before the failure that caused it");
  const bool owes =
      tx.first<std::int64_t>("SELECT owes_refund + owes_release FROM orders WHERE id = ?", cause.subject()) != 0;
  if (!owes) cancel(cause, tx, "compensated");
}

}  // namespace

void join(laban::patterns::Participant& bus) {
  bus.on<shop::ParcelShipped>([](auto, const Event& cause, Transaction& tx) {
    tx.run("UPDATE orders SET state = 'completed' WHERE id = ?", cause.subject());
    OrderFact<shop::OrderCompleted> completed{cause};
    tx.publish(completed);
  });

  bus.on<shop::PaymentRefused>([](auto refused, const Event& cause, Transaction& tx) {
    tx.run("UPDATE orders SET reason = ? WHERE id = ?", refused.getReason(), cause.subject());
    cancel(cause, tx, "failed");
  });

  bus.on<shop::StockMissing>([](auto missing, const Event& cause, Transaction& tx) {
    tx.run(
        "UPDATE orders SET state = 'undoing', reason = 'no ' || ? || ' in stock', owes_refund = 1 WHERE id = "
        "?",
        missing.getSku(), cause.subject());
  });
  bus.on<shop::ShipmentFailed>([](auto failed, const Event& cause, Transaction& tx) {
    tx.run("UPDATE orders SET state = 'undoing', reason = ?, owes_refund = 1, owes_release = 1 WHERE id = ?",
           failed.getReason(), cause.subject());
  });

  bus.on<shop::PaymentRefunded>([](auto, const Event& cause, Transaction& tx) {
    undone(cause, tx, "UPDATE orders SET owes_refund = 0 WHERE id = ? AND owes_refund = 1");
  });
  bus.on<shop::StockReleased>([](auto, const Event& cause, Transaction& tx) {
    undone(cause, tx, "UPDATE orders SET owes_release = 0 WHERE id = ? AND owes_release = 1");
  });

  bus.on<shop::CustomerNotified>([](auto, const Event& cause, Transaction& tx) {
    tx.run("UPDATE orders SET customer_knows = 1 WHERE id = ?", cause.subject());
  });
}

void place(Transaction& tx, std::uint64_t seed) {
  const auto number = tx.first<std::int64_t>("SELECT max(number) FROM orders").value_or(0) + 1;
  char id[32];
  std::snprintf(id, sizeof id, "order-%06lld", static_cast<long long>(number));

  OrderFact<shop::OrderPlaced> placed{std::string_view{id}};
  const std::string customer = customers[shop::drawn(seed, "customer", id, customers.size())];
  auto lines = placed->initLines(1 + static_cast<unsigned>(shop::drawn(seed, "lines", id, 3)));
  std::uint64_t cents = 0;
  for (unsigned i = 0; i < lines.size(); ++i) {
    const auto line = std::string{id} + "/" + std::to_string(i);
    lines[i].setSku(skus[shop::drawn(seed, "sku", line, skus.size())]);
    lines[i].setQuantity(1 + static_cast<std::uint32_t>(shop::drawn(seed, "quantity", line, 4)));
    cents += lines[i].getQuantity() * (990 + 100 * shop::drawn(seed, "price", line, 50));
  }
  placed->setCustomer(customer);
  placed->setTotalCents(cents);
  tx.run("INSERT INTO orders(number, id, customer, cents) VALUES (?, ?, ?, ?)", number, id, customer, cents);
  tx.publish(placed);
}

std::int64_t count(const laban::patterns::Database& database) {
  return database.first<std::int64_t>("SELECT count(*) FROM orders").value_or(0);
}

}  // namespace order
