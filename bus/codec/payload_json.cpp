// bus/codec/payload_json.cpp - capnp::JsonCodec with numbers as people expect them.
#include "bus/codec/payload_json.hpp"

#include <capnp/compat/json.h>
#include <capnp/dynamic.h>
#include <capnp/schema-loader.h>
#include <capnp/schema.capnp.h>
#include <kj/debug.h>
#include <kj/encoding.h>

#include <cmath>
#include <map>

#include "bus/codec/flat_builder.hpp"
#include "laban/error.hpp"
#include "laban/fact.hpp"

// The library's handler classes have no virtual destructor; they are never deleted through a base here.
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

namespace laban::codec {

namespace {

// 64-bit integers as numbers while a JSON reader keeps them exact, and as text beyond.
template <class Integer>
class IntegerHandler final : public capnp::JsonCodec::Handler<Integer> {
 public:
  void encode(const capnp::JsonCodec&, Integer input, capnp::JsonValue::Builder output) const override {
    constexpr double exact = 9007199254740992.0;
    if (std::abs(static_cast<double>(input)) < exact) {
      output.setNumber(static_cast<double>(input));
    } else {
      output.setString(kj::str(input));
    }
  }
  Integer decode(const capnp::JsonCodec&, capnp::JsonValue::Reader input) const override {
    if (input.isString()) return input.getString().parseAs<Integer>();
    KJ_REQUIRE(input.isNumber(), "an integer was expected");
    const double number = input.getNumber();
    KJ_REQUIRE(number == std::floor(number), "an integer was expected", number);
    const double lowest = static_cast<double>(std::numeric_limits<Integer>::min());
    const double beyond = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
    KJ_REQUIRE(number >= lowest && number < beyond, "a number out of range", number);
    return static_cast<Integer>(number);
  }
};

class DataHandler final : public capnp::JsonCodec::Handler<capnp::Data> {
 public:
  void encode(const capnp::JsonCodec&, capnp::Data::Reader input, capnp::JsonValue::Builder output) const override {
    output.setString(kj::encodeBase64(input));
  }
  capnp::Orphan<capnp::Data> decode(const capnp::JsonCodec&, capnp::JsonValue::Reader input,
                                    capnp::Orphanage orphanage) const override {
    KJ_REQUIRE(input.isString(), "base64 text was expected");
    const auto decoded = kj::decodeBase64(input.getString());
    KJ_REQUIRE(!decoded.hadErrors, "the text is not base64");
    return orphanage.newOrphanCopy(capnp::Data::Reader{decoded.begin(), decoded.size()});
  }
};

// KJ says the condition that failed, a sentence and values: `expected …; Unknown field; field.getName() = …`.
std::string text(const kj::Exception& error) {
  std::string description = error.getDescription().cStr();
  if (const auto end = description.find("; "); description.starts_with("expected ") && end != std::string::npos)
    description.erase(0, end + 2);
  if (const auto value = description.find("; "); value != std::string::npos) {
    const auto name_end = description.find(" = ", value);
    if (name_end != std::string::npos) description.replace(value, name_end + 3 - value, ": ");
  }
  for (char& c : description) {
    if (c == '\n') c = ' ';
  }
  return description;
}

}  // namespace

struct PayloadTypes::Impl {
  Impl() {
    json.setRejectUnknownFields(true);
    json.addTypeHandler<std::int64_t>(signed_integers);
    json.addTypeHandler<std::uint64_t>(unsigned_integers);
    json.addTypeHandler<capnp::Data>(data);
  }

  void add(capnp::StructSchema type) {
    by_id.insert_or_assign(capnp_dataschema(type.getProto().getId()), type);
    try {
      by_topic.insert_or_assign(std::string{topic_of(type)}, type);
    } catch (const Error&) {
      // A type without a topic can be read and not be announced.
    }
  }

  IntegerHandler<std::int64_t> signed_integers;
  IntegerHandler<std::uint64_t> unsigned_integers;
  DataHandler data;
  capnp::JsonCodec json;
  capnp::SchemaLoader loader;
  std::map<std::string, capnp::StructSchema, std::less<>> by_id;
  std::map<std::string, capnp::StructSchema, std::less<>> by_topic;
};

PayloadTypes::PayloadTypes() : impl_(std::make_unique<Impl>()) {}

PayloadTypes::~PayloadTypes() = default;

void PayloadTypes::add(capnp::StructSchema type) {
  impl_->add(type);
}

bool PayloadTypes::add_node(Blob bytes) {
  if (bytes.size() % sizeof(capnp::word) != 0 || bytes.empty()) return false;
  const Frame aligned{bytes};
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(aligned.bytes().data()),
                                                aligned.size() / sizeof(capnp::word)};
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1)};
    const auto node = message.getRoot<capnp::schema::Node>();
    // Every name and value of it: the loader calls itself for ever over a name that is broken.
    (void)node.toString();
    const auto schema = impl_->loader.load(node);
    if (schema.getProto().isStruct()) impl_->add(schema.asStruct());
    return true;
  } catch (const kj::Exception&) {
    return false;
  }
}

std::optional<std::string> PayloadTypes::to_json(std::string_view dataschema, Blob data) const {
  const auto type = impl_->by_id.find(dataschema);
  if (type == impl_->by_id.end() || data.size() % sizeof(capnp::word) != 0) return {};
  const Frame aligned{data};
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(aligned.bytes().data()),
                                                aligned.size() / sizeof(capnp::word)};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = segment.size() * 4 + 1'024;
  options.nestingLimit = 64;
  try {
    capnp::SegmentArrayMessageReader message{kj::arrayPtr(&segment, 1), options};
    const auto root = message.getRoot<capnp::DynamicStruct>(type->second);
    return impl_->json.encode(root).cStr();
  } catch (const kj::Exception&) {
    return {};
  }
}

std::optional<PayloadTypes::Encoded> PayloadTypes::from_json(std::string_view topic, const std::string& json) const {
  const auto type = impl_->by_topic.find(topic);
  if (type == impl_->by_topic.end()) return {};
  try {
    capnp::MallocMessageBuilder message;
    const auto root = message.initRoot<capnp::DynamicStruct>(type->second);
    impl_->json.decode(kj::ArrayPtr<const char>{json.data(), json.size()}, root);
    return Encoded{capnp_dataschema(type->second.getProto().getId()), flat_payload(message)};
  } catch (const kj::Exception& error) {
    throw Error(Errc::malformed, "the JSON is no " + std::string{topic} + " (" + text(error) +
                                     "): write the fields of its schema, or publish it as type json");
  }
}

std::vector<PayloadTypes::Type> PayloadTypes::types() const {
  std::vector<Type> list;
  for (const auto& [id, schema] : impl_->by_id) {
    Type type{{}, schema.getShortDisplayName().cStr(), schema.getProto().getId()};
    for (const auto& [topic, of] : impl_->by_topic) {
      if (of == schema) type.topic = topic;
    }
    list.push_back(std::move(type));
  }
  return list;
}

}  // namespace laban::codec
