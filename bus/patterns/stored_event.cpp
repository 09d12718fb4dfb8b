// bus/patterns/stored_event.cpp - the schema's own envelope, so that a stored event survives releases as the
// log does.
#include "bus/patterns/stored_event.hpp"

#include <capnp/message.h>

#include "laban/envelope.capnp.h"
#include "laban/fact.hpp"

namespace laban::patterns {

namespace {

capnp::Text::Reader text(const std::string& value) {
  return {value.c_str(), value.size()};
}

capnp::Data::Reader data(const std::vector<std::byte>& value) {
  return {reinterpret_cast<const capnp::byte*>(value.data()), value.size()};
}

std::string text(capnp::Text::Reader value) {
  return {value.begin(), value.size()};
}

std::vector<std::byte> data(capnp::Data::Reader value) {
  const auto* begin = reinterpret_cast<const std::byte*>(value.begin());
  return {begin, begin + value.size()};
}

Timestamp at(std::int64_t nanoseconds) {
  return Timestamp{std::chrono::nanoseconds{nanoseconds}};
}

HeaderValue value_of(schema::Header::Value::Reader value) {
  switch (value.which()) {
    case schema::Header::Value::NONE:
      return std::monostate{};
    case schema::Header::Value::TEXT:
      return text(value.getText());
    case schema::Header::Value::INTEGER:
      return value.getInteger();
    case schema::Header::Value::REAL:
      return value.getReal();
    case schema::Header::Value::FLAG:
      return value.getFlag();
    case schema::Header::Value::BYTES:
      return data(value.getBytes());
  }
  return std::monostate{};  // a kind of a later release
}

struct HeaderWriter {
  schema::Header::Value::Builder to;
  void operator()(std::monostate) { to.setNone(); }
  void operator()(const std::string& value) { to.setText(text(value)); }
  void operator()(std::int64_t value) { to.setInteger(value); }
  void operator()(double value) { to.setReal(value); }
  void operator()(bool value) { to.setFlag(value); }
  void operator()(const std::vector<std::byte>& value) { to.setBytes(data(value)); }
};

}  // namespace

std::vector<std::byte> store(const NewEvent& event) {
  capnp::MallocMessageBuilder message;
  auto envelope = message.initRoot<schema::Envelope>();
  envelope.setId(text(event.id));
  envelope.setSource(text(event.source));
  envelope.setType(text(event.type));
  envelope.setSubject(text(event.subject));
  envelope.setTime(event.time.time_since_epoch().count());
  envelope.setDataschema(text(event.dataschema));
  envelope.setDatacontenttype(text(event.datacontenttype));
  envelope.setCorrelationid(text(event.correlationid));
  envelope.setCausationid(text(event.causationid));
  envelope.setTraceparent(text(event.traceparent));
  envelope.setSequence(event.sequence);
  envelope.setPartitionkey(text(event.partitionkey));
  envelope.setExchange(text(event.exchange));
  envelope.setRoutingkey(text(event.routingkey));
  auto headers = envelope.initHeaders(static_cast<unsigned>(event.headers.size()));
  for (unsigned i = 0; i < headers.size(); ++i) {
    headers[i].setName(text(event.headers[i].first));
    std::visit(HeaderWriter{headers[i].getValue()}, event.headers[i].second);
  }
  envelope.setData(data(event.data));
  envelope.setExpirytime(event.expirytime.time_since_epoch().count());
  envelope.setDeliverytime(event.deliverytime.time_since_epoch().count());
  envelope.setPriority(event.priority);
  envelope.setReplyto(text(event.replyto));
  envelope.setMandatory(event.mandatory);
  return flat_payload(message);
}

NewEvent restore(std::span<const std::byte> bytes) {
  const std::vector<std::byte> aligned{bytes.begin(), bytes.end()};  // a row's bytes lie anywhere
  Payload<schema::Envelope> payload{aligned};
  const auto envelope = payload.get();
  NewEvent event;
  event.id = text(envelope.getId());
  event.source = text(envelope.getSource());
  event.type = text(envelope.getType());
  event.subject = text(envelope.getSubject());
  event.time = at(envelope.getTime());
  event.dataschema = text(envelope.getDataschema());
  event.datacontenttype = text(envelope.getDatacontenttype());
  event.correlationid = text(envelope.getCorrelationid());
  event.causationid = text(envelope.getCausationid());
  event.traceparent = text(envelope.getTraceparent());
  event.sequence = envelope.getSequence();
  event.partitionkey = text(envelope.getPartitionkey());
  event.exchange = text(envelope.getExchange());
  event.routingkey = text(envelope.getRoutingkey());
  for (auto header : envelope.getHeaders())
    event.headers.emplace_back(text(header.getName()), value_of(header.getValue()));
  event.data = data(envelope.getData());
  event.expirytime = at(envelope.getExpirytime());
  event.deliverytime = at(envelope.getDeliverytime());
  event.priority = envelope.getPriority();
  event.replyto = text(envelope.getReplyto());
  event.mandatory = envelope.getMandatory();
  return event;
}

}  // namespace laban::patterns
