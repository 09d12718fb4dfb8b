// services/support/order_fact.hpp - a fact about an order: its subject and its orderId are the order's
// number.
#pragma once

#include <string>

#include "laban/fact.hpp"
#include "shop/order_fulfilment.capnp.h"

namespace shop {

template <class T>
class OrderFact : public laban::Fact<T> {
 public:
  // Made from its cause, it is about the cause's order.
  explicit OrderFact(const laban::Event& cause) : laban::Fact<T>(cause) { about(cause.subject()); }

  // The first fact about an order, which is a process instance of its own.
  explicit OrderFact(std::string_view order) : laban::Fact<T>(order) { about(order); }

 private:
  void about(std::string_view order) {
    this->subject(order);
    (*this)->setOrderId(std::string{order});
  }
};

}  // namespace shop
