// monitor/edge/bus/feed.cpp - from bus events to observations.
#include "monitor/edge/bus/feed.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "laban/event.hpp"
#include "laban/subscriber.hpp"

namespace laban::monitor {
namespace {

constexpr std::string_view definition_header = "laban-definition";  // of a log that is played
constexpr std::string_view ledger_exchange = "laban.lost", erasure_key = "erased.instance";
constexpr std::size_t payload_max = 1 << 20;  // a larger one is not searched for a key

// A field by its path, `order.id`, in a payload: one key, or several where it is a list.
std::vector<std::string> read_field(const Event& event, std::string_view path, const Feed::Decoder& decoder) {
  std::vector<std::string> out;
  const auto data = event.data();
  if (data.size() > payload_max) return out;
  std::string_view text{reinterpret_cast<const char*>(data.data()), data.size()};
  std::optional<std::string> decoded;
  if (event.datacontenttype() != json_content_type) {
    if (decoder) decoded = decoder(event.dataschema(), text);
    if (!decoded) return out;
    text = *decoded;
  }
  const auto document = nlohmann::json::parse(text, nullptr, false);
  const nlohmann::json* at = &document;
  while (at->is_object() && !path.empty()) {
    const auto dot = path.find('.');
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return out;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  if (!path.empty()) return out;
  const auto add = [&](const nlohmann::json& value) {
    if (value.is_string()) out.push_back(value.get<std::string>());
    if (value.is_number()) out.push_back(value.dump());
  };
  if (at->is_array()) {
    for (const auto& value : *at) add(value);
  } else {
    add(*at);
  }
  return out;
}

// The hub alone publishes to laban.lost.
void tell_erasure(const Event& event, FeedListener& listener) {
  const auto data = event.data();
  const auto line =
      nlohmann::json::parse(std::string_view{reinterpret_cast<const char*>(data.data()), data.size()}, nullptr, false);
  if (!line.is_object() || !line.value("who", nlohmann::json()).is_string()) return;
  std::vector<std::uint64_t> offsets;
  const auto listed = line.value("offsets", nlohmann::json::array());
  for (const auto& offset : listed)
    if (offset.is_number_unsigned()) offsets.push_back(offset.get<std::uint64_t>());
  listener.on_erasure(line["who"].get<std::string>(), offsets);
}

}  // namespace

void hand_over(const Event& event, const Feed::Decoder& decoder, FeedListener& listener) {
  if (event.exchange() == ledger_exchange && event.routingkey() == erasure_key) tell_erasure(event, listener);
  const FieldReader fields = [&](std::string_view field) { return read_field(event, field, decoder); };
  Observation out;
  out.key = event.correlationid();
  out.type = event.type();
  out.source = event.source();
  out.exchange = event.exchange();
  out.routing_key = event.routingkey();
  out.offset = event.offset();
  out.time = event.recordedtime();
  out.sequence = event.sequence();
  for (const auto& [name, value] : event.headers())
    if (name == definition_header && std::holds_alternative<std::string>(value))
      out.definition = std::get<std::string>(value);
  out.fields = &fields;
  listener.on_event(out, {event.id(), event.causationid(), event.time(), event.subject()});
}

struct Feed::Impl {
  Impl(const HubAddress& hub, FeedListener& given, Decoder how)
      : listener(given), decoder(std::move(how)), subscriber({"laban-monitor", hub}) {}

  FeedListener& listener;
  Decoder decoder;
  Subscriber subscriber;
};

Feed::Feed(const HubAddress& hub, std::uint64_t after_offset, FeedListener& listener, Decoder decoder)
    : impl_(std::make_unique<Impl>(hub, listener, std::move(decoder))) {
  SubscriptionOptions everything;
  everything.from = SubscriptionOptions::From::offset;
  everything.fleeting = false;  // what the log does not have cannot be judged again
  everything.offset = after_offset + 1;
  impl_->subscriber.on_miss([impl = impl_.get()](const Miss& miss) { impl->listener.on_gap(miss.from, miss.to); });
  impl_->subscriber.subscribe(
      everything, [impl = impl_.get()](const Event& event) { hand_over(event, impl->decoder, impl->listener); });
}

Feed::~Feed() = default;

std::size_t Feed::poll(std::chrono::milliseconds wait) {
  return impl_->subscriber.poll(wait);
}

FeedState Feed::state() const {
  const Progress progress = impl_->subscriber.progress();
  const BusStats stats = impl_->subscriber.stats();
  return {progress.log_id, progress.generation, progress.position, progress.head,    progress.hub_time,
          progress.ready,  progress.connected,  stats.malformed,   stats.missed_live};
}

}  // namespace laban::monitor
