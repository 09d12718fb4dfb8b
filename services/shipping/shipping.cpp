// services/shipping/shipping.cpp - what shipping does about reserved stock.
#include "services/shipping/shipping.hpp"

#include "services/support/order_fact.hpp"

namespace shipping {

using laban::Event;
using laban::patterns::Transaction;
using shop::OrderFact;

void join(laban::patterns::Participant& bus, shop::Chance chance) {
  bus.on<shop::StockReserved>([chance](auto, const Event& cause, Transaction& tx) {
    if (chance.strikes("shipment failed", cause.subject())) {
      const std::string reason = "the carrier does not know the address";
      tx.run("INSERT INTO failures(order_id, reason) VALUES (?, ?)", cause.subject(), reason);
      OrderFact<shop::ShipmentFailed> failed{cause};
      failed->setReason(reason);
      tx.publish(failed);
      return;
    }
    const auto code = laban::new_id();
    tx.run("INSERT INTO parcels(order_id, tracking_code) VALUES (?, ?)", cause.subject(), code);
    OrderFact<shop::ParcelShipped> shipped{cause};
    shipped->setTrackingCode(code);
    tx.publish(shipped);
  });
}

}  // namespace shipping
