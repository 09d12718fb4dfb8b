// laban/event.hpp - an event as a reader meets it, and an event as a writer makes it.
//
// Attributes follow CloudEvents 1.0 and its correlation extension; schemas/laban/envelope.capnp says what
// each means.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace laban {

// Nanoseconds since 1970 UTC; the epoch itself stands for "unknown" or "never".
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

inline constexpr std::string_view capnp_content_type = "application/x-capnp";
inline constexpr std::string_view json_content_type = "application/json";

// A header's value keeps its type, because headers exchanges compare types too.
using HeaderValue = std::variant<std::monostate, std::string, std::int64_t, double, bool, std::vector<std::byte>>;
using Headers = std::vector<std::pair<std::string, HeaderValue>>;

// All that is known of a received event. The views point into the frame that carried it.
struct EventFields {
  std::string_view id;
  std::string_view source;
  std::string_view type;
  std::string_view subject;
  Timestamp time{};
  std::string_view dataschema;
  std::string_view datacontenttype;
  std::string_view correlationid;
  std::string_view causationid;
  std::string_view traceparent;
  std::uint64_t sequence = 0;
  std::string_view partitionkey;  // as the publisher wrote it, may be empty
  std::string_view exchange;
  std::string_view routingkey;
  Headers headers;
  std::span<const std::byte> data;
  Timestamp expirytime{};
  Timestamp deliverytime{};
  std::uint8_t priority = 0;
  std::string_view replyto;
  bool mandatory = false;
  bool erased = false;  // subject and data were made unreadable: `laban erase`

  std::uint64_t offset = 0;
  Timestamp recordedtime{};
  std::string_view principal;

  // What order is kept by: the process instance unless the publisher chose another key.
  std::string_view key() const { return partitionkey.empty() ? correlationid : partitionkey; }
};

// A received event. Its attributes were checked when it arrived, so that reading them cannot fail.
//
// Threads: immutable; belongs to the call that it was handed to.
// Lifetime: every view that it returns ends with the handler's call; copy what must outlive it.
class Event {
 public:
  explicit Event(EventFields fields) : fields_(std::move(fields)) {}

  std::string_view id() const { return fields_.id; }
  std::string_view source() const { return fields_.source; }
  std::string_view type() const { return fields_.type; }
  std::string_view subject() const { return fields_.subject; }
  Timestamp time() const { return fields_.time; }
  std::string_view dataschema() const { return fields_.dataschema; }
  std::string_view datacontenttype() const { return fields_.datacontenttype; }
  std::string_view correlationid() const { return fields_.correlationid; }
  std::string_view causationid() const { return fields_.causationid; }
  std::string_view traceparent() const { return fields_.traceparent; }
  std::uint64_t sequence() const { return fields_.sequence; }
  std::string_view partitionkey() const { return fields_.key(); }
  std::string_view exchange() const { return fields_.exchange; }
  std::string_view routingkey() const { return fields_.routingkey; }
  std::string_view replyto() const { return fields_.replyto; }
  const Headers& headers() const { return fields_.headers; }

  // 8-byte aligned, so that a Cap'n Proto payload is read in place.
  std::span<const std::byte> data() const { return fields_.data; }

  // Subject and data were made unreadable by `laban erase`, and are empty.
  bool erased() const { return fields_.erased; }

  std::uint64_t offset() const { return fields_.offset; }           // 0 for an event that no log stored
  Timestamp recordedtime() const { return fields_.recordedtime; }   // the hub's clock
  std::string_view principal() const { return fields_.principal; }  // who the hub authenticated, or empty

  const EventFields& fields() const { return fields_; }

 private:
  EventFields fields_;
};

// An event to be published; also how an event is kept beyond its handler. Plain data, empty means unset: the
// bus fills id, source, time, exchange (amq.topic) and routingkey (the type) where they are empty. AMQP's default
// exchange, which leads to the queue that the routing key names, is called amq.default here.
struct NewEvent {
  std::string id;
  std::string source;
  std::string type;
  std::string subject;
  Timestamp time{};
  std::string dataschema;
  std::string datacontenttype;
  std::string correlationid;
  std::string causationid;
  std::string traceparent;
  std::uint64_t sequence = 0;  // 0: the bus counts; an outbox gives its own, dense and growing
  std::string partitionkey;
  std::string exchange;
  std::string routingkey;
  Headers headers;
  std::vector<std::byte> data;
  Timestamp expirytime{};
  Timestamp deliverytime{};
  std::uint8_t priority = 0;
  std::string replyto;
  bool mandatory = false;
  bool keyless = false;  // an empty routing key is meant, and does not stand for the type
};

// Copies every attribute and the payload out of a view.
NewEvent copy_of(const Event& event);

}  // namespace laban
