// bus/routing/topology.hpp - exchanges, bindings and the names of queues: where an event goes, and why.
//
// A fold: the same declares, binds and deletes in the same order give the same state and the same queue numbers, so the
// hub logs what `changed` and applies it again at restart through the same functions. No I/O, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "laban/model.hpp"

namespace laban::routing {

using QueueId = std::uint32_t;  // dense from 1, never used again for another queue of this log

inline constexpr std::string_view lost_exchange = "laban.lost";
inline constexpr std::string_view parking_exchange = "laban.parking";

enum class RefusalKind : std::uint8_t {
  none,
  not_found,  // exchange, queue or binding (protocol: notFound)
  different,  // declared otherwise before; the text names the difference (different)
  invalid,    // a name, pattern or argument that makes no sense (invalidAddress)
  denied,     // predeclared or reserved (denied)
  in_use,     // delete with if_unused or if_empty (denied)
  limit,      // one of the Limits below (limit)
};

// The answer to every change of the model.
struct Outcome {
  RefusalKind refused = RefusalKind::none;
  std::string message;                         // why it was refused and what to do
  bool changed = false;                        // false: it was so before (declares and binds are idempotent)
  QueueId queue = 0;                           // of declare and delete of a queue
  std::vector<std::string> deleted_exchanges;  // auto-delete exchanges that lost their last binding by this

  explicit operator bool() const { return refused == RefusalKind::none; }
};

struct Limits {
  std::size_t exchanges = 65'536;
  std::size_t queues = 1'048'576;
  std::size_t bindings = 4'194'304;
};

struct RouteResult {
  std::vector<QueueId> queues;  // ascending, each once
  bool exchange_found = true;
  bool alternate = false;  // an alternate exchange took part
  bool unroutable() const { return queues.empty(); }
};

// Where an event goes, told step by step. Made for people and tools, not for the hot path.
struct Explanation {
  struct Tried {
    std::string pattern;
    std::string arguments;  // of a headers binding, as text
    std::string destination;
    bool to_exchange = false;
    bool matched = false;
    std::string why;
  };
  struct Step {
    std::string exchange;
    std::string type;
    std::string reached_by;  // "published", "binding from X", "alternate of X"
    bool cut = false;        // visited before: a cycle or a second way here
    std::vector<Tried> tried;
    std::size_t left_out = 0;  // bindings that did not match and were not listed (more than `tried_max`)
  };
  std::vector<Step> steps;
  std::vector<std::string> queues;
  bool exchange_found = true;
  bool unroutable = false;
};

struct Lint {
  std::string code;     // binding-never-matches, binding-literal-wildcard, binding-redundant, alternate-missing,
                        // dead-letter-missing, exchange-reaches-nothing
  std::string subject;  // the exchange or queue
  std::string message;
};

// Everything of a Topology, in a stable order.
struct TopologySnapshot {
  struct Queue {
    QueueId id = 0;
    QueueSpec spec;
  };
  std::vector<ExchangeSpec> exchanges;  // without the predeclared ones
  std::vector<Queue> queues;
  std::vector<BindingSpec> bindings;
  QueueId next_queue = 1;
};

// Threads: one thread at a time, `route` included (it reuses scratch memory).
// Errors:  a refusal is an Outcome; nothing throws but restore(), Error(malformed).
class Topology {
 public:
  explicit Topology(Limits limits = {});
  ~Topology();
  Topology(Topology&&) noexcept;
  Topology& operator=(Topology&&) noexcept;

  Outcome declare(const ExchangeSpec& spec);  // passive: only asks
  Outcome declare(const QueueSpec& spec);
  Outcome bind(const BindingSpec& binding);
  Outcome unbind(const BindingSpec& binding);
  Outcome delete_exchange(std::string_view name, bool if_unused = false);
  Outcome delete_queue(std::string_view name);

  // Forgets what is not durable, as a restart does. Returns the queues that went.
  std::vector<QueueId> drop_transient();

  // Headers matter only where needs_headers() says so; the hub need not decode them otherwise.
  bool needs_headers() const;
  void route(std::string_view exchange, std::string_view key, const Headers& headers, RouteResult& result) const;
  RouteResult route(std::string_view exchange, std::string_view key, const Headers& headers = {}) const {
    RouteResult result;
    route(exchange, key, headers, result);
    return result;
  }
  Explanation explain(std::string_view exchange, std::string_view key, const Headers& headers = {},
                      std::size_t tried_max = 1000) const;
  std::vector<Lint> lints() const;

  // Null or 0 where there is none.
  const ExchangeSpec* exchange(std::string_view name) const;
  const QueueSpec* queue(std::string_view name) const;
  const QueueSpec* queue(QueueId id) const;
  QueueId queue_id(std::string_view name) const;

  std::vector<std::string> exchange_names() const;  // sorted
  std::vector<std::string> queue_names() const;     // sorted
  std::vector<BindingSpec> bindings() const;        // sorted; without the default exchange's implied ones
  std::vector<BindingSpec> bindings_of_exchange(std::string_view name) const;
  std::vector<BindingSpec> bindings_of_queue(std::string_view name) const;
  std::size_t binding_count() const;
  std::uint64_t generation() const;  // grows with each change

  // For leak checks: trie nodes, words and table entries over all exchanges.
  std::size_t footprint() const;

  TopologySnapshot snapshot() const;
  static Topology restore(const TopologySnapshot& snapshot, Limits limits = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What is wrong with a queue's settings, if anything; and how two declarations differ ("durable is true, not false").
std::string queue_problem(const QueueSpec& spec);
std::string difference(const ExchangeSpec& there, const ExchangeSpec& asked);
std::string difference(const QueueSpec& there, const QueueSpec& asked);

}  // namespace laban::routing
