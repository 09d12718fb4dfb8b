// cli/event_json.cpp - attributes, times and payloads as text.
#include "cli/event_json.hpp"

#include <kj/encoding.h>

#include "bus/codec/rfc3339.hpp"
#include "cli/header_value.hpp"
#include "laban/model.hpp"

namespace laban::cli {

using nlohmann::ordered_json;

namespace {

ordered_json text(std::string_view value) {
  return value.empty() ? ordered_json(nullptr) : ordered_json(value);
}

ordered_json time(Timestamp value) {
  return value == Timestamp{} ? ordered_json(nullptr) : ordered_json(codec::rfc3339(value));
}

std::string base64(std::span<const std::byte> bytes) {
  return kj::encodeBase64({reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()}).cStr();
}

bool is_json(std::string_view type) {
  return type == json_content_type || type.ends_with("+json") || type.starts_with("application/json;");
}

}  // namespace

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void learn_types(codec::PayloadTypes& types, const HubAddress& hub, std::chrono::milliseconds wait) {
  Model model{hub, wait};
  const auto answer = ordered_json::parse(model.inspect("schemas"), nullptr, false);
  if (!answer.is_object() || !answer.contains("schemas")) return;
  for (const auto& schema : answer["schemas"]) {
    const auto node = schema.value("node", std::string{});
    const auto bytes = kj::decodeBase64(kj::StringPtr{node.c_str(), node.size()});
    types.add_node({reinterpret_cast<const std::byte*>(bytes.begin()), bytes.size()});
  }
}

EventPrinter::EventPrinter(const HubAddress& hub, std::chrono::milliseconds wait) {
  codec::add_known_types(types_);
  learn_types(types_, hub, wait);
}

ordered_json EventPrinter::json(const Event& event) const {
  ordered_json result;
  result["id"] = event.id();
  result["source"] = event.source();
  result["type"] = event.type();
  result["subject"] = text(event.subject());
  result["time"] = time(event.time());
  result["dataschema"] = text(event.dataschema());
  result["datacontenttype"] = text(event.datacontenttype());
  result["correlationid"] = text(event.correlationid());
  result["causationid"] = text(event.causationid());
  result["traceparent"] = text(event.traceparent());
  result["sequence"] = event.sequence();
  result["partitionkey"] = text(event.partitionkey());
  result["offset"] = event.offset();
  result["recordedtime"] = time(event.recordedtime());
  result["exchange"] = event.exchange();
  result["routingkey"] = event.routingkey();
  result["headers"] = json_of(event.headers());
  if (!event.principal().empty()) result["principal"] = event.principal();

  if (event.erased()) result["dataReason"] = "it was erased";
  ordered_json& data = result["data"];
  if (event.data().empty()) return result;
  if (is_json(event.datacontenttype())) {
    const std::string_view payload{reinterpret_cast<const char*>(event.data().data()), event.data().size()};
    data = ordered_json::parse(payload, nullptr, false);
    if (!data.is_discarded()) return result;
    data = nullptr;
  } else if (const auto decoded = types_.to_json(event.dataschema(), event.data())) {
    data = ordered_json::parse(*decoded, nullptr, false);
    if (!data.is_discarded()) return result;
    data = nullptr;
  }
  result["data_base64"] = base64(event.data());
  return result;
}

std::string EventPrinter::line(const Event& event) const {
  const auto whole = json(event);
  std::string result = std::to_string(event.offset());
  result += "  " + codec::rfc3339(event.recordedtime()).substr(11, 12);
  result += "  " + std::string{event.routingkey()};
  if (event.type() != event.routingkey()) result += " (" + std::string{event.type()} + ")";
  result += "  " + std::string{event.correlationid().empty() ? "-" : event.correlationid()};
  result += "  " + std::string{event.source()} + "  ";
  if (event.erased()) {
    result += "(erased)";
  } else {
    result += whole.contains("data_base64") ? std::to_string(event.data().size()) + " bytes" : dump(whole["data"]);
  }
  // What a stranger published must not drive the terminal.
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '.';
  }
  return result;
}

}  // namespace laban::cli
