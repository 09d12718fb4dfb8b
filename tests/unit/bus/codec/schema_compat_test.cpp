// tests/unit/bus/codec/schema_compat_test.cpp - pairs of schemas: what Cap'n Proto's rules allow and what they do not.
#include "bus/codec/schema_compat.hpp"

#include <capnp/schema-parser.h>
#include <doctest/doctest.h>
#include <kj/filesystem.h>

#include <string>

#include "bus/codec/schema_nodes.hpp"
#include "tests/support/seed.hpp"

using namespace laban::codec;

namespace {

using Nodes = std::vector<std::vector<std::byte>>;

// Everything in the text of a schema file.
Nodes nodes_of(const std::string& text) {
  const auto directory = kj::newInMemoryDirectory(kj::nullClock());
  const std::string annotations = "@0xb6ea6d8ffb3b5d52;\nannotation topic @0xd7f2b1a3c6e04f11 (struct) :Text;\n";
  const auto write = [&](const char* name, const std::string& content) {
    directory->openFile(kj::Path(name), kj::WriteMode::CREATE)
        ->writeAll(kj::StringPtr{content.c_str(), content.size()});
  };
  write("a.capnp", "@0xb312981b2552a250;\nusing L = import \"annotations.capnp\";\n" + text);
  write("annotations.capnp", annotations);
  capnp::SchemaParser parser;
  Nodes nodes;
  for (const auto type : parser.parseFromDirectory(*directory, kj::Path("a.capnp"), nullptr).getAllNested()) {
    if (type.getProto().isStruct()) {
      for (auto& node : schema_nodes(type.asStruct())) nodes.push_back(std::move(node));
    } else if (type.getProto().isEnum()) {
      nodes.push_back(schema_node(type));
    }
  }
  return nodes;
}

std::vector<SchemaProblem> compare(const std::string& before, const std::string& now) {
  const auto old = nodes_of(before);
  const auto fresh = nodes_of(now);
  return schema_problems({old.begin(), old.end()}, {fresh.begin(), fresh.end()});
}

std::string order(const std::string& fields) {
  return "struct Order @0xd7f2b1a3c6e04f99 $L.topic(\"order.placed\") {\n" + fields + "\n}\n";
}

struct Pair {
  std::string what;
  std::string before;
  std::string now;
};

}  // namespace

TEST_CASE("schemas: what the documented rules allow is compatible, whichever of the two is older (G206)") {
  const Pair pairs[] = {
      {"the same", order("a @0 :Text; b @1 :Int64;"), order("a @0 :Text; b @1 :Int64;")},
      {"a field at the end", order("a @0 :Text;"), order("a @0 :Text; b @1 :List(Int8);")},
      {"a field renamed", order("a @0 :Text;"), order("amount @0 :Text;")},
      {"a union at the end", order("a @0 :Text;"), order("a @0 :Text; union { b @1 :Void; c @2 :Text; }")},
      {"an enumerant at the end", "enum E @0xd7f2b1a3c6e04f98 { a @0; b @1; }",
       "enum E @0xd7f2b1a3c6e04f98 { a @0; b @1; c @2; }"},
      {"an enumerant renamed", "enum E @0xd7f2b1a3c6e04f98 { a @0; b @1; }",
       "enum E @0xd7f2b1a3c6e04f98 { a @0; x @1; }"},
      {"a list of numbers becomes a list of structs", order("a @0 :List(Int32);"),
       "struct I @0xd7f2b1a3c6e04f97 { v @0 :Int32; }\n" + order("a @0 :List(I);")},
      {"text becomes data", order("a @0 :Text;"), order("a @0 :Data;")},
      {"a plain type becomes generic", "struct Box @0xd7f2b1a3c6e04f96 { v @0 :Text; }",
       "struct Box @0xd7f2b1a3c6e04f96 (T) { v @0 :T; }"},
  };
  for (const auto& [what, before, now] : pairs) {
    CAPTURE(what);
    const auto forth = compare(before, now);
    CHECK_MESSAGE(forth.empty(), (forth.empty() ? "" : forth[0].what));
    const auto back = compare(now, before);
    CHECK_MESSAGE(back.empty(), (back.empty() ? "" : back[0].what));
  }
}

TEST_CASE("schemas: what breaks readers is told with the type, also what Cap'n Proto's own loader passes (G206)") {
  const Pair pairs[] = {
      {"another type", order("a @0 :Int64;"), order("a @0 :Int32;")},
      {"another kind", order("a @0 :Text;"), order("a @0 :Int64;")},
      {"fields exchanged", order("a @0 :Text; b @1 :Text;"), order("b @0 :Text; a @1 :Text;")},
      {"a field put between", order("a @0 :Text; b @1 :Text;"), order("a @0 :Text; x @1 :Text; b @2 :Text;")},
      {"another default", order("a @0 :Int64 = 3;"), order("a @0 :Int64 = 4;")},
      {"a list of flags becomes another list", order("a @0 :List(Bool);"), order("a @0 :List(Int8);")},
      {"another list becomes a list of flags", order("a @0 :List(UInt16);"), order("a @0 :List(Bool);")},
      {"lists of lists of flags", order("a @0 :List(List(Bool));"), order("a @0 :List(List(Int8));")},
      {"another type id", order("a @0 :Text;"),
       "struct Order @0xd7f2b1a3c6e04f95 $L.topic(\"order.placed\") { a @0 :Text; }"},
      {"another topic", order("a @0 :Text;"),
       "struct Order @0xd7f2b1a3c6e04f99 $L.topic(\"order.made\") { a @0 :Text; }"},
      {"enumerants exchanged", "enum E @0xd7f2b1a3c6e04f98 { a @0; b @1; }",
       "enum E @0xd7f2b1a3c6e04f98 { b @0; a @1; }"},
      {"an enumerant put between", "enum E @0xd7f2b1a3c6e04f98 { a @0; b @1; }",
       "enum E @0xd7f2b1a3c6e04f98 { a @0; x @1; b @2; }"},
      {"deep inside", "struct I @0xd7f2b1a3c6e04f97 { v @0 :Int32; }\n" + order("a @0 :I;"),
       "struct I @0xd7f2b1a3c6e04f97 { v @0 :Int64; }\n" + order("a @0 :I;")},
      {"one field more and another less", order("a @0 :Text; b @1 :Int64;"),
       order("a @0 :Text; g :group { c @1 :Text; }")},
  };
  for (const auto& [what, before, now] : pairs) {
    CAPTURE(what);
    const auto problems = compare(before, now);
    REQUIRE_FALSE(problems.empty());
    CHECK(problems[0].what.find(": ") != std::string::npos);
  }
  CHECK(compare(order("a @0 :Int64;"), order("a @0 :Int32;"))[0].type == "order.placed (Order)");
}

TEST_CASE("schemas: fields added at random keep every pair of versions compatible, one changed type never (G206)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  const std::vector<std::string> types{"Text", "Data", "Int64", "UInt8", "Float64", "Bool", "List(Text)", "List(Bool)"};
  for (int round = 0; round < 50; ++round) {
    std::string fields;
    std::vector<std::string> versions;
    std::vector<std::string> chosen;
    const auto count = 1 + random() % 8;
    for (std::size_t i = 0; i < count; ++i) {
      chosen.push_back(types[random() % types.size()]);
      fields += "f" + std::to_string(i) + " @" + std::to_string(i) + " :" + chosen.back() + ";\n";
      versions.push_back(order(fields));
    }
    const auto& a = versions[random() % versions.size()];
    const auto& b = versions[random() % versions.size()];
    CAPTURE(a);
    CAPTURE(b);
    CHECK(compare(a, b).empty());
    const auto at = random() % count;
    std::string other = chosen[at] == "Int64" ? "Float32" : "Int16";
    std::string changed;
    for (std::size_t i = 0; i < count; ++i) {
      changed += "f" + std::to_string(i) + " @" + std::to_string(i) + " :" + (i == at ? other : chosen[i]) + ";\n";
    }
    CAPTURE(changed);
    CHECK_FALSE(compare(versions.back(), order(changed)).empty());
  }
}

TEST_CASE("schemas: bytes that are no node are a problem and no crash (G206)") {
  const auto good = nodes_of(order("a @0 :Text;"));
  for (std::size_t at = 0; at < good[0].size(); ++at) {
    auto bytes = good[0];
    bytes[at] ^= std::byte{0x41};
    (void)schema_problems({good[0]}, {bytes});
    (void)schema_problems({bytes}, {good[0]});
    (void)missing_types({bytes}, {good[0]});
  }
  const std::vector<std::byte> odd(13);
  CHECK(schema_problems({}, {odd}).size() == 1);
}
