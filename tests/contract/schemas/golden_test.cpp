// tests/contract/schemas/golden_test.cpp - what one release wrote, the next one reads: golden bytes of every schema.
//
// Each line of golden/RELEASE/SCHEMA.txt is a message with every field set: its type, its text, its bytes. The bytes of every
// release must keep their text for ever; the newest ones must be what today's schemas write. A changed line means that peers,
// logs and services of that release are no longer understood. Added fields are a new release's files:
// LABAN_WRITE_GOLDEN=RELEASE writes them.
#include <capnp/any.h>
#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <doctest/doctest.h>
#include <kj/encoding.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "laban/activity.capnp.h"
#include "laban/annotations.capnp.h"
#include "laban/envelope.capnp.h"
#include "laban/log.capnp.h"
#include "laban/protocol.capnp.h"
#include "shop/order_fulfilment.capnp.h"

namespace schema = laban::schema;

namespace {

const std::filesystem::path golden{LABAN_GOLDEN};

using Fields = capnp::DynamicStruct::Builder;
constexpr unsigned list_size = 2;
constexpr int deepest = 6;

capnp::DynamicValue::Reader scalar(capnp::Type type, unsigned n) {
  switch (type.which()) {
    case capnp::schema::Type::VOID:
      return capnp::VOID;
    case capnp::schema::Type::BOOL:
      return true;
    case capnp::schema::Type::FLOAT32:
    case capnp::schema::Type::FLOAT64:
      return n + 0.5;
    case capnp::schema::Type::ENUM: {
      const auto words = type.asEnum().getEnumerants();
      return capnp::DynamicEnum{words[n % words.size()]};
    }
    default:
      return n % 100 + 1;
  }
}

void fill(Fields message, unsigned choice, int depth);

void fill_list(capnp::DynamicList::Builder list, unsigned choice, int depth) {
  const auto type = list.getSchema().getElementType();
  for (unsigned i = 0; i < list.size(); ++i) {
    if (type.isStruct()) {
      fill(list[i].as<capnp::DynamicStruct>(), choice + i, depth + 1);
    } else if (type.isText()) {
      list.set(i, capnp::Text::Reader{kj::str("text ", i)});
    } else if (type.isData()) {
      list.set(i, capnp::Data::Reader{kj::str("data ", i).asBytes()});
    } else {
      list.set(i, scalar(type, choice + i));
    }
  }
}

void set(Fields message, capnp::StructSchema::Field field, unsigned choice, int depth) {
  const auto type = field.getType();
  const unsigned n = choice + field.getIndex();
  if (type.isStruct()) {
    if (depth < deepest) fill(message.init(field).as<capnp::DynamicStruct>(), choice, depth + 1);
  } else if (type.isList()) {
    fill_list(message.init(field, list_size).as<capnp::DynamicList>(), choice, depth);
  } else if (type.isText()) {
    message.set(field, capnp::Text::Reader{kj::str(field.getProto().getName(), " ", choice)});
  } else if (type.isData()) {
    message.set(field, capnp::Data::Reader{kj::str(field.getProto().getName(), " bytes").asBytes()});
  } else {
    message.set(field, scalar(type, n));
  }
}

// Every field of its own, and of each union the member that `choice` falls on.
void fill(Fields message, unsigned choice, int depth) {
  for (const auto field : message.getSchema().getNonUnionFields()) set(message, field, choice, depth);
  const auto members = message.getSchema().getUnionFields();
  if (members.size() > 0) set(message, members[choice % members.size()], choice, depth);
}

// So many messages show each member of the largest union within the type.
unsigned choices(capnp::StructSchema type, int depth = 0) {
  unsigned most = std::max(1u, type.getUnionFields().size());
  if (depth == deepest) return most;
  for (const auto field : type.getFields()) {
    auto inner = field.getType();
    while (inner.isList()) inner = inner.asList().getElementType();
    if (inner.isStruct()) most = std::max(most, choices(inner.asStruct(), depth + 1));
  }
  return most;
}

struct Message {
  std::string text;
  std::string bytes;  // canonical form, hexadecimal
};

std::string text_of(capnp::DynamicStruct::Reader message) {
  return kj::str(message).cStr();
}

Message filled(capnp::StructSchema type, unsigned choice) {
  capnp::MallocMessageBuilder builder;
  const auto root = builder.initRoot<capnp::DynamicStruct>(type);
  fill(root, choice, 0);
  const auto canonical = builder.getRoot<capnp::AnyStruct>().asReader().canonicalize();
  return {text_of(root.asReader()), kj::encodeHex(canonical.asBytes()).cStr()};
}

std::string read(capnp::StructSchema type, const std::string& hex) {
  const auto bytes = kj::decodeHex(kj::StringPtr{hex.c_str(), hex.size()});
  REQUIRE_FALSE(bytes.hadErrors);
  REQUIRE(bytes.size() % sizeof(capnp::word) == 0);
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), bytes.begin(), bytes.size());
  const kj::ArrayPtr<const capnp::word> segments[] = {words};
  capnp::SegmentArrayMessageReader message{kj::arrayPtr(segments, 1)};
  return text_of(message.getRoot<capnp::DynamicStruct>(type));
}

using Types = std::map<std::string, capnp::StructSchema>;

// The messages of each schema file; what stands inside them is filled with them.
std::map<std::string, Types> schemas() {
  using capnp::Schema;
  return {
      {"envelope", {{"Envelope", Schema::from<schema::Envelope>()}, {"Recorded", Schema::from<schema::Recorded>()}}},
      {"protocol",
       {{"ClientMessage", Schema::from<schema::ClientMessage>()},
        {"HubMessage", Schema::from<schema::HubMessage>()},
        {"FeedBatch", Schema::from<schema::FeedBatch>()},
        {"Fleeting", Schema::from<schema::Fleeting>()},
        {"BackupPlan", Schema::from<schema::BackupPlan>()}}},
      {"log", {{"Note", Schema::from<schema::Note>()}, {"State", Schema::from<schema::State>()}}},
      {"activity", {{"Activity", Schema::from<schema::Activity>()}}},
      {"order_fulfilment",
       {{"OrderPlaced", Schema::from<shop::OrderPlaced>()},
        {"PaymentTaken", Schema::from<shop::PaymentTaken>()},
        {"PaymentRefused", Schema::from<shop::PaymentRefused>()},
        {"PaymentRefunded", Schema::from<shop::PaymentRefunded>()},
        {"StockReserved", Schema::from<shop::StockReserved>()},
        {"StockMissing", Schema::from<shop::StockMissing>()},
        {"StockReleased", Schema::from<shop::StockReleased>()},
        {"ParcelShipped", Schema::from<shop::ParcelShipped>()},
        {"ShipmentFailed", Schema::from<shop::ShipmentFailed>()},
        {"OrderCompleted", Schema::from<shop::OrderCompleted>()},
        {"OrderCancelled", Schema::from<shop::OrderCancelled>()},
        {"CustomerNotified", Schema::from<shop::CustomerNotified>()}}},
  };
}

std::string lines_of(const Types& types) {
  std::string lines;
  for (const auto& [name, type] : types) {
    for (unsigned choice = 0; choice < choices(type); ++choice) {
      const auto message = filled(type, choice);
      lines += name + "\t" + message.text + "\t" + message.bytes + "\n";
    }
  }
  return lines;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::filesystem::path> releases() {
  std::set<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator{golden}) found.insert(entry.path());
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("schemas: what this release writes is the newest golden bytes (G4)") {
  if (const char* release = std::getenv("LABAN_WRITE_GOLDEN")) {
    std::filesystem::create_directories(golden / release);
    for (const auto& [file, types] : schemas()) {
      std::ofstream{golden / release / (file + ".txt"), std::ios::binary} << lines_of(types);
    }
  }
  REQUIRE_FALSE(releases().empty());
  for (const auto& [file, types] : schemas()) {
    INFO(file);
    CHECK(lines_of(types) == contents(releases().back() / (file + ".txt")));
  }
}

TEST_CASE("schemas: the golden bytes of every release read as they were written (G4)") {
  const auto known = schemas();
  for (const auto& release : releases()) {
    for (const auto& [file, types] : known) {
      std::ifstream lines{release / (file + ".txt"), std::ios::binary};
      int count = 0;
      for (std::string line; std::getline(lines, line); ++count) {
        const auto first = line.find('\t'), last = line.rfind('\t');
        INFO(release.string() << " " << file << ": " << line.substr(0, 60));
        REQUIRE(first < last);
        const auto type = types.find(line.substr(0, first));
        REQUIRE(type != types.end());
        CHECK(read(type->second, line.substr(last + 1)) == line.substr(first + 1, last - first - 1));
      }
      CHECK(count > 0);
    }
  }
}

TEST_CASE("schemas: a fact carries the topic that its annotation names (G4)") {
  constexpr std::uint64_t topic_id = 0xd7f2b1a3c6e04f11;
  const auto topic = [](capnp::StructSchema type) -> std::string {
    for (const auto annotation : type.getProto().getAnnotations()) {
      if (annotation.getId() == topic_id) return annotation.getValue().getText().cStr();
    }
    return "";
  };
  CHECK(topic(capnp::Schema::from<schema::Activity>()) == "activity");
  CHECK(topic(capnp::Schema::from<shop::OrderPlaced>()) == "order.placed");
  CHECK(topic(capnp::Schema::from<schema::Envelope>()) == "");
}
