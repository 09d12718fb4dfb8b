// laban/fact.hpp - a typed event under construction: what happened, in a generated Cap'n Proto class.
#pragma once

#include <capnp/message.h>
#include <capnp/schema.h>

#include <string>
#include <string_view>

#include "laban/event.hpp"

namespace laban {

// The $topic annotation of a schema type: the event's type and its default routing key. Throws Error(usage) for a type
// without one.
std::string_view topic_of(capnp::StructSchema schema);

template <class T>
std::string_view topic_of() {
  static const std::string_view topic = topic_of(capnp::Schema::from<T>());
  return topic;
}

// A random, unguessable name for a new process instance or event: 26 characters that sort by time (ULID).
std::string new_id();

// The payload of a message builder as one segment without a segment table.
std::vector<std::byte> flat_payload(capnp::MessageBuilder& message);
std::string capnp_dataschema(std::uint64_t type_id);

// Throws Error(malformed) where the event says that its payload is something else: handling it again will not help.
void expect_payload(const Event& event, std::uint64_t type_id);

// Threads: belongs to one thread. A local variable, since Cap'n Proto's builders do not move.
template <class T>
class Fact {
 public:
  // The first fact of a new process instance.
  Fact() : Fact(new_id()) {}

  // The first fact, of an instance that the caller names (an order number, say).
  explicit Fact(std::string_view instance) { event_.correlationid = instance; }

  // A fact made from its cause: same process instance, same trace, caused by it. So correlation cannot be forgotten.
  explicit Fact(const Event& cause) {
    event_.correlationid = cause.correlationid();
    event_.causationid = cause.id();
    event_.traceparent = cause.traceparent();
  }

  typename T::Builder* operator->() { return &root_; }
  typename T::Builder& operator*() { return root_; }

  Fact& subject(std::string_view subject) { return event_.subject = subject, *this; }
  Fact& exchange(std::string_view exchange) { return event_.exchange = exchange, *this; }
  Fact& routingkey(std::string_view key) { return event_.routingkey = key, *this; }
  Fact& partitionkey(std::string_view key) { return event_.partitionkey = key, *this; }

  // Every other attribute.
  NewEvent& attributes() { return event_; }

  // The finished event; the fact may be changed and finished again.
  NewEvent event() {
    NewEvent result = event_;
    result.type = topic_of<T>();
    result.datacontenttype = capnp_content_type;
    result.dataschema = capnp_dataschema(capnp::typeId<T>());
    result.data = flat_payload(message_);
    return result;
  }

 private:
  capnp::MallocMessageBuilder message_;
  typename T::Builder root_ = message_.initRoot<T>();
  NewEvent event_;
};

// Reads a payload as T. The reader lives as long as this object and the event that it came from.
template <class T>
class Payload {
 public:
  explicit Payload(std::span<const std::byte> data)
      : segment_(reinterpret_cast<const capnp::word*>(data.data()), data.size() / sizeof(capnp::word)),
        message_(kj::arrayPtr(&segment_, 1)) {}

  explicit Payload(const Event& event) : Payload((expect_payload(event, capnp::typeId<T>()), event.data())) {}

  typename T::Reader get() { return message_.template getRoot<T>(); }

 private:
  kj::ArrayPtr<const capnp::word> segment_;
  capnp::SegmentArrayMessageReader message_;
};

}  // namespace laban
