// bus/routing/topology_state.hpp - what a Topology holds; shared by its sources, not for other rooms.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "bus/routing/exchange_table.hpp"
#include "bus/routing/string_map.hpp"
#include "bus/routing/topology.hpp"

namespace laban::routing {

struct Topology::Impl {
  struct Exchange {
    Exchange(ExchangeSpec s, ExchangeKind k, bool p) : spec(std::move(s)), kind(k), predeclared(p), table(k) {}
    ExchangeSpec spec;
    ExchangeKind kind;
    bool predeclared;
    ExchangeTable table;
    std::vector<std::uint32_t> outgoing;  // numbers of bindings from here
    std::vector<std::uint32_t> incoming;  // numbers of bindings from other exchanges to here
    std::uint64_t seen = 0;               // the last route that came by
  };
  struct Queue {
    QueueSpec spec;
    std::vector<std::uint32_t> bindings;
  };

  explicit Impl(Limits l);

  std::uint32_t add_exchange(ExchangeSpec spec, ExchangeKind kind, bool predeclared);
  void remove_exchange(std::uint32_t id, std::vector<std::string>& deleted);
  void remove_binding(std::uint32_t id, std::vector<std::string>& deleted);
  void delete_idle(std::vector<std::uint32_t> idle, std::vector<std::string>& deleted);
  std::vector<std::uint32_t>& bindings_at(Destination destination);
  // What a binding names; an Outcome that refuses where something is missing.
  Outcome resolve(const BindingSpec& spec, std::uint32_t& source, Destination& destination) const;
  std::string identity(const BindingSpec& spec, std::uint32_t source, Destination destination) const;
  BindingSpec spec_of(const Binding& binding) const;
  std::string name_of(Destination destination) const;
  const Exchange* find_exchange(std::string_view name) const;
  void work(std::uint32_t exchange, RouteResult& result, std::string_view key, const Headers& headers);

  Limits limits;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  std::vector<std::uint32_t> free_exchanges;
  StringMap<std::uint32_t> exchange_ids;
  absl::flat_hash_map<QueueId, std::unique_ptr<Queue>> queues;
  StringMap<QueueId> queue_ids;
  std::vector<std::unique_ptr<Binding>> bindings;
  std::vector<std::uint32_t> free_bindings;
  StringMap<std::uint32_t> binding_ids;  // by identity
  QueueId next_queue = 1;
  std::size_t headers_bindings = 0;
  std::uint64_t generation = 0;
  std::uint64_t route_stamp = 0;
  std::vector<std::uint32_t> todo;
  std::vector<Destination> matched;
};

bool is_exchange(Destination destination);
Outcome refuse(RefusalKind kind, std::string message);
std::string in_quotes(std::string_view name);
// What is wrong with a name, if anything: empty, over 255 bytes, control characters, not UTF-8.
std::string name_problem(std::string_view what, std::string_view name);
bool kind_from(std::string_view type, ExchangeKind& kind);
ExchangeSpec normal(ExchangeSpec spec);
QueueSpec normal(QueueSpec spec);

}  // namespace laban::routing
