// tests/unit/bus/codec/payload_json_test.cpp - payloads as people read and write them.
#include "bus/codec/payload_json.hpp"

#include <capnp/message.h>
#include <capnp/schema.capnp.h>
#include <doctest/doctest.h>

#include <algorithm>

#include "laban/error.hpp"
#include "laban/fact.hpp"
#include "shop/order_fulfilment.capnp.h"

using namespace laban;
using namespace laban::codec;

TEST_CASE("payload json: a typed payload becomes JSON and comes back") {
  PayloadTypes types;
  add_known_types(types);
  Fact<shop::OrderPlaced> fact{"order-7"};
  fact->setOrderId("7");
  fact->setTotalCents(1999);
  fact->initLines(1)[0].setSku("a \"b\"");
  const NewEvent event = fact.event();
  const auto json = types.to_json(event.dataschema, event.data);
  REQUIRE(json);
  CHECK(*json == R"({"orderId":"7","totalCents":1999,"lines":[{"sku":"a \"b\"","quantity":0}]})");
  const auto back = types.from_json("order.placed", *json);
  REQUIRE(back);
  CHECK(back->dataschema == event.dataschema);
  Payload<shop::OrderPlaced> payload{back->data};
  CHECK(payload.get().getTotalCents() == 1999);
  CHECK(payload.get().getLines()[0].getSku() == "a \"b\"");
}

TEST_CASE("payload json: integers that JSON readers would round are text, and both forms are understood") {
  PayloadTypes types;
  add_known_types(types);
  const auto large = types.from_json("payment.taken", R"({"amountCents":"18446744073709551615"})");
  REQUIRE(large);
  CHECK(types.to_json(large->dataschema, large->data) == R"({"amountCents":"18446744073709551615"})");
  CHECK_THROWS_AS(types.from_json("payment.taken", R"({"amountCents":-1})"), Error);
  CHECK_THROWS_AS(types.from_json("payment.taken", R"({"amountCents":1.5})"), Error);
  CHECK_THROWS_AS(types.from_json("payment.taken", R"({"amountCents":1e30})"), Error);
}

TEST_CASE("payload json: JSON that does not fit is refused, an unknown topic is said") {
  PayloadTypes types;
  add_known_types(types);
  CHECK_FALSE(types.from_json("no.such", "{}"));
  for (const char* json : {"{", "[]", "7", R"({"orderid":"7"})", R"({"orderId":7})", "{} {}", ""}) {
    CAPTURE(json);
    CHECK_THROWS_AS(types.from_json("order.placed", json), Error);
  }
}

TEST_CASE("payload json: payloads that lie about their type do not harm (G52)") {
  PayloadTypes types;
  add_known_types(types);
  const std::string schema = capnp_dataschema(capnp::typeId<shop::OrderPlaced>());
  CHECK_FALSE(types.to_json("capnp:0000000000000001", {}));
  std::vector<std::byte> junk(64, std::byte{0xff});
  CHECK_FALSE(types.to_json(schema, junk));
  CHECK_FALSE(types.to_json(schema, Blob{junk}.first(13)));
}

TEST_CASE("payload json: a type that the program was not built with is read by its announced nodes") {
  PayloadTypes types;
  Fact<shop::PaymentRefused> fact{"order-7"};
  fact->setReason("card expired");
  const NewEvent event = fact.event();
  CHECK_FALSE(types.to_json(event.dataschema, event.data));
  capnp::MallocMessageBuilder node;
  node.setRoot(capnp::Schema::from<shop::PaymentRefused>().getProto());
  CHECK(types.add_node(flat_payload(node)));
  CHECK(types.to_json(event.dataschema, event.data) == R"({"reason":"card expired"})");
  CHECK(types.from_json("payment.refused", R"({"reason":"x"})"));
  const std::vector<std::byte> junk(64, std::byte{0x7f});
  CHECK_FALSE(types.add_node(junk));
}

TEST_CASE("payload json: every fact of the schemas is known") {
  PayloadTypes types;
  add_known_types(types);
  const auto list = types.types();
  for (const char* topic : {"order.placed", "stock.released", "customer.notified", "activity"}) {
    CHECK(std::any_of(list.begin(), list.end(), [&](const auto& type) { return type.topic == topic; }));
  }
}
