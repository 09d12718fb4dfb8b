// services/payment/payment.cpp - what payment does about an order placed, stock missing and a failed
// shipment.
#include "services/payment/payment.hpp"

#include <vector>

#include "services/support/order_fact.hpp"

namespace payment {

using laban::Event;
using laban::patterns::Row;
using laban::patterns::Transaction;
using shop::OrderFact;

static void refund(const Event& cause, Transaction& tx) {
  struct Charge {
    std::string id;
    std::uint64_t cents;
  };
  std::vector<Charge> charges;
  tx.each(
      "SELECT id, cents FROM charges WHERE order_id = ?",
      [&](const Row& row) {
        charges.push_back({std::string{row.text(0)}, static_cast<std::uint64_t>(row.integer(1))});
      },
      cause.subject());
  for (const auto& [id, cents] : charges) {
    tx.run("INSERT INTO refunds(charge_id, order_id, cents) VALUES (?, ?, ?)", id, cause.subject(), cents);
    OrderFact<shop::PaymentRefunded> refunded{cause};
    refunded->setPaymentId(id);
    refunded->setAmountCents(cents);
    tx.publish(refunded);
  }
}

void join(laban::patterns::Participant& bus, shop::Chance chance) {
  bus.on<shop::OrderPlaced>([chance](auto placed, const Event& cause, Transaction& tx) {
    if (chance.strikes("payment refused", cause.subject())) {
      OrderFact<shop::PaymentRefused> refused{cause};
      refused->setReason("the card was declined");
      tx.publish(refused);
      return;
    }
    const auto charge = laban::new_id();
    tx.run("INSERT INTO charges(id, order_id, cents) VALUES (?, ?, ?)", charge, cause.subject(),
           placed.getTotalCents());
    OrderFact<shop::PaymentTaken> taken{cause};
    taken->setPaymentId(charge);
    taken->setAmountCents(placed.getTotalCents());
    tx.publish(taken);
  });

  bus.on<shop::StockMissing>([](auto, const Event& cause, Transaction& tx) { refund(cause, tx); });
  bus.on<shop::ShipmentFailed>([](auto, const Event& cause, Transaction& tx) { refund(cause, tx); });
}

}  // namespace payment
