// tests/unit/bus/codec/fact_test.cpp - a fact knows its topic, its payload and its cause.
#include "laban/fact.hpp"

#include <doctest/doctest.h>

#include <set>

#include "laban/envelope.capnp.h"
#include "laban/error.hpp"
#include "shop/order_fulfilment.capnp.h"

using namespace laban;

TEST_CASE("fact: its type, schema and payload come from the generated class") {
  Fact<shop::PaymentTaken> fact{"order-7"};
  fact->setOrderId("7");
  fact->setAmountCents(4200);
  fact.subject("payment 7");
  const NewEvent event = fact.event();
  CHECK(event.type == "payment.taken");
  CHECK(event.correlationid == "order-7");
  CHECK(event.subject == "payment 7");
  CHECK(event.datacontenttype == capnp_content_type);
  CHECK(event.dataschema == capnp_dataschema(capnp::typeId<shop::PaymentTaken>()));
  CHECK(event.dataschema.size() == 6 + 16);
  Payload<shop::PaymentTaken> payload{event.data};
  CHECK(payload.get().getAmountCents() == 4200);
  CHECK(payload.get().getOrderId() == "7");
}

TEST_CASE("fact: one made from its cause inherits the process instance and the trace, and names the cause (G51)") {
  EventFields cause;
  cause.id = "cause-1";
  cause.correlationid = "order-7";
  cause.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  Fact<shop::StockReserved> fact{Event{cause}};
  const NewEvent event = fact.event();
  CHECK(event.correlationid == "order-7");
  CHECK(event.causationid == "cause-1");
  CHECK(event.traceparent == cause.traceparent);
}

TEST_CASE("fact: a payload that outgrew its first segment is still one segment") {
  Fact<shop::OrderPlaced> fact;
  auto lines = fact->initLines(5000);
  for (unsigned i = 0; i < lines.size(); ++i) lines[i].setSku("sku-" + std::to_string(i));
  const NewEvent event = fact.event();
  Payload<shop::OrderPlaced> payload{event.data};
  CHECK(payload.get().getLines().size() == 5000);
  CHECK(payload.get().getLines()[4999].getSku() == "sku-4999");
}

TEST_CASE("fact: a type without a topic is refused with what to write") {
  CHECK_THROWS_WITH_AS(topic_of<schema::Envelope>(),
                       "Envelope has no topic: write $Laban.topic(\"what.happened\") beside it in its schema", Error);
}

TEST_CASE("new_id: identifiers are 26 characters, distinct, and sort by time") {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = new_id();
    CHECK(id.size() == 26);
    seen.insert(id);
  }
  CHECK(seen.size() == 10'000);
  CHECK(seen.begin()->substr(0, 2) == "01");  // the milliseconds of this century lead
}
