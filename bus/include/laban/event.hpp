// laban/event.hpp - an event as a reader meets it, and an event as a writer makes it.
//
// Attributes follow CloudEvents 1.0 and its correlation extension; schemas/laban/envelope.capnp says what each means.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "laban/envelope.capnp.h"

namespace laban {

// Nanoseconds since 1970 UTC; the epoch itself stands for "unknown" or "never".
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

inline constexpr std::string_view capnp_content_type = "application/x-capnp";
inline constexpr std::string_view json_content_type = "application/json";

// A header's value keeps its type, because headers exchanges compare types too.
using HeaderValue = std::variant<std::monostate, std::string, std::int64_t, double, bool, std::vector<std::byte>>;
using Headers = std::vector<std::pair<std::string, HeaderValue>>;

// A view of a received event.
//
// Threads: immutable; belongs to the call that it was handed to.
// Lifetime: every view that it returns ends with the handler's call; copy what must outlive it.
class Event {
 public:
  Event(schema::Envelope::Reader envelope, std::uint64_t offset, Timestamp recordedtime, std::string_view principal)
      : envelope_(envelope), offset_(offset), recordedtime_(recordedtime), principal_(principal) {}

  std::string_view id() const { return view(envelope_.getId()); }
  std::string_view source() const { return view(envelope_.getSource()); }
  std::string_view type() const { return view(envelope_.getType()); }
  std::string_view subject() const { return view(envelope_.getSubject()); }
  Timestamp time() const { return at(envelope_.getTime()); }
  std::string_view dataschema() const { return view(envelope_.getDataschema()); }
  std::string_view datacontenttype() const { return view(envelope_.getDatacontenttype()); }
  std::string_view correlationid() const { return view(envelope_.getCorrelationid()); }
  std::string_view causationid() const { return view(envelope_.getCausationid()); }
  std::string_view traceparent() const { return view(envelope_.getTraceparent()); }
  std::uint64_t sequence() const { return envelope_.getSequence(); }
  std::string_view exchange() const { return view(envelope_.getExchange()); }
  std::string_view routingkey() const { return view(envelope_.getRoutingkey()); }
  std::string_view replyto() const { return view(envelope_.getReplyto()); }

  // The process instance unless the publisher chose another key.
  std::string_view partitionkey() const {
    auto key = envelope_.getPartitionkey();
    return key.size() != 0 ? view(key) : correlationid();
  }

  std::span<const std::byte> data() const {
    auto data = envelope_.getData();
    return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
  }

  Headers headers() const;

  std::uint64_t offset() const { return offset_; }           // 0 for an event that no log stored
  Timestamp recordedtime() const { return recordedtime_; }   // the hub's clock
  std::string_view principal() const { return principal_; }  // who the hub authenticated, or empty

  schema::Envelope::Reader envelope() const { return envelope_; }

 private:
  static std::string_view view(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
  static Timestamp at(std::int64_t nanoseconds) { return Timestamp{std::chrono::nanoseconds{nanoseconds}}; }

  schema::Envelope::Reader envelope_;
  std::uint64_t offset_;
  Timestamp recordedtime_;
  std::string_view principal_;
};

// An event to be published; also how an event is kept beyond its handler. Plain data, empty means unset: the bus
// fills id, source, time, exchange (amq.topic) and routingkey (the type) where they are empty.
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
};

// Copies every attribute and the payload out of a view.
NewEvent copy_of(const Event& event);

}  // namespace laban
