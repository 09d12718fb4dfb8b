// bus/codec/envelope.cpp - reads and writes envelopes.
#include "bus/codec/envelope.hpp"

#include <capnp/message.h>
#include <kj/exception.h>

#include <cassert>
#include <limits>

#include "bus/codec/capnp_text.hpp"
#include "bus/codec/flat_builder.hpp"
#include "bus/codec/headers.hpp"
#include "laban/envelope.capnp.h"

namespace laban::codec {

namespace {

Timestamp at(std::int64_t nanoseconds) {
  return Timestamp{std::chrono::nanoseconds{nanoseconds}};
}

std::int64_t nanoseconds(Timestamp time) {
  return time.time_since_epoch().count();
}

void read_fields(schema::Envelope::Reader envelope, EventFields& fields) {
  fields.id = view(envelope.getId());
  fields.source = view(envelope.getSource());
  fields.type = view(envelope.getType());
  fields.subject = view(envelope.getSubject());
  fields.time = at(envelope.getTime());
  fields.dataschema = view(envelope.getDataschema());
  fields.datacontenttype = view(envelope.getDatacontenttype());
  fields.correlationid = view(envelope.getCorrelationid());
  fields.causationid = view(envelope.getCausationid());
  fields.traceparent = view(envelope.getTraceparent());
  fields.sequence = envelope.getSequence();
  fields.partitionkey = view(envelope.getPartitionkey());
  fields.exchange = view(envelope.getExchange());
  fields.routingkey = view(envelope.getRoutingkey());
  fields.headers.clear();
  if (envelope.hasHeaders()) fields.headers = read_headers(envelope.getHeaders());
  fields.data = view(envelope.getData());
  fields.expirytime = at(envelope.getExpirytime());
  fields.deliverytime = at(envelope.getDeliverytime());
  fields.priority = envelope.getPriority();
  fields.replyto = view(envelope.getReplyto());
  fields.mandatory = envelope.getMandatory();
}

template <class Fields>
std::string find_excess(const Fields& f) {
  struct Attribute {
    const char* name;
    std::string_view value;
    std::size_t bytes_max;
  };
  const Attribute attributes[] = {
      {"exchange", f.exchange, address_bytes_max},
      {"routingkey", f.routingkey, address_bytes_max},
      {"id", f.id, attribute_bytes_max},
      {"source", f.source, attribute_bytes_max},
      {"type", f.type, attribute_bytes_max},
      {"subject", f.subject, attribute_bytes_max},
      {"dataschema", f.dataschema, attribute_bytes_max},
      {"datacontenttype", f.datacontenttype, attribute_bytes_max},
      {"correlationid", f.correlationid, attribute_bytes_max},
      {"causationid", f.causationid, attribute_bytes_max},
      {"traceparent", f.traceparent, attribute_bytes_max},
      {"partitionkey", f.partitionkey, attribute_bytes_max},
      {"replyto", f.replyto, attribute_bytes_max},
  };
  for (const auto& attribute : attributes) {
    if (attribute.value.size() > attribute.bytes_max) {
      return std::string{attribute.name} + " has " + std::to_string(attribute.value.size()) + " bytes: use at most " +
             std::to_string(attribute.bytes_max);
    }
  }
  if (f.headers.size() > headers_max) {
    return "an event has " + std::to_string(f.headers.size()) + " headers: use at most " + std::to_string(headers_max);
  }
  return {};
}

}  // namespace

bool read_envelope(Blob envelope, EventFields& fields) {
  if (envelope.empty() || envelope.size() % sizeof(capnp::word) != 0 || envelope.size() > envelope_bytes_max) {
    return false;
  }
  assert(reinterpret_cast<std::uintptr_t>(envelope.data()) % sizeof(capnp::word) == 0);
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(envelope.data()),
                                                envelope.size() / sizeof(capnp::word)};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = segment.size() * 2 + 64;  // each word once is what an honest one needs
  options.nestingLimit = 8;
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), options};
    read_fields(message.getRoot<schema::Envelope>(), fields);
    return true;
  } catch (const kj::Exception&) {
    return false;
  }
}

std::string check_limits(const EventFields& fields) {
  return find_excess(fields);
}

std::string check_limits(const NewEvent& event) {
  if (auto excess = find_excess(event); !excess.empty()) return excess;
  std::size_t bytes = event.data.size();
  for (const auto& [name, value] : event.headers) bytes += name.size() + header_value_bytes(value) + 48;
  constexpr std::size_t attributes_reserve = 64 << 10;  // the most that all attributes together can take
  if (bytes > envelope_bytes_max - attributes_reserve) {
    return "an event carries " + std::to_string(bytes) + " bytes: send at most " +
           std::to_string(envelope_bytes_max - attributes_reserve) + ", or a reference to where the data is kept";
  }
  return {};
}

Frame encode_envelope(const NewEvent& event) {
  std::size_t words = 40;
  for (std::size_t bytes : {event.id.size(), event.source.size(), event.type.size(), event.subject.size(),
                            event.dataschema.size(), event.datacontenttype.size(), event.correlationid.size(),
                            event.causationid.size(), event.traceparent.size(), event.partitionkey.size(),
                            event.exchange.size(), event.routingkey.size(), event.replyto.size(), event.data.size()}) {
    words += words_of(bytes);
  }
  for (const auto& [name, value] : event.headers)
    words += 5 + words_of(name.size()) + words_of(header_value_bytes(value));

  FlatBuilder message{words};
  auto envelope = message.initRoot<schema::Envelope>();
  LABAN_SET_TEXT(envelope, Id, event.id);
  LABAN_SET_TEXT(envelope, Source, event.source);
  LABAN_SET_TEXT(envelope, Type, event.type);
  LABAN_SET_TEXT(envelope, Subject, event.subject);
  envelope.setTime(nanoseconds(event.time));
  LABAN_SET_TEXT(envelope, Dataschema, event.dataschema);
  LABAN_SET_TEXT(envelope, Datacontenttype, event.datacontenttype);
  LABAN_SET_TEXT(envelope, Correlationid, event.correlationid);
  LABAN_SET_TEXT(envelope, Causationid, event.causationid);
  LABAN_SET_TEXT(envelope, Traceparent, event.traceparent);
  envelope.setSequence(event.sequence);
  LABAN_SET_TEXT(envelope, Partitionkey, event.partitionkey);
  LABAN_SET_TEXT(envelope, Exchange, event.exchange);
  LABAN_SET_TEXT(envelope, Routingkey, event.routingkey);
  if (!event.headers.empty()) {
    write_headers(event.headers, envelope.initHeaders(static_cast<unsigned>(event.headers.size())));
  }
  if (!event.data.empty()) envelope.setData(data_of(event.data));
  envelope.setExpirytime(nanoseconds(event.expirytime));
  envelope.setDeliverytime(nanoseconds(event.deliverytime));
  envelope.setPriority(event.priority);
  LABAN_SET_TEXT(envelope, Replyto, event.replyto);
  envelope.setMandatory(event.mandatory);
  return message.finish();
}

void set_sequence(std::span<std::byte> envelope, std::uint64_t sequence) {
  // The builder puts the root struct behind the root pointer; `sequence` is the second word of its data. A
  // test holds this against the schema.
  constexpr std::size_t place = (1 + 1) * sizeof(capnp::word);
  assert(envelope.size() >= place + sizeof sequence);
  std::memcpy(envelope.data() + place, &sequence, sizeof sequence);
}

}  // namespace laban::codec
