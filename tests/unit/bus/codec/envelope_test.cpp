// tests/unit/bus/codec/envelope_test.cpp - what goes into an envelope comes out of it.
#include "bus/codec/envelope.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "laban/fact.hpp"

using namespace laban;
using namespace laban::codec;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

NewEvent full_event() {
  NewEvent event;
  event.id = "id-1";
  event.source = "order";
  event.type = "order.placed";
  event.subject = "order 7";
  event.time = Timestamp{std::chrono::nanoseconds{123456789}};
  event.dataschema = "capnp:0000000000000001";
  event.datacontenttype = json_content_type;
  event.correlationid = "order-7";
  event.causationid = "id-0";
  event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  event.sequence = 42;
  event.partitionkey = "customer-3";
  event.exchange = "amq.topic";
  event.routingkey = "order.placed";
  event.headers = {{"text", std::string{"x"}}, {"integer", std::int64_t{-5}}, {"real", 2.5}, {"flag", true},
                   {"bytes", bytes_of("raw")}, {"", std::monostate{}}};
  event.data = bytes_of(R"({"orderId":"7"})");
  event.expirytime = Timestamp{std::chrono::nanoseconds{9}};
  event.deliverytime = Timestamp{std::chrono::nanoseconds{8}};
  event.priority = 3;
  event.replyto = "answers";
  event.mandatory = true;
  return event;
}

void check_equal(const NewEvent& a, const NewEvent& b) {
  CHECK(a.id == b.id);
  CHECK(a.source == b.source);
  CHECK(a.type == b.type);
  CHECK(a.subject == b.subject);
  CHECK(a.time == b.time);
  CHECK(a.dataschema == b.dataschema);
  CHECK(a.datacontenttype == b.datacontenttype);
  CHECK(a.correlationid == b.correlationid);
  CHECK(a.causationid == b.causationid);
  CHECK(a.traceparent == b.traceparent);
  CHECK(a.sequence == b.sequence);
  CHECK(a.partitionkey == b.partitionkey);
  CHECK(a.exchange == b.exchange);
  CHECK(a.routingkey == b.routingkey);
  CHECK(a.headers == b.headers);
  CHECK(a.data == b.data);
  CHECK(a.expirytime == b.expirytime);
  CHECK(a.deliverytime == b.deliverytime);
  CHECK(a.priority == b.priority);
  CHECK(a.replyto == b.replyto);
  CHECK(a.mandatory == b.mandatory);
}

}  // namespace

TEST_CASE("envelope: every attribute comes out as it went in") {
  const NewEvent event = full_event();
  const Frame frame = encode_envelope(event);
  EventFields fields;
  REQUIRE(read_envelope(frame.bytes(), fields));
  check_equal(copy_of(Event{fields}), event);
  CHECK(check_limits(fields).empty());
}

TEST_CASE("envelope: an empty event is an envelope of defaults") {
  const Frame frame = encode_envelope({});
  EventFields fields = Event{EventFields{}}.fields();
  REQUIRE(read_envelope(frame.bytes(), fields));
  check_equal(copy_of(Event{fields}), NewEvent{});
}

TEST_CASE("envelope: what was read before leaves nothing behind") {
  EventFields fields;
  const Frame full = encode_envelope(full_event());
  REQUIRE(read_envelope(full.bytes(), fields));
  const Frame bare = encode_envelope({});
  REQUIRE(read_envelope(bare.bytes(), fields));
  check_equal(copy_of(Event{fields}), NewEvent{});
}

TEST_CASE("envelope: the payload is aligned, so that it is read in place") {
  const Frame frame = encode_envelope(full_event());
  EventFields fields;
  REQUIRE(read_envelope(frame.bytes(), fields));
  CHECK(reinterpret_cast<std::uintptr_t>(fields.data.data()) % 8 == 0);
}

TEST_CASE("envelope: one is put behind another with a sequence of its own, and nothing else changes") {
  NewEvent event = full_event();
  Words words{77, 77, 77};
  const auto bytes = append_envelope(event, envelope_bytes(event), 0x0102030405060708, words);
  CHECK(words.size() == 3 + bytes / 8);
  CHECK(words[2] == 77);
  EventFields fields;
  REQUIRE(read_envelope({reinterpret_cast<const std::byte*>(words.data() + 3), bytes}, fields));
  event.sequence = 0x0102030405060708;
  check_equal(copy_of(Event{fields}), event);
}

TEST_CASE("envelope: order is kept by the partition key, and without one by the process instance") {
  EventFields fields;
  fields.correlationid = "order-7";
  CHECK(fields.key() == "order-7");
  fields.partitionkey = "customer-3";
  CHECK(fields.key() == "customer-3");
}

TEST_CASE("envelope: what exceeds a limit is named with the limit") {
  NewEvent event = full_event();
  event.routingkey = std::string(255, 'k');
  CHECK(check_limits(event).empty());
  event.routingkey += 'k';
  CHECK(check_limits(event) == "routingkey has 256 bytes: use at most 255");
  event = full_event();
  event.subject = std::string(5000, 's');
  CHECK(check_limits(event) == "subject has 5000 bytes: use at most 4096");
  event = full_event();
  event.data.resize(envelope_bytes_max);
  CHECK(check_limits(event).find("an event carries 16777") == 0);
  event.data.resize(envelope_bytes_max - (64 << 10) - 1024);
  CHECK(check_limits(event).empty());
  const Frame largest = encode_envelope(event);
  CHECK(largest.size() <= envelope_bytes_max);
  EventFields fields;
  CHECK(read_envelope(largest.bytes(), fields));
  event = full_event();
  event.headers.resize(headers_max + 1);
  CHECK(check_limits(event).find("257 headers") != std::string::npos);
}
