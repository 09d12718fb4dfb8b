// tests/unit/bus/routing/broker_vectors_test.cpp - what other brokers' own test suites say of patterns and keys, as a table of
// facts. Each pair of a table is checked, also those that must not match: a broker's test names all that does.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "bus/routing/topic.hpp"

using namespace laban::routing;

namespace {

using Lines = std::vector<std::string>;

// One life of an exchange: these patterns are bound, and each key reaches just those of the numbers (from 1) behind it.
struct Suite {
  std::string source;
  Lines patterns;
  struct Key {
    std::string key;
    std::set<std::uint32_t> reaches;
  };
  std::vector<Key> keys;
};

// rabbitmq/rabbitmq-server deps/rabbit/test, topic matching: 26 bindings, each key against all of them.
const Suite rabbitmq{"rabbitmq-server, topic_matching",
                     {"a.b.c",         "a.*.c", "a.#.b", "a.b.b.c", "#",     "#.#",   "#.b", "*.*",  "a.*",
                      "*.b.c",         "a.#",   "a.#.#", "b.b.c",   "a.b.b", "a.b",   "b.c", "",     "*.*.*",
                      "vodka.martini", "a.b.c", "*.#",   "#.*.#",   "*.#.#", "#.#.#", "*",   "#.b.#"},
                     {{"a.b.c", {1, 2, 5, 6, 10, 11, 12, 18, 20, 21, 22, 23, 24, 26}},
                      {"a.b", {3, 5, 6, 7, 8, 9, 11, 12, 15, 21, 22, 23, 24, 26}},
                      {"a.b.b", {3, 5, 6, 7, 11, 12, 14, 18, 21, 22, 23, 24, 26}},
                      {"", {5, 6, 17, 24}},
                      {"b.c.c", {5, 6, 18, 21, 22, 23, 24, 26}},
                      {"a.a.a.a.a", {5, 6, 11, 12, 21, 22, 23, 24}},
                      {"vodka.gin", {5, 6, 8, 21, 22, 23, 24}},
                      {"vodka.martini", {5, 6, 8, 19, 21, 22, 23, 24}},
                      {"b.b.c", {5, 6, 10, 13, 18, 21, 22, 23, 24, 26}},
                      {"nothing.here.at.all", {5, 6, 21, 22, 23, 24}},
                      {"oneword", {5, 6, 21, 22, 23, 24, 25}},
                      {"args-test", {5, 6, 21, 22, 23, 24, 25}}}};

// apache/activemq-artemis tests/unit-tests, AddressMapUnitTest and AddressImplTest, test by test.
const std::vector<Suite> artemis{
    {"artemis, testA", {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.*"}, {{"a.b.c", {}}}},
    {"artemis, testB and testO", {"a.b.c.*"}, {{"a.b.c.d", {1}}, {"a.b.x.e", {}}}},
    {"artemis, testC", {"a.b.*.d"}, {{"a.b.c.d", {1}}, {"a.b.c.x", {}}}},
    {"artemis, testD", {"a.b.*.d.*"}, {{"a.b.c.d.e", {1}}, {"a.b.c.x.e", {}}}},
    {"artemis, testE", {"a.b.*.d.*.f"}, {{"a.b.c.d.e.f", {1}}, {"a.b.c.x.e.f", {}}}},
    {"artemis, testF to testJ",
     {"#", "a.#", "#.b.#", "a.#.b.#", "a.#.c.d.e.f"},
     {{"a.b.c.d.e.f", {1, 2, 3, 4, 5}}, {"a.b.c.x.e.f", {1, 2, 3, 4}}}},
    {"artemis, testK and testL", {"a.#.c.d.e.*", "a.#.c.d.*.f"}, {{"a.b.c.d.e.f", {1, 2}}, {"a.b.c.d.e.x", {1}}}},
    {"artemis, testM", {"a.b.c.#"}, {{"a.b.c", {1}}, {"a.b.x.e", {}}}},
    {"artemis, testN", {"*.stock.#"}, {{"usd.stock", {1}}, {"a.b.x.e", {}}}},
    {"artemis, testP to testU", {"a.b.c#", "#a.b.c", "#*a.b.c", "a.b.c*", "*a.b.c"}, {{"a.b.c.d", {}}}},
    {"artemis, testV", {"a.b.#.d"}, {{"a.b.d", {1}}, {"a.b.b.b.b.d", {1}}}},
    {"artemis, testHashNMatch", {"a.#.f"}, {{"a.b.c.f", {1}}, {"a.c.f", {1}}}},
    {"artemis, testEndHash", {"a.b.#"}, {{"a.b", {1}}, {"a.c.f", {}}, {"a.b.c", {1}}}},
    {"artemis, testHashEndInMap", {"a.b.#", "a.b.c"}, {{"a.b", {1}}}},
    {"artemis, testHashAGet and testHashA",
     {"#.a"},
     {{"a", {1}}, {"a.b", {}}, {"d.f.c.a", {1}}, {"a.b.c.a", {1}}, {"a.b.c", {}}, {"a.b.c.a.d", {}}}},
    {"artemis, testAHashA", {"a.#.a"}, {{"a.b.c.a", {1}}, {"a.a", {1}}, {"a", {}}}},
    {"artemis, testStarOne", {"*"}, {{"a", {1}}, {"a.b", {}}}},
    {"artemis, testHashOne", {"#"}, {{"a", {1}}, {"a.b", {1}}, {"a.b.c", {1}}}},
    {"artemis, testStar", {"*", "a.b"}, {{"a", {1}}}},
    {"artemis, testSomeAndAny", {"test.*.some.#", "test.1.some.la"}, {{"test.1.some.la", {1, 2}}}},
    {"artemis, testAnyAndSome", {"test.#.some.*", "test.1.some.la"}, {{"test.1.some.la", {1, 2}}}},
    {"artemis, testAnyAndSomeInMap",
     {"test.#.some.#", "test.*.some.*", "test.#.A.*", "test.1.#.T", "test.a.b.some"},
     {{"test.a.b.some", {1, 5}}}},
    {"artemis, testHashAandHashB",
     {"test.#.aaa.#", "test.#.bbb.#"},
     {{"test.aaa.bbb", {1, 2}}, {"test.bbb.aaa", {1, 2}}, {"test.bbb.aaa.ccc", {1, 2}}, {"test.aaa.bbb.ccc", {1, 2}}}},
    {"artemis, testHashNoHashNo and testHashNoHashHashNo",
     {"test.#.0.#.168", "test.#.0.#", "test.0.#"},
     {{"test.0.168", {1, 2, 3}}}},
    {"artemis, testHashNoHashNoWithNMatch",
     {"t.#.0.#", "t.#.1.#", "t.#.2.#", "t.#.3.#", "t.#.1.2.3", "t.0.1.2.3"},
     {{"t.0.1.2.3", {1, 2, 3, 4, 5, 6}}}},
    {"artemis, testSomeMoreHashPlacement",
     {"t.#.0.#", "t.0.1.#", "t.0.1.2.#", "t.0.1.#.2.3", "t.*.#.1.2.3"},
     {{"t.0.1.2.3", {1, 2, 3, 4, 5}}, {"t.0.1.2.3.4", {1, 2, 3}}}},
    {"artemis, testManyEntries",
     {"test.#", "test.*", "test.1", "test.*.*", "test.b.*"},
     {{"test.1", {1, 2, 3}}, {"test.0", {1, 2}}, {"test.a.0", {1, 4}}, {"test.b.c", {1, 4, 5}}}},
    {"artemis, testMax", {"test.#.a", "test.*.a", "*.a", "#.a"}, {{"test.a", {1, 3, 4}}, {"test.a.a", {1, 2, 4}}}},
};

// apache/qpid-broker-j broker-core, TopicExchangeTest.
const std::vector<Suite> qpid{
    {"qpid, testNoRoute", {"*.stock.#"}, {{"stock.nasdaq", {}}, {"usd.stock", {1}}, {"eur.stock.db", {1}}}},
    {"qpid, testDirectMatch", {"a.b"}, {{"a.b", {1}}, {"a.c", {}}}},
    {"qpid, testStarMatch", {"a.*"}, {{"a.b", {1}}, {"a.bb", {1}}, {"a.b.c", {}}, {"a", {}}}},
    {"qpid, testHashMatch", {"a.#"}, {{"a.b", {1}}, {"a.bb", {1}}, {"a.b.c", {1}}, {"a", {1}}, {"b", {}}}},
    {"qpid, testMidHash", {"a.*.#.b"}, {{"a.c.d.b", {1}}, {"a.c.d.d.b", {1}}, {"a.c.b", {1}}}},
    {"qpid, testMatchAfterHash",
     {"a.*.#.b.c"},
     {{"a.c.b.b", {}}, {"a.a.b.c", {1}}, {"a.b.c.b", {}}, {"a.b.c.b.c", {1}}}},
    {"qpid, testHashAfterHash", {"a.*.#.b.c.#.d"}, {{"a.c.b.b.c", {}}, {"a.a.b.c.d", {1}}}},
    {"qpid, testHashHash", {"a.#.*.#.d"}, {{"a.c.b.b.c", {}}, {"a.a.b.c.d", {1}}}},
    {"qpid, testSubMatchFails", {"a.b.c.d"}, {{"a.b.c", {}}}},
    {"qpid, testRouteToManyQueues", {"a.b", "a.*"}, {{"a.b", {1, 2}}, {"a.c", {2}}}},
};

std::set<std::uint32_t> found_in(const TopicTrie& trie, const std::string& key) {
  std::set<std::uint32_t> found;
  trie.match(key, [&](std::uint32_t value) { return found.insert(value), true; });
  return found;
}

std::size_t check(const Suite& suite) {
  CAPTURE(suite.source);
  TopicTrie trie;
  for (std::uint32_t i = 0; i < suite.patterns.size(); ++i) REQUIRE(trie.insert(suite.patterns[i], i + 1));
  std::size_t pairs = 0;
  for (const auto& [key, reaches] : suite.keys) {
    CAPTURE(key);
    CHECK(found_in(trie, key) == reaches);
    for (std::uint32_t i = 0; i < suite.patterns.size(); ++i, ++pairs) {
      const auto& pattern = suite.patterns[i];
      CAPTURE(pattern);
      CHECK(topic_matches(pattern, key) == reaches.contains(i + 1));
      CHECK(TopicSet{{pattern}}.matches(key) == reaches.contains(i + 1));
    }
  }
  return pairs;
}

}  // namespace

TEST_CASE("topic: the vectors of RabbitMQ's, Artemis' and Qpid's own tests agree (G70)") {
  std::size_t pairs = check(rabbitmq);
  for (const auto& suite : artemis) pairs += check(suite);
  for (const auto& suite : qpid) pairs += check(suite);
  MESSAGE(pairs << " pairs of a pattern and a key");
}

// rabbitmq-server's test takes bindings away one life later, and looks at the same keys again.
TEST_CASE("topic: RabbitMQ's vectors agree after any of its bindings has gone (G71)") {
  for (std::uint32_t gone = 1; gone <= rabbitmq.patterns.size(); ++gone) {
    CAPTURE(gone);
    TopicTrie trie;
    for (std::uint32_t i = 0; i < rabbitmq.patterns.size(); ++i) REQUIRE(trie.insert(rabbitmq.patterns[i], i + 1));
    REQUIRE(trie.erase(rabbitmq.patterns[gone - 1], gone));
    for (auto [key, reaches] : rabbitmq.keys) {
      CAPTURE(key);
      reaches.erase(gone);
      CHECK(found_in(trie, key) == reaches);
    }
  }
}
