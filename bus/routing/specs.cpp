// bus/routing/specs.cpp - what may be declared, and how two declarations differ, as text.
#include <chrono>

#include "bus/routing/topology_state.hpp"

namespace laban::routing {
namespace {

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : (lead & 0xF0) == 0xE0       ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0) != 0x80) return false;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool beyond = (lead == 0xED && second >= 0xA0) || (lead == 0xF4 && second >= 0x90);
    if (overlong || beyond) return false;
    i += length;
  }
  return true;
}

class Differences {
 public:
  void add(std::string_view what, const std::string& there, const std::string& asked) {
    if (there == asked) return;
    if (!text_.empty()) text_ += ", ";
    text_ += what;
    text_ += " is " + there + ", not " + asked;
  }
  void add(std::string_view what, bool there, bool asked) {
    add(what, std::string{there ? "true" : "false"}, std::string{asked ? "true" : "false"});
  }
  void add(std::string_view what, std::uint64_t there, std::uint64_t asked) {
    add(what, std::to_string(there), std::to_string(asked));
  }
  void add(std::string_view what, std::chrono::milliseconds there, std::chrono::milliseconds asked) {
    add(what, std::to_string(there.count()) + " ms", std::to_string(asked.count()) + " ms");
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

bool is_exchange(Destination destination) {
  return (destination & exchange_bit) != 0;
}

Outcome refuse(RefusalKind kind, std::string message) {
  Outcome outcome;
  outcome.refused = kind;
  outcome.message = std::move(message);
  return outcome;
}

std::string in_quotes(std::string_view name) {
  return "'" + std::string{name} + "'";
}

std::string name_problem(std::string_view what, std::string_view name) {
  const std::string subject{what};
  if (name.empty()) return "the " + subject + " has no name: give it one";
  if (name.size() > topic_bytes_max) {
    return "the " + subject + "'s name has " + std::to_string(name.size()) + " bytes: choose one of at most 255";
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return "the " + subject + "'s name holds a control character: leave it out";
    }
  }
  if (!is_utf8(name)) return "the " + subject + "'s name is not UTF-8: encode it so";
  return {};
}

bool kind_from(std::string_view type, ExchangeKind& kind) {
  if (type == "direct") return kind = ExchangeKind::direct, true;
  if (type == "fanout") return kind = ExchangeKind::fanout, true;
  if (type == "topic") return kind = ExchangeKind::topic, true;
  if (type == "headers") return kind = ExchangeKind::headers, true;
  return false;
}

ExchangeSpec normal(ExchangeSpec spec) {
  if (spec.type.empty()) spec.type = "topic";
  spec.passive = false;
  return spec;
}

QueueSpec normal(QueueSpec spec) {
  if (spec.overflow.empty()) spec.overflow = "refuse";
  if (spec.on_park.empty()) spec.on_park = "hold";
  spec.passive = false;
  return spec;
}

std::string queue_problem(const QueueSpec& given) {
  const QueueSpec spec = normal(given);
  const std::string queue = "queue " + in_quotes(spec.name) + ": ";
  if (auto problem = name_problem("queue", spec.name); !problem.empty()) return problem;
  if (spec.overflow != "refuse" && spec.overflow != "park") {
    return queue + "overflow is " + in_quotes(spec.overflow) + ": choose refuse or park";
  }
  if (spec.on_park != "hold" && spec.on_park != "release") {
    return queue + "on_park is " + in_quotes(spec.on_park) + ": choose hold or release";
  }
  if (spec.dead_letter_exchange.empty() && !spec.dead_letter_key.empty()) {
    return queue + "a dead-letter key without a dead-letter exchange: name the exchange";
  }
  if (spec.dead_letter_exchange.size() > topic_bytes_max || spec.dead_letter_key.size() > topic_bytes_max) {
    return queue + "dead-letter exchange or key over 255 bytes: shorten it";
  }
  const std::pair<std::string_view, std::chrono::milliseconds> spans[] = {
      {"message TTL", spec.message_ttl},
      {"queue TTL", spec.queue_ttl},
      {"back-off", spec.backoff},
      {"longest back-off", spec.backoff_max},
      {"redelivery time-out", spec.redelivery_timeout}};
  for (const auto& [what, span] : spans) {
    // 100 years: so that no sum of an instant and a span can overflow.
    if (span.count() < 0 || span > std::chrono::hours{24 * 366 * 100}) {
      return queue + std::string{what} + " is negative or over 100 years: choose a span between";
    }
  }
  if (spec.backoff.count() > 0 && spec.backoff_max.count() > 0 && spec.backoff_max < spec.backoff) {
    return queue + "the longest back-off is shorter than the first: make it longer";
  }
  return {};
}

std::string difference(const ExchangeSpec& there_given, const ExchangeSpec& asked_given) {
  const ExchangeSpec there = normal(there_given);
  const ExchangeSpec asked = normal(asked_given);
  Differences result;
  result.add("type", there.type, asked.type);
  result.add("durable", there.durable, asked.durable);
  result.add("auto-delete", there.auto_delete, asked.auto_delete);
  result.add("alternate exchange", in_quotes(there.alternate), in_quotes(asked.alternate));
  return std::move(result).text();
}

std::string difference(const QueueSpec& there_given, const QueueSpec& asked_given) {
  const QueueSpec there = normal(there_given);
  const QueueSpec asked = normal(asked_given);
  Differences result;
  result.add("durable", there.durable, asked.durable);
  result.add("exclusive", there.exclusive, asked.exclusive);
  result.add("auto-delete", there.auto_delete, asked.auto_delete);
  result.add("keyed", there.keyed, asked.keyed);
  result.add("single active consumer", there.single_active, asked.single_active);
  result.add("delivery limit", std::uint64_t{there.delivery_limit}, std::uint64_t{asked.delivery_limit});
  result.add("most messages", there.messages_max, asked.messages_max);
  result.add("most bytes", there.bytes_max, asked.bytes_max);
  result.add("overflow", there.overflow, asked.overflow);
  result.add("message TTL", there.message_ttl, asked.message_ttl);
  result.add("queue TTL", there.queue_ttl, asked.queue_ttl);
  result.add("back-off", there.backoff, asked.backoff);
  result.add("longest back-off", there.backoff_max, asked.backoff_max);
  result.add("on_park", there.on_park, asked.on_park);
  result.add("dead-letter exchange", in_quotes(there.dead_letter_exchange), in_quotes(asked.dead_letter_exchange));
  result.add("dead-letter key", in_quotes(there.dead_letter_key), in_quotes(asked.dead_letter_key));
  result.add("redelivery time-out", there.redelivery_timeout, asked.redelivery_timeout);
  return std::move(result).text();
}

}  // namespace laban::routing
