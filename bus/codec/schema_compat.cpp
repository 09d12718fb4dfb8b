// bus/codec/schema_compat.cpp - capnp::SchemaLoader, and what it does not see.
#include "bus/codec/schema_compat.hpp"

#include <capnp/message.h>
#include <capnp/schema-loader.h>
#include <capnp/schema.capnp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "laban/annotations.capnp.h"

namespace laban::codec {
namespace {

namespace cs = capnp::schema;

constexpr std::uint64_t topic_annotation = 0xd7f2b1a3c6e04f11;

std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

// A node and the memory that it is read from.
class Node {
 public:
  explicit Node(Blob bytes)
      : aligned_(bytes),
        segment_(reinterpret_cast<const capnp::word*>(std::as_const(aligned_).bytes().data()),
                 bytes.size() / sizeof(capnp::word)),
        message_(kj::arrayPtr(&segment_, 1)),
        root_(message_.getRoot<cs::Node>()) {}

  cs::Node::Reader get() const { return root_; }
  std::uint64_t id() const { return root_.getId(); }
  std::string name() const {
    const auto whole = text_of(root_.getDisplayName());
    return whole.substr(std::min<std::size_t>(root_.getDisplayNamePrefixLength(), whole.size()));
  }
  std::string topic() const {
    for (const auto annotation : root_.getAnnotations()) {
      if (annotation.getId() == topic_annotation) return text_of(annotation.getValue().getText());
    }
    return {};
  }
  // How people know it.
  std::string title() const { return topic().empty() ? name() : topic() + " (" + name() + ")"; }

 private:
  Frame aligned_;
  kj::ArrayPtr<const capnp::word> segment_;
  capnp::SegmentArrayMessageReader message_;
  cs::Node::Reader root_;
};

using Nodes = std::vector<std::unique_ptr<Node>>;

const Node* find(const Nodes& nodes, std::uint64_t id) {
  for (const auto& node : nodes) {
    if (node->id() == id) return node.get();
  }
  return nullptr;
}

// The same type under another id: its topic says so, or its name where neither has a topic.
const Node* find_namesake(const Nodes& nodes, const Node& wanted) {
  for (const auto& node : nodes) {
    if (node->get().which() != wanted.get().which()) continue;
    const bool same_topic = !wanted.topic().empty() && node->topic() == wanted.topic();
    const bool same_name = wanted.topic().empty() && node->topic().empty() && node->name() == wanted.name() &&
                           node->get().getScopeId() == wanted.get().getScopeId();
    if (same_topic || same_name) return node.get();
  }
  return nullptr;
}

// A parameter that nobody binds is an AnyPointer on the wire, and so it is compared.
void make_plain(cs::Type::Builder type) {
  switch (type.which()) {
    case cs::Type::LIST:
      return make_plain(type.getList().getElementType());
    case cs::Type::STRUCT:
      type.getStruct().disownBrand();
      return;
    case cs::Type::ENUM:
      type.getEnum().disownBrand();
      return;
    case cs::Type::ANY_POINTER:
      type.initAnyPointer().initUnconstrained().setAnyKind();
      return;
    default:
      return;
  }
}

std::optional<std::uint16_t> ordinal_of(cs::Field::Reader field) {
  if (!field.getOrdinal().isExplicit()) return {};
  return field.getOrdinal().getExplicit();
}

bool is_pointer(cs::Type::Reader type) {
  return type.isText() || type.isData() || type.isList() || type.isStruct() || type.isInterface() ||
         type.isAnyPointer();
}

bool is_bytes(cs::Type::Reader type) {
  if (type.isText()) return true;
  return type.isList() && (type.getList().getElementType().isInt8() || type.getList().getElementType().isUint8());
}

// Documented as safe in one direction or the other, and refused by the loader, which compares their default values.
bool is_known_upgrade(cs::Type::Reader one, cs::Type::Reader other) {
  if (one.which() == other.which()) return false;
  if (one.isAnyPointer() || other.isAnyPointer()) return is_pointer(one) && is_pointer(other);
  return (one.isData() && is_bytes(other)) || (other.isData() && is_bytes(one));
}

// As the loader is to see it. Where a field went a way that is known to be safe, it has not changed for the loader.
std::unique_ptr<capnp::MallocMessageBuilder> plain_copy(cs::Node::Reader node, const Node* was) {
  auto copy = std::make_unique<capnp::MallocMessageBuilder>();
  copy->setRoot(node);
  auto root = copy->getRoot<cs::Node>();
  root.setIsGeneric(false);
  root.disownParameters();
  if (!root.isStruct()) return copy;
  for (auto field : root.getStruct().getFields()) {
    if (!field.isSlot()) continue;
    auto slot = field.getSlot();
    make_plain(slot.getType());
    if (was == nullptr || !was->get().isStruct()) continue;
    for (const auto old : was->get().getStruct().getFields()) {
      if (!old.isSlot() || ordinal_of(old) != ordinal_of(field.asReader()) || !ordinal_of(old)) continue;
      if (!is_known_upgrade(old.getSlot().getType(), slot.getType().asReader())) continue;
      slot.setType(old.getSlot().getType());
      slot.setDefaultValue(old.getSlot().getDefaultValue());
      make_plain(slot.getType());
    }
  }
  return copy;
}

std::string first_line(const kj::Exception& error) {
  std::string text = error.getDescription().cStr();
  if (const auto semicolon = text.find(';'); semicolon != text.npos) text.resize(semicolon);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

std::string what_moved(const std::string& what, const std::string& name, unsigned from, unsigned to) {
  return what + " " + name + " was @" + std::to_string(from) + " and is @" + std::to_string(to) +
         ": keep its number, and give new ones at the end";
}

bool is_bool_list(cs::Type::Reader type) {
  return type.isList() && type.getList().getElementType().isBool();
}

std::string type_problem(const std::string& field, cs::Type::Reader was, cs::Type::Reader is) {
  while (was.isList() && is.isList()) {
    if (is_bool_list(was) != is_bool_list(is)) {
      return "field " + field +
             (is_bool_list(was) ? " was a List(Bool) and is another list" : " was another list and is a List(Bool)") +
             ": a list of flags has no other form on the wire, add a field of the new type";
    }
    was = was.getList().getElementType();
    is = is.getList().getElementType();
  }
  return {};
}

std::string struct_problem(cs::Node::Struct::Reader was, cs::Node::Struct::Reader is) {
  for (const auto old : was.getFields()) {
    const auto number = ordinal_of(old);
    if (!number) continue;
    const auto name = text_of(old.getName());
    for (const auto fresh : is.getFields()) {
      const auto other = ordinal_of(fresh);
      if (!other) continue;
      if (text_of(fresh.getName()) == name && *other != *number) return what_moved("field", name, *number, *other);
      if (*other != *number || !old.isSlot() || !fresh.isSlot()) continue;
      if (auto wrong = type_problem(name, old.getSlot().getType(), fresh.getSlot().getType()); !wrong.empty())
        return wrong;
    }
  }
  return {};
}

std::string enum_problem(cs::Node::Enum::Reader was, cs::Node::Enum::Reader is) {
  const auto old = was.getEnumerants();
  const auto fresh = is.getEnumerants();
  for (unsigned i = 0; i < old.size(); ++i) {
    for (unsigned j = 0; j < fresh.size(); ++j) {
      const auto name = text_of(old[i].getName());
      if (i != j && text_of(fresh[j].getName()) == name) return what_moved("enumerant", name, i, j);
    }
  }
  return {};
}

// What the loader does not look at.
std::string unseen_problem(const Node& was, const Node& is) {
  if (was.get().which() != is.get().which()) return "it is another kind of type now: give the new one an id of its own";
  if (!was.topic().empty() && was.topic() != is.topic()) {
    return "its topic was " + was.topic() + " and is " + (is.topic().empty() ? "none" : is.topic()) +
           ": who consumes it is bound to the old one, make a new type";
  }
  if (was.get().isStruct()) return struct_problem(was.get().getStruct(), is.get().getStruct());
  if (was.get().isEnum()) return enum_problem(was.get().getEnum(), is.get().getEnum());
  return {};
}

// Bytes from outside: what is read later is read here once, so that nothing fails then.
std::unique_ptr<Node> decode(Blob bytes) {
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) return nullptr;
  try {
    auto node = std::make_unique<Node>(bytes);
    // Every name and value of it: the loader calls itself for ever over a name that is broken.
    (void)node->get().toString();
    (void)node->title();
    (void)unseen_problem(*node, *node);
    (void)plain_copy(node->get(), node.get());
    return node;
  } catch (const kj::Exception&) {
    return nullptr;
  }
}

std::string hex(std::uint64_t id) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text = "@0x";
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[id >> shift & 15];
  return text;
}

Nodes decode_all(const std::vector<Blob>& blobs) {
  Nodes nodes;
  for (const auto bytes : blobs) {
    if (auto node = decode(bytes)) nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace

std::vector<SchemaProblem> schema_problems(const std::vector<Blob>& before, const std::vector<Blob>& now) {
  std::vector<SchemaProblem> problems;
  const Nodes old = decode_all(before);
  capnp::SchemaLoader loader;
  std::vector<std::unique_ptr<capnp::MallocMessageBuilder>> kept;
  const auto load = [&](const Node& node) {
    kept.push_back(plain_copy(node.get(), find(old, node.id())));
    loader.load(kept.back()->getRoot<cs::Node>().asReader());
  };
  for (const auto& node : old) {
    try {
      load(*node);
    } catch (const kj::Exception&) {
      // Kept by an earlier release, or foreign: nothing can be compared with it.
    }
  }
  for (const auto bytes : now) {
    const auto node = decode(bytes);
    if (node == nullptr) {
      problems.push_back({0, "a schema", "a node does not decode: announce nodes of schema.capnp"});
      continue;
    }
    const auto tell = [&](const Node& was, std::string what) {
      problems.push_back({was.id(), was.title(), std::move(what)});
    };
    const Node* same = find(old, node->id());
    if (same == nullptr) {
      const Node* namesake = find_namesake(old, *node);
      if (namesake != nullptr) {
        tell(*namesake, "its id was " + hex(namesake->id()) + " and is " + hex(node->id()) +
                            ": write the old id behind its name in the schema");
      }
    } else {
      std::string wrong;
      for (const auto& version : old) {
        if (wrong.empty() && version->id() == node->id()) wrong = unseen_problem(*version, *node);
      }
      if (!wrong.empty()) {
        tell(*same, std::move(wrong));
        continue;
      }
    }
    try {
      load(*node);
    } catch (const kj::Exception& error) {
      tell(same == nullptr ? *node : *same, first_line(error) + ": change a type only by adding to it");
    }
  }
  return problems;
}

std::vector<SchemaProblem> missing_types(const std::vector<Blob>& before, const std::vector<Blob>& now) {
  std::vector<SchemaProblem> problems;
  const Nodes fresh = decode_all(now);
  for (const auto& node : decode_all(before)) {
    if (node->get().isStruct() && node->get().getStruct().getIsGroup()) continue;
    if (find(fresh, node->id()) != nullptr || find_namesake(fresh, *node) != nullptr) continue;
    problems.push_back({node->id(), node->title(), "it is gone: keep it as long as anybody speaks it"});
  }
  return problems;
}

std::vector<std::uint64_t> schema_ids(const std::vector<Blob>& nodes) {
  std::vector<std::uint64_t> ids;
  for (const auto& node : decode_all(nodes)) ids.push_back(node->id());
  return ids;
}

}  // namespace laban::codec
