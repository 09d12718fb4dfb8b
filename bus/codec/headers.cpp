// bus/codec/headers.cpp - headers keep the type of their value on the way.
#include "bus/codec/headers.hpp"

#include <kj/debug.h>

#include "bus/codec/capnp_text.hpp"
#include "bus/codec/envelope.hpp"

namespace laban::codec {

Headers read_headers(capnp::List<schema::Header>::Reader headers) {
  KJ_REQUIRE(headers.size() <= headers_max, "too many headers");
  Headers result;
  result.reserve(headers.size());
  for (auto header : headers) {
    HeaderValue value;
    const auto from = header.getValue();
    switch (from.which()) {
      case schema::Header::Value::NONE:
        break;
      case schema::Header::Value::TEXT:
        value = std::string{view(from.getText())};
        break;
      case schema::Header::Value::INTEGER:
        value = from.getInteger();
        break;
      case schema::Header::Value::REAL:
        value = from.getReal();
        break;
      case schema::Header::Value::FLAG:
        value = from.getFlag();
        break;
      case schema::Header::Value::BYTES: {
        const auto bytes = view(from.getBytes());
        value = std::vector<std::byte>{bytes.begin(), bytes.end()};
        break;
      }
      default:
        KJ_FAIL_REQUIRE("a header value of an unknown kind");
    }
    result.emplace_back(std::string{view(header.getName())}, std::move(value));
  }
  return result;
}

void write_headers(const Headers& headers, capnp::List<schema::Header>::Builder target) {
  struct Write {
    schema::Header::Value::Builder to;
    void operator()(std::monostate) { to.setNone(); }
    void operator()(const std::string& text) {
      auto target_text = to.initText(static_cast<unsigned>(text.size()));
      if (!text.empty()) std::memcpy(target_text.begin(), text.data(), text.size());
    }
    void operator()(std::int64_t integer) { to.setInteger(integer); }
    void operator()(double real) { to.setReal(real); }
    void operator()(bool flag) { to.setFlag(flag); }
    void operator()(const std::vector<std::byte>& bytes) { to.setBytes(data_of(bytes)); }
  };
  unsigned index = 0;
  for (const auto& [name, value] : headers) {
    auto header = target[index++];
    LABAN_SET_TEXT(header, Name, name);
    std::visit(Write{header.getValue()}, value);
  }
}

std::size_t header_value_bytes(const HeaderValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  if (const auto* bytes = std::get_if<std::vector<std::byte>>(&value)) return bytes->size();
  return 0;
}

}  // namespace laban::codec
