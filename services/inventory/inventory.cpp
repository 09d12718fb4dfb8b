// services/inventory/inventory.cpp - what inventory does about an order placed, a payment and a failed
// shipment.
#include "services/inventory/inventory.hpp"

#include <vector>

#include "services/support/order_fact.hpp"

namespace inventory {

using laban::Event;
using laban::patterns::Row;
using laban::patterns::Transaction;
using shop::OrderFact;

namespace {

struct Line {
  std::string sku;
  std::uint32_t quantity;
};

std::vector<Line> wanted_lines(Transaction& tx, std::string_view order) {
  std::vector<Line> lines;
  tx.each(
      "SELECT sku, quantity FROM wanted WHERE order_id = ? ORDER BY rowid",
      [&](const Row& row) {
        lines.push_back({std::string{row.text(0)}, static_cast<std::uint32_t>(row.integer(1))});
      },
      order);
  return lines;
}

void reserve(const std::vector<Line>& lines, const Event& cause, Transaction& tx) {
  OrderFact<shop::StockReserved> reserved{cause};
  auto said = reserved->initLines(static_cast<unsigned>(lines.size()));
  for (unsigned i = 0; i < said.size(); ++i) {
    tx.run("INSERT INTO reservations(order_id, sku, quantity) VALUES (?, ?, ?)", cause.subject(), lines[i].sku,
           lines[i].quantity);
    said[i].setSku(lines[i].sku);
    said[i].setQuantity(lines[i].quantity);
  }
  tx.publish(reserved);
}

}  // namespace

void join(laban::patterns::Participant& bus, shop::Chance chance) {
  bus.on<shop::OrderPlaced>([](auto placed, const Event& cause, Transaction& tx) {
    for (auto line : placed.getLines())
      tx.run("INSERT INTO wanted(order_id, sku, quantity) VALUES (?, ?, ?)", cause.subject(), line.getSku(),
             line.getQuantity());
  });

  bus.on<shop::PaymentTaken>([chance](auto, const Event& cause, Transaction& tx) {
    const auto lines = wanted_lines(tx, cause.subject());
    if (!chance.strikes("stock missing", cause.subject())) return reserve(lines, cause, tx);
    OrderFact<shop::StockMissing> missing{cause};
    if (!lines.empty()) missing->setSku(lines.front().sku);
    tx.publish(missing);
  });

  bus.on<shop::ShipmentFailed>([](auto, const Event& cause, Transaction& tx) {
    tx.run("INSERT INTO releases(order_id) VALUES (?)", cause.subject());
    OrderFact<shop::StockReleased> released{cause};
    tx.publish(released);
  });
}

}  // namespace inventory
