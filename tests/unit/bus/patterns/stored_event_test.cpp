// tests/unit/bus/patterns/stored_event_test.cpp - an event waits in the outbox without losing anything.
#include <doctest/doctest.h>

#include "bus/patterns/stored_event.hpp"

using laban::NewEvent;
using laban::Timestamp;

TEST_CASE("outbox: a stored event keeps every attribute, every kind of header and the payload") {
  NewEvent event;
  event.id = "id";
  event.source = "source";
  event.type = "type";
  event.subject = "subject";
  event.time = Timestamp{std::chrono::nanoseconds{1}};
  event.dataschema = "dataschema";
  event.datacontenttype = "datacontenttype";
  event.correlationid = "correlationid";
  event.causationid = "causationid";
  event.traceparent = "traceparent";
  event.sequence = 7;
  event.partitionkey = "partitionkey";
  event.exchange = "exchange";
  event.routingkey = std::string{"a\0b", 3};
  event.headers = {{"none", std::monostate{}},
                   {"text", std::string{}},
                   {"integer", std::int64_t{-3}},
                   {"real", 0.5},
                   {"flag", true},
                   {"bytes", std::vector{std::byte{9}}}};
  event.data = {std::byte{1}, std::byte{0}, std::byte{2}};
  event.expirytime = Timestamp{std::chrono::nanoseconds{2}};
  event.deliverytime = Timestamp{std::chrono::nanoseconds{3}};
  event.priority = 4;
  event.replyto = "replyto";
  event.mandatory = true;

  const auto back = laban::patterns::restore(laban::patterns::store(event));
  CHECK(back.id == event.id);
  CHECK(back.source == event.source);
  CHECK(back.type == event.type);
  CHECK(back.subject == event.subject);
  CHECK(back.time == event.time);
  CHECK(back.dataschema == event.dataschema);
  CHECK(back.datacontenttype == event.datacontenttype);
  CHECK(back.correlationid == event.correlationid);
  CHECK(back.causationid == event.causationid);
  CHECK(back.traceparent == event.traceparent);
  CHECK(back.sequence == event.sequence);
  CHECK(back.partitionkey == event.partitionkey);
  CHECK(back.exchange == event.exchange);
  CHECK(back.routingkey == event.routingkey);
  CHECK(back.headers == event.headers);
  CHECK(back.data == event.data);
  CHECK(back.expirytime == event.expirytime);
  CHECK(back.deliverytime == event.deliverytime);
  CHECK(back.priority == event.priority);
  CHECK(back.replyto == event.replyto);
  CHECK(back.mandatory == event.mandatory);
}
