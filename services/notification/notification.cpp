// services/notification/notification.cpp - what notification does about the end of an order.
#include "services/notification/notification.hpp"

#include "services/support/order_fact.hpp"

namespace notification {

using laban::Event;
using laban::patterns::Transaction;
using shop::OrderFact;

static void notify(const std::string& outcome, const std::string& text, const Event& cause, Transaction& tx) {
  tx.run("INSERT INTO notices(order_id, outcome, text) VALUES (?, ?, ?)", cause.subject(), outcome, text);
  OrderFact<shop::CustomerNotified> notified{cause};
  notified->setOutcome(outcome);
  tx.publish(notified);
}

void join(laban::patterns::Participant& bus) {
  bus.on<shop::OrderCompleted>(
      [](auto, const Event& cause, Transaction& tx) { notify("completed", "Your order is on its way.", cause, tx); });
  bus.on<shop::OrderCancelled>([](auto cancelled, const Event& cause, Transaction& tx) {
    const std::string reason = cancelled.getReason();
    notify("cancelled", "We are sorry, your order was cancelled: " + reason + ".", cause, tx);
  });
}

}  // namespace notification
