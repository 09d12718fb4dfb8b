# The facts of order fulfilment: what order, payment, inventory, shipping and notification announce.
@0xd9f3a2b57e60c184;

using Cxx = import "/capnp/c++.capnp";
using Laban = import "/laban/annotations.capnp";
$Cxx.namespace("shop");

struct OrderPlaced $Laban.topic("order.placed") {
  orderId @0 :Text;
  customer @1 :Text;
  totalCents @2 :UInt64;
  lines @3 :List(Line);
  struct Line {
    sku @0 :Text;
    quantity @1 :UInt32;
  }
}

struct PaymentTaken $Laban.topic("payment.taken") {
  orderId @0 :Text;
  paymentId @1 :Text;
  amountCents @2 :UInt64;
}

struct PaymentRefused $Laban.topic("payment.refused") {
  orderId @0 :Text;
  reason @1 :Text;
}

struct PaymentRefunded $Laban.topic("payment.refunded") {
  orderId @0 :Text;
  paymentId @1 :Text;
  amountCents @2 :UInt64;
}

struct StockReserved $Laban.topic("stock.reserved") {
  orderId @0 :Text;
  lines @1 :List(OrderPlaced.Line);
}

struct StockMissing $Laban.topic("stock.missing") {
  orderId @0 :Text;
  sku @1 :Text;
}

struct StockReleased $Laban.topic("stock.released") {
  orderId @0 :Text;
}

struct ParcelShipped $Laban.topic("parcel.shipped") {
  orderId @0 :Text;
  trackingCode @1 :Text;
}

struct ShipmentFailed $Laban.topic("shipment.failed") {
  orderId @0 :Text;
  reason @1 :Text;
}

struct OrderCompleted $Laban.topic("order.completed") {
  orderId @0 :Text;
}

struct OrderCancelled $Laban.topic("order.cancelled") {
  orderId @0 :Text;
  reason @1 :Text;
}

struct CustomerNotified $Laban.topic("customer.notified") {
  orderId @0 :Text;
  outcome @1 :Text;
}
