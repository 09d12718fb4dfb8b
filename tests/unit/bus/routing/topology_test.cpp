// tests/unit/bus/routing/topology_test.cpp - exchanges, bindings and routing against a naive list of bindings.
#include "bus/routing/topology.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "bus/routing/headers_match.hpp"
#include "bus/routing/topic.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::routing;

namespace {

ExchangeSpec exchange(std::string name, std::string type, bool auto_delete = false, std::string alternate = {}) {
  ExchangeSpec spec;
  spec.name = std::move(name);
  spec.type = std::move(type);
  spec.auto_delete = auto_delete;
  spec.alternate = std::move(alternate);
  return spec;
}

QueueSpec queue(std::string name) {
  QueueSpec spec;
  spec.name = std::move(name);
  return spec;
}

BindingSpec to_queue(std::string from, std::string queue, std::string pattern, Headers arguments = {}) {
  return {std::move(from), std::move(queue), {}, std::move(pattern), std::move(arguments)};
}

BindingSpec to_exchange(std::string from, std::string to, std::string pattern) {
  return {std::move(from), {}, std::move(to), std::move(pattern), {}};
}

std::vector<std::string> routed(const Topology& topology, std::string_view from, std::string_view key,
                                const Headers& headers = {}) {
  std::vector<std::string> names;
  for (const QueueId id : topology.route(from, key, headers).queues) names.push_back(topology.queue(id)->name);
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

// The model said plainly: a list of exchanges and bindings, searched from front to back.
struct Naive {
  std::map<std::string, ExchangeSpec> exchanges;
  std::set<std::string> queues;
  std::vector<BindingSpec> bindings;

  static bool same(const BindingSpec& a, const BindingSpec& b) {
    return a.exchange == b.exchange && a.queue == b.queue && a.to_exchange == b.to_exchange && a.pattern == b.pattern &&
           a.arguments == b.arguments;
  }

  bool matches(const BindingSpec& binding, std::string_view key, const Headers& headers) const {
    const auto& type = exchanges.at(binding.exchange).type;
    if (type == "fanout") return true;
    if (type == "direct") return binding.pattern == key;
    if (type == "topic") return topic_matches(binding.pattern, key);
    bool any = false;
    std::size_t wanted = 0;
    std::size_t satisfied = 0;
    bool with_x = false;
    for (const auto& [name, value] : binding.arguments) {
      if (name != "x-match") continue;
      any = std::get<std::string>(value).starts_with("any");
      with_x = std::get<std::string>(value).ends_with("with-x");
    }
    for (const auto& [name, value] : binding.arguments) {
      if (name == "x-match" || (!with_x && name.starts_with("x-"))) continue;
      ++wanted;
      for (const auto& header : headers) {
        if (header.first != name) continue;
        satisfied += value.index() == 0 || value == header.second;
        break;
      }
    }
    return any ? satisfied > 0 : satisfied == wanted;
  }

  void visit(const std::string& name, std::string_view key, const Headers& headers, std::set<std::string>& seen,
             std::set<std::string>& reached) const {
    if (!exchanges.contains(name) || !seen.insert(name).second) return;
    bool any = false;
    if (name.empty() && queues.contains(std::string{key})) any = reached.insert(std::string{key}).second;
    for (const auto& binding : bindings) {
      if (binding.exchange != name || !matches(binding, key, headers)) continue;
      any = true;
      if (binding.queue.empty())
        visit(binding.to_exchange, key, headers, seen, reached);
      else
        reached.insert(binding.queue);
    }
    if (!any) visit_alternate(name, key, headers, seen, reached);
  }

  void visit_alternate(const std::string& name, std::string_view key, const Headers& headers,
                       std::set<std::string>& seen, std::set<std::string>& reached) const {
    const auto& alternate = exchanges.at(name).alternate;
    if (!alternate.empty()) visit(alternate, key, headers, seen, reached);
  }

  void drop_if_idle(const std::string& source) {
    const auto found = exchanges.find(source);
    if (found == exchanges.end() || !found->second.auto_delete) return;
    for (const auto& binding : bindings) {
      if (binding.exchange == source) return;
    }
    remove_exchange(source);
  }

  void remove_exchange(const std::string& name) {
    exchanges.erase(name);
    std::set<std::string> sources;
    std::erase_if(bindings, [&](const BindingSpec& b) {
      const bool gone = b.exchange == name || (b.queue.empty() && b.to_exchange == name);
      if (gone) sources.insert(b.exchange);
      return gone;
    });
    for (const auto& source : sources) drop_if_idle(source);
  }

  void remove_queue(const std::string& name) {
    queues.erase(name);
    std::set<std::string> sources;
    std::erase_if(bindings, [&](const BindingSpec& b) {
      if (b.queue == name) sources.insert(b.exchange);
      return b.queue == name;
    });
    for (const auto& source : sources) drop_if_idle(source);
  }
};

template <class T>
const T& pick(std::mt19937_64& random, const std::vector<T>& from) {
  return from[random() % from.size()];
}

Headers random_headers(std::mt19937_64& random, bool binding) {
  Headers headers;
  const std::vector<HeaderValue> values{
      std::string{"1"}, std::int64_t{1}, 1.0, true, std::monostate{}, std::vector<std::byte>{std::byte{1}},
      std::string{},    std::int64_t{2}};
  if (binding && random() % 4 != 0) {
    headers.emplace_back("x-match", pick<std::string>(random, {"all", "any", "all-with-x", "any-with-x"}));
  }
  for (std::size_t i = random() % 4; i > 0; --i) {
    headers.emplace_back(pick<std::string>(random, {"a", "b", "x-a", "c"}), pick(random, values));
  }
  // One value a name: what a binding means by two is said elsewhere.
  std::set<std::string> names;
  std::erase_if(headers, [&](const auto& h) { return !names.insert(h.first).second; });
  return headers;
}

Names naive_names(const Naive& naive, const std::string& from, const std::string& key, const Headers& headers) {
  std::set<std::string> seen;
  std::set<std::string> reached;
  naive.visit(from, key, headers, seen, reached);
  return {reached.begin(), reached.end()};
}

}  // namespace

TEST_CASE("topology: routes as a naive list of bindings does, through any life of the model (G73)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  const std::vector<std::string> exchange_names{"e1", "e2", "e3", "e4", "e5", "e6"};
  const std::vector<std::string> queue_names{"q1", "q2", "q3", "q4"};
  const std::vector<std::string> patterns{"", "a", "a.b", "*", "#", "a.*", "#.b", "*.#", "q1"};
  const std::vector<std::string> keys{"", "a", "a.b", "b", "a.b.c", "q1", "q2"};
  std::size_t reached_something = 0;
  for (int life = 0; life < 60; ++life) {
    Topology topology;
    const auto footprint = topology.footprint();
    Naive naive;
    for (const auto& name : topology.exchange_names()) naive.exchanges[name] = *topology.exchange(name);
    for (int step = 0; step < 150; ++step) {
      const auto action = random() % 12;
      const auto& name = pick(random, exchange_names);
      const auto& queue_name = pick(random, queue_names);
      if (action < 2) {
        auto spec = exchange(name, pick<std::string>(random, {"direct", "fanout", "topic", "headers"}),
                             random() % 3 == 0, random() % 3 == 0 ? pick(random, exchange_names) : std::string{});
        const auto outcome = topology.declare(spec);
        const auto there = naive.exchanges.find(name);
        if (there == naive.exchanges.end()) {
          REQUIRE(outcome.changed);
          naive.exchanges[name] = spec;
        } else {
          REQUIRE_FALSE(outcome.changed);
          REQUIRE(static_cast<bool>(outcome) == difference(there->second, spec).empty());
        }
      } else if (action < 4) {
        REQUIRE(topology.declare(queue(queue_name)).changed == naive.queues.insert(queue_name).second);
      } else if (action < 9) {
        const auto& from = random() % 5 == 0 ? std::string{"amq.topic"} : name;
        auto binding = random() % 3 == 0 ? to_exchange(from, pick(random, exchange_names), pick(random, patterns))
                                         : to_queue(from, queue_name, pick(random, patterns));
        const auto source = naive.exchanges.find(from);
        if (source != naive.exchanges.end() && source->second.type == "headers") {
          binding.arguments = random_headers(random, true);
        }
        const bool possible =
            source != naive.exchanges.end() && (binding.queue.empty() ? naive.exchanges.contains(binding.to_exchange)
                                                                      : naive.queues.contains(binding.queue));
        const bool there = std::any_of(naive.bindings.begin(), naive.bindings.end(),
                                       [&](const BindingSpec& b) { return Naive::same(b, binding); });
        const auto outcome = topology.bind(binding);
        REQUIRE(static_cast<bool>(outcome) == possible);
        REQUIRE(outcome.changed == (possible && !there));
        if (outcome.changed) naive.bindings.push_back(binding);
      } else if (action < 10 && !naive.bindings.empty()) {
        const auto binding = pick(random, naive.bindings);
        REQUIRE(topology.unbind(binding).changed);
        std::erase_if(naive.bindings, [&](const BindingSpec& b) { return Naive::same(b, binding); });
        naive.drop_if_idle(binding.exchange);
      } else if (action == 10 && random() % 3 == 0) {
        const bool there = naive.exchanges.contains(name);
        REQUIRE(topology.delete_exchange(name).changed == there);
        if (there) naive.remove_exchange(name);
      } else if (action == 11 && random() % 3 == 0) {
        const bool there = naive.queues.contains(queue_name);
        REQUIRE(topology.delete_queue(queue_name).changed == there);
        if (there) naive.remove_queue(queue_name);
      }
      REQUIRE(topology.binding_count() == naive.bindings.size());
      for (int look = 0; look < 4; ++look) {
        const auto from = random() % 6 == 0   ? std::string{}
                          : random() % 6 == 0 ? "amq.topic"
                                              : pick(random, exchange_names);
        const auto& key = pick(random, keys);
        const auto headers = random_headers(random, false);
        CAPTURE(from);
        CAPTURE(key);
        const auto expected = naive_names(naive, from, key, headers);
        REQUIRE(routed(topology, from, key, headers) == expected);
        const auto explained = topology.explain(from, key, headers);
        REQUIRE(explained.queues == expected);
        REQUIRE(explained.exchange_found == naive.exchanges.contains(from));
        REQUIRE(explained.unroutable == expected.empty());
        reached_something += !expected.empty();
      }
    }
    const auto again = Topology::restore(topology.snapshot());
    for (const auto& key : keys) {
      for (const auto& from : exchange_names)
        REQUIRE(again.route(from, key).queues == topology.route(from, key).queues);
    }
    REQUIRE(again.footprint() == topology.footprint());
    for (const auto& binding : topology.bindings()) REQUIRE(topology.unbind(binding));
    for (const auto& name : queue_names) topology.delete_queue(name);
    for (const auto& name : exchange_names) topology.delete_exchange(name);
    CHECK(topology.footprint() == footprint);
  }
  CHECK(reached_something > 1'000);
}

TEST_CASE("topology: the predeclared exchanges are there, refuse to go and refuse to change (G74)") {
  Topology topology;
  CHECK(topology.exchange_names() ==
        Names{"", "amq.direct", "amq.fanout", "amq.headers", "amq.topic", "laban.lost", "laban.parking"});
  CHECK(topology.delete_exchange("amq.topic").refused == RefusalKind::denied);
  CHECK(topology.declare(exchange("amq.topic", "topic")));
  CHECK(topology.declare(exchange("amq.topic", "direct")).refused == RefusalKind::different);
  CHECK(topology.declare(exchange("amq.mine", "direct")).refused == RefusalKind::denied);
  REQUIRE(topology.declare(queue("q")));
  CHECK(topology.bind(to_queue("", "q", "x")).refused == RefusalKind::denied);
  CHECK(routed(topology, "", "q") == Names{"q"});
  CHECK(topology.route("", "p").unroutable());
}

TEST_CASE("topology: declaring again is idempotent, declaring otherwise is refused with the difference (G74)") {
  Topology topology;
  const auto first = topology.declare(exchange("orders", "topic"));
  CHECK(first.changed);
  CHECK_FALSE(topology.declare(exchange("orders", "topic")).changed);
  auto other = exchange("orders", "direct");
  other.durable = false;
  const auto refused = topology.declare(other);
  CHECK(refused.refused == RefusalKind::different);
  CHECK(
      refused.message ==
      "exchange 'orders' is there already and differs: type is topic, not direct, durable is true, not false: declare "
      "it as it is, or delete it first");
  const auto made = topology.declare(queue("q"));
  CHECK(made.changed);
  CHECK(topology.declare(queue("q")).queue == made.queue);
  auto limited = queue("q");
  limited.messages_max = 10;
  limited.backoff = std::chrono::milliseconds{50};
  const auto differs = topology.declare(limited);
  CHECK(differs.refused == RefusalKind::different);
  CHECK(differs.message.find("most messages is 0, not 10, back-off is 0 ms, not 50 ms") != std::string::npos);
  auto passive = queue("none");
  passive.passive = true;
  CHECK(topology.declare(passive).refused == RefusalKind::not_found);
  passive.name = "q";
  CHECK(topology.declare(passive).queue == made.queue);
}

TEST_CASE("topology: names, types and settings that make no sense are refused in one line (G74)") {
  Topology topology;
  CHECK(topology.declare(exchange("e", "tpoic")).message ==
        "exchange 'e' has the unknown type 'tpoic': choose direct, fanout, topic or headers");
  CHECK(topology.declare(exchange(std::string(256, 'x'), "topic")).refused == RefusalKind::invalid);
  CHECK(topology.declare(exchange("a\nb", "topic")).refused == RefusalKind::invalid);
  CHECK(topology.declare(queue("")).refused == RefusalKind::invalid);
  CHECK(topology.declare(queue("\xC3\x28")).refused == RefusalKind::invalid);
  CHECK(topology.declare(queue("\xED\xA0\x80")).refused == RefusalKind::invalid);
  CHECK(topology.declare(queue("K\xC3\xB6ln")));
  auto bad = queue("q");
  bad.overflow = "drop";
  CHECK(topology.declare(bad).message == "queue 'q': overflow is 'drop': choose refuse or park");
  bad = queue("q");
  bad.message_ttl = std::chrono::milliseconds{-1};
  CHECK(topology.declare(bad).refused == RefusalKind::invalid);
  REQUIRE(topology.declare(queue("q")));
  CHECK(topology.bind(to_queue("amq.topic", "q", std::string(256, 'x'))).refused == RefusalKind::invalid);
  CHECK(topology.bind(to_queue("amq.topic", "", "x")).refused == RefusalKind::invalid);
  CHECK(topology.bind(to_queue("amq.headers", "q", "", {{"x-match", std::string{"some"}}})).refused ==
        RefusalKind::invalid);
  CHECK(topology.bind(to_queue("nowhere", "q", "x")).refused == RefusalKind::not_found);
  CHECK_FALSE(topology.unbind(to_queue("amq.topic", "q", "x")).changed);
}

TEST_CASE("topology: a queue's number is never used again, also after a restart (G73)") {
  Topology topology;
  const auto first = topology.declare(queue("a")).queue;
  topology.delete_queue("a");
  const auto second = topology.declare(queue("a")).queue;
  CHECK(second > first);
  topology.delete_queue("a");
  auto again = Topology::restore(topology.snapshot());
  CHECK(again.declare(queue("b")).queue > second);
}

TEST_CASE("topology: exchanges bound in a circle route each event once (G73)") {
  Topology topology;
  REQUIRE(topology.declare(exchange("a", "fanout")));
  REQUIRE(topology.declare(exchange("b", "fanout", false, "a")));
  REQUIRE(topology.declare(queue("q")));
  REQUIRE(topology.bind(to_exchange("a", "b", "")));
  CHECK(topology.route("a", "k").unroutable());  // b reaches nothing, its alternate a was visited
  REQUIRE(topology.bind(to_exchange("b", "a", "")));
  REQUIRE(topology.bind(to_exchange("a", "a", "")));
  REQUIRE(topology.bind(to_queue("a", "q", "1")));
  REQUIRE(topology.bind(to_queue("a", "q", "2")));
  REQUIRE(topology.bind(to_queue("b", "q", "3")));
  CHECK(routed(topology, "b", "k") == Names{"q"});
  const auto explained = topology.explain("b", "k");
  CHECK(std::any_of(explained.steps.begin(), explained.steps.end(), [](const auto& step) { return step.cut; }));
}

TEST_CASE("topology: what an exchange cannot place goes to its alternate exchange (G73)") {
  Topology topology;
  REQUIRE(topology.declare(exchange("orders", "direct", false, "unmatched")));
  REQUIRE(topology.declare(queue("q")));
  REQUIRE(topology.declare(queue("rest")));
  REQUIRE(topology.bind(to_queue("orders", "q", "known")));
  CHECK(topology.route("orders", "unknown").unroutable());
  REQUIRE(topology.declare(exchange("unmatched", "fanout")));
  REQUIRE(topology.bind(to_queue("unmatched", "rest", "")));
  const auto result = topology.route("orders", "unknown");
  CHECK(result.alternate);
  CHECK(result.queues == std::vector<QueueId>{topology.queue_id("rest")});
  CHECK_FALSE(topology.route("orders", "known").alternate);
  CHECK_FALSE(topology.route("nowhere", "known").exchange_found);
}

TEST_CASE("topology: an auto-delete exchange goes with its last binding, and takes the next with it (G73)") {
  Topology topology;
  REQUIRE(topology.declare(exchange("outer", "fanout", true)));
  REQUIRE(topology.declare(exchange("inner", "fanout", true)));
  REQUIRE(topology.declare(queue("q")));
  REQUIRE(topology.bind(to_exchange("outer", "inner", "")));
  REQUIRE(topology.bind(to_queue("inner", "q", "")));
  auto outcome = topology.delete_queue("q");
  std::sort(outcome.deleted_exchanges.begin(), outcome.deleted_exchanges.end());
  CHECK(outcome.deleted_exchanges == Names{"inner", "outer"});
  CHECK(topology.exchange("outer") == nullptr);
}

TEST_CASE("topology: a restart forgets what is not durable (G73)") {
  Topology topology;
  auto transient = exchange("t", "fanout");
  transient.durable = false;
  auto passing = queue("p");
  passing.durable = false;
  REQUIRE(topology.declare(transient));
  const auto id = topology.declare(passing).queue;
  REQUIRE(topology.declare(queue("stays")));
  REQUIRE(topology.bind(to_queue("t", "stays", "")));
  CHECK(topology.drop_transient() == std::vector<QueueId>{id});
  CHECK(topology.exchange("t") == nullptr);
  CHECK(topology.queue_names() == Names{"stays"});
  CHECK(topology.binding_count() == 0);
}

TEST_CASE("headers: values are compared with their types (G75)") {
  Topology topology;
  REQUIRE(topology.declare(queue("all")));
  REQUIRE(topology.declare(queue("any")));
  const Headers one{{"n", std::int64_t{1}}, {"s", std::string{"x"}}};
  Headers any = one;
  any.emplace_back("x-match", std::string{"any"});
  CHECK_FALSE(topology.needs_headers());
  REQUIRE(topology.bind(to_queue("amq.headers", "all", "", one)));
  REQUIRE(topology.bind(to_queue("amq.headers", "any", "", any)));
  CHECK(topology.needs_headers());
  CHECK(routed(topology, "amq.headers", "", one) == Names{"all", "any"});
  CHECK(routed(topology, "amq.headers", "", {{"n", std::int64_t{1}}}) == Names{"any"});
  CHECK(routed(topology, "amq.headers", "", {{"n", 1.0}}).empty());
  CHECK(routed(topology, "amq.headers", "", {{"n", std::string{"1"}}}).empty());
  CHECK(routed(topology, "amq.headers", "", {{"n", true}, {"s", std::string{"x"}}}) == Names{"any"});
}

TEST_CASE(
    "headers: a value of none asks for presence, x- names count only with-x, no wish means all or nothing (G75)") {
  const auto matches = [](Headers arguments, const Headers& headers) {
    return HeadersMatch{arguments}.matches(headers);
  };
  CHECK(matches({{"a", std::monostate{}}}, {{"a", false}}));
  CHECK_FALSE(matches({{"a", std::monostate{}}}, {{"b", false}}));
  CHECK(matches({{"x-a", std::string{"1"}}}, {}));
  CHECK_FALSE(matches({{"x-match", std::string{"all-with-x"}}, {"x-a", std::string{"1"}}}, {}));
  CHECK(matches({{"x-match", std::string{"any-with-x"}}, {"x-a", std::string{"1"}}}, {{"x-a", std::string{"1"}}}));
  CHECK_FALSE(matches({{"x-match", std::string{"any"}}, {"x-a", std::string{"1"}}}, {{"x-a", std::string{"1"}}}));
  CHECK(matches({}, {}));
  CHECK_FALSE(matches({{"x-match", std::string{"any"}}}, {{"a", true}}));
  CHECK_FALSE(matches({{"a", true}}, {{"a", false}, {"a", true}}));  // of two the first counts
}

TEST_CASE("explain: says which exchanges and bindings were tried and why (G76)") {
  Topology topology;
  REQUIRE(topology.declare(queue("q")));
  REQUIRE(topology.declare(queue("p")));
  REQUIRE(topology.declare(exchange("by.header", "headers")));
  REQUIRE(topology.bind(to_queue("amq.topic", "q", "order.*")));
  REQUIRE(topology.bind(to_queue("amq.topic", "p", "payment.#")));
  REQUIRE(topology.bind(to_exchange("amq.topic", "by.header", "#")));
  REQUIRE(topology.bind(to_queue("by.header", "p", "", {{"vip", true}})));
  const auto told = topology.explain("amq.topic", "order.placed", {{"vip", false}});
  CHECK(told.queues == Names{"q"});
  REQUIRE(told.steps.size() == 2);
  REQUIRE(told.steps[0].tried.size() == 3);
  CHECK(told.steps[0].reached_by == "published");
  CHECK(told.steps[0].tried[2].destination == "p");
  CHECK_FALSE(told.steps[0].tried[2].matched);
  CHECK(told.steps[1].reached_by == "binding from amq.topic");
  CHECK(told.steps[1].tried[0].why == "header vip is false, wanted true");
  CHECK(topology.explain("amq.topic", "order.placed", {}, 0).steps[0].left_out == 1);
}

TEST_CASE("lints: find bindings that cannot match and exchanges that are not there (G76)") {
  Topology topology;
  auto spec = queue("q");
  spec.dead_letter_exchange = "no.such";
  REQUIRE(topology.declare(spec));
  REQUIRE(topology.declare(exchange("lonely", "topic")));
  REQUIRE(topology.declare(exchange("lost", "direct", false, "missing")));
  REQUIRE(topology.bind(to_queue("amq.topic", "q", "order*")));
  REQUIRE(topology.bind(to_queue("amq.topic", "q", "a.#.#")));
  REQUIRE(topology.bind(to_queue("amq.topic", "q", "a.#")));
  REQUIRE(topology.bind(to_queue("amq.direct", "q", "a.*")));
  REQUIRE(topology.bind(to_queue("amq.headers", "q", "", {{"a", true}, {"a", false}})));
  REQUIRE(topology.bind(to_queue("amq.headers", "q", "", {{"x-match", std::string{"any"}}})));
  std::multiset<std::string> codes;
  for (const auto& lint : topology.lints()) codes.insert(lint.code);
  CHECK(codes == std::multiset<std::string>{"alternate-missing", "binding-literal-wildcard", "binding-literal-wildcard",
                                            "binding-never-matches", "binding-never-matches", "binding-redundant",
                                            "dead-letter-missing", "exchange-reaches-nothing"});
}

TEST_CASE("topology: limits have numbers (G74)") {
  Topology topology{Limits{.exchanges = 8, .queues = 1, .bindings = 1}};
  REQUIRE(topology.declare(exchange("e", "topic")));
  CHECK(topology.declare(exchange("f", "topic")).refused == RefusalKind::limit);
  REQUIRE(topology.declare(queue("q")));
  CHECK(topology.declare(queue("p")).refused == RefusalKind::limit);
  REQUIRE(topology.bind(to_queue("e", "q", "a")));
  CHECK(topology.bind(to_queue("e", "q", "a")));
  CHECK(topology.bind(to_queue("e", "q", "b")).refused == RefusalKind::limit);
}
