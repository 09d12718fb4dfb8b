// bus/codec/model_spec.cpp - the AMQP model's descriptions on the wire.
#include "bus/codec/model_spec.hpp"

#include <algorithm>
#include <limits>

#include "bus/codec/capnp_text.hpp"
#include "bus/codec/headers.hpp"

namespace laban::codec {

namespace {

std::string text(capnp::Text::Reader from) {
  return std::string{view(from)};
}

// The wire has unsigned milliseconds; what no clock can hold stands for "as long as there is".
std::chrono::milliseconds millis(std::uint64_t from) {
  constexpr std::uint64_t century = 100ull * 365 * 24 * 3600 * 1000;
  return std::chrono::milliseconds{std::min(from, century)};
}

std::uint64_t millis64(std::chrono::milliseconds from) {
  return from.count() < 0 ? 0 : from.count();
}

std::uint32_t millis32(std::chrono::milliseconds from) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(millis64(from), std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

ExchangeSpec read_spec(schema::ExchangeSpec::Reader from) {
  ExchangeSpec spec;
  spec.name = text(from.getName());
  spec.type = text(from.getType());
  spec.durable = from.getDurable();
  spec.auto_delete = from.getAutoDelete();
  spec.alternate = text(from.getAlternate());
  spec.passive = from.getPassive();
  return spec;
}

void write_spec(const ExchangeSpec& spec, schema::ExchangeSpec::Builder to) {
  LABAN_SET_TEXT(to, Name, spec.name);
  LABAN_SET_TEXT(to, Type, spec.type);
  to.setDurable(spec.durable);
  to.setAutoDelete(spec.auto_delete);
  LABAN_SET_TEXT(to, Alternate, spec.alternate);
  to.setPassive(spec.passive);
}

QueueSpec read_spec(schema::QueueSpec::Reader from) {
  QueueSpec spec;
  spec.name = text(from.getName());
  spec.durable = from.getDurable();
  spec.exclusive = from.getExclusive();
  spec.auto_delete = from.getAutoDelete();
  spec.passive = from.getPassive();
  spec.keyed = from.getKeyed();
  spec.single_active = from.getSingleActive();
  spec.delivery_limit = from.getDeliveryLimit();
  spec.messages_max = from.getMessagesMax();
  spec.bytes_max = from.getBytesMax();
  spec.overflow = text(from.getOverflow());
  spec.message_ttl = millis(from.getMessageTtlMillis());
  spec.queue_ttl = millis(from.getQueueTtlMillis());
  spec.backoff = millis(from.getBackoffMillis());
  spec.backoff_max = millis(from.getBackoffMaxMillis());
  spec.on_park = text(from.getOnPark());
  spec.dead_letter_exchange = text(from.getDeadLetterExchange());
  spec.dead_letter_key = text(from.getDeadLetterKey());
  spec.redelivery_timeout = millis(from.getRedeliveryTimeoutMillis());
  return spec;
}

void write_spec(const QueueSpec& spec, schema::QueueSpec::Builder to) {
  LABAN_SET_TEXT(to, Name, spec.name);
  to.setDurable(spec.durable);
  to.setExclusive(spec.exclusive);
  to.setAutoDelete(spec.auto_delete);
  to.setPassive(spec.passive);
  to.setKeyed(spec.keyed);
  to.setSingleActive(spec.single_active);
  to.setDeliveryLimit(spec.delivery_limit);
  to.setMessagesMax(spec.messages_max);
  to.setBytesMax(spec.bytes_max);
  LABAN_SET_TEXT(to, Overflow, spec.overflow);
  to.setMessageTtlMillis(millis64(spec.message_ttl));
  to.setQueueTtlMillis(millis64(spec.queue_ttl));
  to.setBackoffMillis(millis32(spec.backoff));
  to.setBackoffMaxMillis(millis32(spec.backoff_max));
  LABAN_SET_TEXT(to, OnPark, spec.on_park);
  LABAN_SET_TEXT(to, DeadLetterExchange, spec.dead_letter_exchange);
  LABAN_SET_TEXT(to, DeadLetterKey, spec.dead_letter_key);
  to.setRedeliveryTimeoutMillis(millis64(spec.redelivery_timeout));
}

BindingSpec read_spec(schema::BindingSpec::Reader from) {
  BindingSpec spec;
  spec.exchange = text(from.getExchange());
  spec.queue = text(from.getQueue());
  spec.to_exchange = text(from.getToExchange());
  spec.pattern = text(from.getPattern());
  spec.arguments = read_headers(from.getArguments());
  return spec;
}

void write_spec(const BindingSpec& spec, schema::BindingSpec::Builder to) {
  LABAN_SET_TEXT(to, Exchange, spec.exchange);
  LABAN_SET_TEXT(to, Queue, spec.queue);
  LABAN_SET_TEXT(to, ToExchange, spec.to_exchange);
  LABAN_SET_TEXT(to, Pattern, spec.pattern);
  if (!spec.arguments.empty()) {
    write_headers(spec.arguments, to.initArguments(static_cast<unsigned>(spec.arguments.size())));
  }
}

}  // namespace laban::codec
