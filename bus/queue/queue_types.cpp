// bus/queue/queue_types.cpp - names, settings, and how changes are written into the log.
#include "bus/queue/queue_types.hpp"

#include <algorithm>

#include "bus/queue/bytes.hpp"
#include "laban/model.hpp"

namespace laban::queue {
namespace {

constexpr std::uint8_t changes_version = 1;

void encode_one(const QueueChange& change, Writer& out) {
  out.byte(static_cast<std::uint8_t>(change.kind));
  out.byte(change.code);
  out.byte(change.blames ? 1 : 0);
  out.number(number_from(change.at));
  out.difference(number_from(change.not_before), number_from(change.at));
  out.number(change.horizon);
  out.text(change.reason);
  out.text(change.consumer);
  out.number(change.offsets.size());
  std::uint64_t last = 0;
  for (const std::uint64_t offset : change.offsets) {
    out.difference(offset, last);
    last = offset;
  }
}

QueueChange decode_one(Reader& in) {
  QueueChange change;
  const std::uint8_t kind = in.byte();
  if (kind < 1 || kind > static_cast<std::uint8_t>(ChangeKind::horizon)) Reader::fail();
  change.kind = static_cast<ChangeKind>(kind);
  change.code = in.byte();
  change.blames = in.byte() != 0;
  const std::uint64_t at = in.number();
  change.at = time_from(at);
  change.not_before = time_from(in.difference(at));
  change.horizon = in.number();
  change.reason = in.text();
  change.consumer = in.text();
  const std::size_t count = in.count();
  change.offsets.reserve(count);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < count; ++i) change.offsets.push_back(last = in.difference(last));
  return change;
}

}  // namespace

Settings settings_from(const QueueSpec& spec, const Defaults& defaults, std::uint64_t key_seed) {
  const auto chosen = [](std::chrono::milliseconds given, std::chrono::milliseconds otherwise) {
    return given.count() > 0 ? given : otherwise;
  };
  Settings settings;
  settings.keyed = spec.keyed;
  settings.single_active = spec.single_active;
  settings.auto_delete = spec.auto_delete;
  settings.delivery_limit = spec.delivery_limit != 0 ? spec.delivery_limit : defaults.delivery_limit;
  settings.messages_max = spec.messages_max;
  settings.bytes_max = spec.bytes_max;
  settings.overflow_parks = spec.overflow == "park";
  settings.message_ttl = spec.message_ttl;
  settings.queue_ttl = spec.queue_ttl;
  settings.backoff = chosen(spec.backoff, defaults.backoff);
  settings.backoff_max = std::max<Duration>(chosen(spec.backoff_max, defaults.backoff_max), settings.backoff);
  settings.park_holds = spec.on_park != "release";
  settings.dead_letter_exchange = spec.dead_letter_exchange;
  settings.dead_letter_key = spec.dead_letter_key;
  settings.redelivery_timeout = spec.redelivery_timeout;
  settings.key_seed = key_seed;
  return settings;
}

std::string_view name_of(ParkReason reason) {
  switch (reason) {
    case ParkReason::rejected:
      return "rejected";
    case ParkReason::delivery_limit:
      return "delivery-limit";
    case ParkReason::overflow:
      return "overflow";
    case ParkReason::dead_letter_failed:
      return "dead-letter-failed";
    case ParkReason::undeliverable:
      return "undeliverable";
  }
  return "unknown";
}

std::string_view name_of(LossReason reason) {
  switch (reason) {
    case LossReason::expired:
      return "expired";
    case LossReason::purged:
      return "purged";
    case LossReason::discarded:
      return "discarded";
    case LossReason::queue_deleted:
      return "queue-deleted";
    case LossReason::unreadable:
      return "unreadable";
  }
  return "unknown";
}

std::string_view name_of(DeadLetterReason reason) {
  switch (reason) {
    case DeadLetterReason::rejected:
      return "rejected";
    case DeadLetterReason::delivery_limit:
      return "delivery-limit";
    case DeadLetterReason::expired:
      return "expired";
  }
  return "unknown";
}

void encode(std::span<const QueueChange> changes, std::vector<std::byte>& out) {
  Writer writer{out};
  writer.byte(changes_version);
  writer.number(changes.size());
  for (const auto& change : changes) encode_one(change, writer);
}

std::vector<QueueChange> decode_changes(std::span<const std::byte> bytes) {
  Reader in{bytes};
  if (in.byte() != changes_version) Reader::fail();
  const std::size_t count = in.count();
  std::vector<QueueChange> changes;
  for (std::size_t i = 0; i < count; ++i) changes.push_back(decode_one(in));
  if (!in.done()) Reader::fail();
  return changes;
}

}  // namespace laban::queue
