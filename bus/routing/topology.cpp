// bus/routing/topology.cpp - declaring, binding and routing.
#include "bus/routing/topology.hpp"

#include <algorithm>
#include <tuple>

#include "bus/routing/topology_state.hpp"
#include "laban/error.hpp"

namespace laban::routing {
namespace {

// Takes an element out of a list whose elements know their place in it.
template <class Place>
void take_out(std::vector<std::uint32_t>& list, std::uint32_t at, Place&& place_of) {
  list[at] = list.back();
  place_of(list[at]) = at;
  list.pop_back();
}

}  // namespace

Topology::Impl::Impl(Limits l) : limits(l) {
  const auto predeclare = [this](std::string_view name, std::string_view type) {
    ExchangeSpec spec;
    spec.name = name;
    spec.type = type;
    ExchangeKind kind{};
    kind_from(type, kind);
    add_exchange(spec, kind, true);
  };
  predeclare("", "direct");
  predeclare("amq.direct", "direct");
  predeclare("amq.fanout", "fanout");
  predeclare("amq.topic", "topic");
  predeclare("amq.headers", "headers");
  predeclare(lost_exchange, "topic");
  predeclare(parking_exchange, "topic");
}

std::uint32_t Topology::Impl::add_exchange(ExchangeSpec spec, ExchangeKind kind, bool predeclared) {
  std::uint32_t id;
  if (free_exchanges.empty()) {
    id = static_cast<std::uint32_t>(exchanges.size());
    exchanges.emplace_back();
  } else {
    id = free_exchanges.back();
    free_exchanges.pop_back();
  }
  exchange_ids[spec.name] = id;
  exchanges[id] = std::make_unique<Exchange>(std::move(spec), kind, predeclared);
  return id;
}

std::vector<std::uint32_t>& Topology::Impl::bindings_at(Destination destination) {
  return is_exchange(destination) ? exchanges[destination & ~exchange_bit]->incoming : queues.at(destination)->bindings;
}

// The exchange that lost its last binding goes too if it is auto-delete; the caller sees to it with delete_idle.
void Topology::Impl::remove_binding(std::uint32_t id, std::vector<std::string>& deleted) {
  const auto binding = std::move(bindings[id]);
  Exchange& source = *exchanges[binding->source];
  // The table asks for the binding's place in `bindings`, never for the binding itself, when it erases.
  source.table.erase(id, *binding);
  take_out(source.outgoing, binding->place_at_source,
           [&](std::uint32_t b) -> std::uint32_t& { return (b == id ? *binding : *bindings[b]).place_at_source; });
  take_out(bindings_at(binding->destination), binding->place_at_destination,
           [&](std::uint32_t b) -> std::uint32_t& { return (b == id ? *binding : *bindings[b]).place_at_destination; });
  if (source.kind == ExchangeKind::headers) --headers_bindings;
  binding_ids.erase(binding->identity);
  free_bindings.push_back(id);
  if (source.outgoing.empty() && source.spec.auto_delete) delete_idle({binding->source}, deleted);
}

void Topology::Impl::delete_idle(std::vector<std::uint32_t> idle, std::vector<std::string>& deleted) {
  for (const std::uint32_t id : idle) {
    if (exchanges[id] != nullptr && exchanges[id]->outgoing.empty()) remove_exchange(id, deleted);
  }
}

void Topology::Impl::remove_exchange(std::uint32_t id, std::vector<std::string>& deleted) {
  // First out of reach, so that bindings that go because of it do not find it again.
  Exchange& exchange = *exchanges[id];
  exchange.spec.auto_delete = false;
  deleted.push_back(exchange.spec.name);
  while (!exchange.outgoing.empty()) remove_binding(exchange.outgoing.back(), deleted);
  while (!exchange.incoming.empty()) remove_binding(exchange.incoming.back(), deleted);
  exchange_ids.erase(exchange.spec.name);
  exchanges[id].reset();
  free_exchanges.push_back(id);
}

const Topology::Impl::Exchange* Topology::Impl::find_exchange(std::string_view name) const {
  const auto found = exchange_ids.find(name);
  return found == exchange_ids.end() ? nullptr : exchanges[found->second].get();
}

std::string Topology::Impl::name_of(Destination destination) const {
  return is_exchange(destination) ? exchanges[destination & ~exchange_bit]->spec.name
                                  : queues.at(destination)->spec.name;
}

BindingSpec Topology::Impl::spec_of(const Binding& binding) const {
  BindingSpec spec;
  spec.exchange = exchanges[binding.source]->spec.name;
  (is_exchange(binding.destination) ? spec.to_exchange : spec.queue) = name_of(binding.destination);
  spec.pattern = binding.pattern;
  spec.arguments = binding.arguments;
  return spec;
}

Outcome Topology::Impl::resolve(const BindingSpec& spec, std::uint32_t& source, Destination& destination) const {
  if (spec.exchange.empty()) {
    return refuse(RefusalKind::denied,
                  "the default exchange reaches every queue by its name and takes no bindings: name another exchange");
  }
  if (spec.queue.empty() == spec.to_exchange.empty()) {
    return refuse(RefusalKind::invalid, "a binding leads to one queue or to one exchange: name exactly one");
  }
  if (auto problem = topic_problem("the pattern", spec.pattern)) return refuse(RefusalKind::invalid, *problem);
  const auto from = exchange_ids.find(spec.exchange);
  if (from == exchange_ids.end()) {
    return refuse(RefusalKind::not_found, "there is no exchange " + in_quotes(spec.exchange) + ": declare it first");
  }
  source = from->second;
  if (!spec.queue.empty()) {
    const auto queue = queue_ids.find(spec.queue);
    if (queue == queue_ids.end()) {
      return refuse(RefusalKind::not_found, "there is no queue " + in_quotes(spec.queue) + ": declare it first");
    }
    destination = queue->second;
    return {};
  }
  const auto to = exchange_ids.find(spec.to_exchange);
  if (to == exchange_ids.end()) {
    return refuse(RefusalKind::not_found, "there is no exchange " + in_quotes(spec.to_exchange) + ": declare it first");
  }
  destination = to->second | exchange_bit;
  return {};
}

std::string Topology::Impl::identity(const BindingSpec& spec, std::uint32_t source, Destination destination) const {
  std::string text;
  const auto add = [&text](std::string_view part) {
    const auto size = static_cast<std::uint32_t>(part.size());
    text.append(reinterpret_cast<const char*>(&size), sizeof size);
    text.append(part);
  };
  text.append(reinterpret_cast<const char*>(&source), sizeof source);
  text.append(reinterpret_cast<const char*>(&destination), sizeof destination);
  text += spec.pattern;
  if (exchanges[source]->kind != ExchangeKind::headers) return text;  // arguments mean nothing there
  text += '\0';
  Headers arguments = spec.arguments;
  std::stable_sort(arguments.begin(), arguments.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [name, value] : arguments) {
    add(name);
    text += static_cast<char>(value.index());
    if (const auto* bytes = std::get_if<std::vector<std::byte>>(&value)) {
      add({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    } else if (const auto* real = std::get_if<double>(&value)) {
      text.append(reinterpret_cast<const char*>(real), sizeof *real);
    } else if (const auto* string = std::get_if<std::string>(&value)) {
      add(*string);
    } else {
      add(header_text(value));
    }
  }
  return text;
}

Topology::Topology(Limits limits) : impl_(std::make_unique<Impl>(limits)) {}
Topology::~Topology() = default;
Topology::Topology(Topology&&) noexcept = default;
Topology& Topology::operator=(Topology&&) noexcept = default;

Outcome Topology::declare(const ExchangeSpec& asked) {
  const auto* there = impl_->find_exchange(asked.name);
  if (asked.passive) {
    if (there != nullptr) return {};
    return refuse(RefusalKind::not_found, "there is no exchange " + in_quotes(asked.name) + ": declare it first");
  }
  const ExchangeSpec spec = normal(asked);
  ExchangeKind kind{};
  if (!kind_from(spec.type, kind)) {
    return refuse(RefusalKind::invalid, "exchange " + in_quotes(spec.name) + " has the unknown type " +
                                            in_quotes(spec.type) + ": choose direct, fanout, topic or headers");
  }
  if (there != nullptr) {
    const std::string differs = difference(there->spec, spec);
    if (differs.empty()) return {};
    return refuse(RefusalKind::different, "exchange " + in_quotes(spec.name) + " is there already and differs: " +
                                              differs + ": declare it as it is, or delete it first");
  }
  if (auto problem = name_problem("exchange", spec.name); !problem.empty())
    return refuse(RefusalKind::invalid, problem);
  if (spec.name.starts_with("amq.")) {
    return refuse(RefusalKind::denied,
                  "names that begin with amq. are reserved: choose another than " + in_quotes(spec.name));
  }
  if (spec.alternate.size() > topic_bytes_max) {
    return refuse(RefusalKind::invalid, "the alternate exchange's name has over 255 bytes: shorten it");
  }
  if (impl_->exchange_ids.size() >= impl_->limits.exchanges) {
    return refuse(RefusalKind::limit,
                  "there are " + std::to_string(impl_->limits.exchanges) + " exchanges, the limit: delete some first");
  }
  impl_->add_exchange(spec, kind, false);
  ++impl_->generation;
  Outcome outcome;
  outcome.changed = true;
  return outcome;
}

Outcome Topology::declare(const QueueSpec& asked) {
  Outcome outcome;
  const auto there = impl_->queue_ids.find(asked.name);
  if (there != impl_->queue_ids.end()) {
    outcome.queue = there->second;
    if (asked.passive) return outcome;
  } else if (asked.passive) {
    return refuse(RefusalKind::not_found, "there is no queue " + in_quotes(asked.name) + ": declare it first");
  }
  if (auto problem = queue_problem(asked); !problem.empty()) return refuse(RefusalKind::invalid, problem);
  if (there != impl_->queue_ids.end()) {
    const std::string differs = difference(impl_->queues.at(there->second)->spec, asked);
    if (differs.empty()) return outcome;
    return refuse(RefusalKind::different, "queue " + in_quotes(asked.name) + " is there already and differs: " +
                                              differs + ": declare it as it is, or delete it first");
  }
  if (impl_->queue_ids.size() >= impl_->limits.queues || impl_->next_queue >= exchange_bit) {
    return refuse(RefusalKind::limit,
                  "there are " + std::to_string(impl_->queue_ids.size()) + " queues, the limit: delete some first");
  }
  outcome.queue = impl_->next_queue++;
  auto queue = std::make_unique<Impl::Queue>();
  queue->spec = normal(asked);
  impl_->queues.emplace(outcome.queue, std::move(queue));
  impl_->queue_ids.emplace(asked.name, outcome.queue);
  outcome.changed = true;
  ++impl_->generation;
  return outcome;
}

Outcome Topology::bind(const BindingSpec& spec) {
  std::uint32_t source = 0;
  Destination destination = 0;
  Outcome outcome = impl_->resolve(spec, source, destination);
  if (!outcome) return outcome;
  auto& exchange = *impl_->exchanges[source];
  const bool headers = exchange.kind == ExchangeKind::headers;
  if (headers) {
    if (auto problem = HeadersMatch::problem(spec.arguments)) {
      return refuse(RefusalKind::invalid, "binding to " + in_quotes(spec.exchange) + ": " + *problem);
    }
  }
  std::string identity = impl_->identity(spec, source, destination);
  if (impl_->binding_ids.contains(identity)) return outcome;
  if (impl_->binding_ids.size() >= impl_->limits.bindings) {
    return refuse(RefusalKind::limit,
                  "there are " + std::to_string(impl_->limits.bindings) + " bindings, the limit: unbind some first");
  }
  std::uint32_t id;
  if (impl_->free_bindings.empty()) {
    id = static_cast<std::uint32_t>(impl_->bindings.size());
    impl_->bindings.emplace_back();
  } else {
    id = impl_->free_bindings.back();
    impl_->free_bindings.pop_back();
  }
  auto binding = std::make_unique<Binding>();
  binding->source = source;
  binding->destination = destination;
  binding->pattern = spec.pattern;
  if (headers) {
    binding->arguments = spec.arguments;
    binding->match = std::make_unique<HeadersMatch>(spec.arguments);
    ++impl_->headers_bindings;
  }
  binding->place_at_source = static_cast<std::uint32_t>(exchange.outgoing.size());
  exchange.outgoing.push_back(id);
  auto& at_destination = impl_->bindings_at(destination);
  binding->place_at_destination = static_cast<std::uint32_t>(at_destination.size());
  at_destination.push_back(id);
  exchange.table.insert(id, *binding);
  impl_->binding_ids.emplace(identity, id);
  binding->identity = std::move(identity);
  impl_->bindings[id] = std::move(binding);
  ++impl_->generation;
  outcome.changed = true;
  return outcome;
}

Outcome Topology::unbind(const BindingSpec& spec) {
  std::uint32_t source = 0;
  Destination destination = 0;
  Outcome outcome = impl_->resolve(spec, source, destination);
  if (outcome.refused == RefusalKind::not_found) return {};  // what is not there is not bound
  if (!outcome) return outcome;
  const auto found = impl_->binding_ids.find(impl_->identity(spec, source, destination));
  if (found == impl_->binding_ids.end()) return outcome;
  impl_->remove_binding(found->second, outcome.deleted_exchanges);
  ++impl_->generation;
  outcome.changed = true;
  return outcome;
}

Outcome Topology::delete_exchange(std::string_view name, bool if_unused) {
  const auto found = impl_->exchange_ids.find(name);
  if (found == impl_->exchange_ids.end()) return {};
  const auto& exchange = *impl_->exchanges[found->second];
  if (exchange.predeclared) {
    return refuse(RefusalKind::denied, "exchange " + in_quotes(name) + " is predeclared and stays: delete another");
  }
  if (if_unused && !exchange.outgoing.empty()) {
    return refuse(RefusalKind::in_use, "exchange " + in_quotes(name) + " has " +
                                           std::to_string(exchange.outgoing.size()) + " bindings: unbind them first");
  }
  Outcome outcome;
  impl_->remove_exchange(found->second, outcome.deleted_exchanges);
  outcome.deleted_exchanges.erase(outcome.deleted_exchanges.begin());  // the one that was asked for
  ++impl_->generation;
  outcome.changed = true;
  return outcome;
}

Outcome Topology::delete_queue(std::string_view name) {
  const auto found = impl_->queue_ids.find(name);
  if (found == impl_->queue_ids.end()) return {};
  Outcome outcome;
  outcome.queue = found->second;
  outcome.changed = true;
  auto& queue = *impl_->queues.at(outcome.queue);
  while (!queue.bindings.empty()) impl_->remove_binding(queue.bindings.back(), outcome.deleted_exchanges);
  impl_->queue_ids.erase(found);
  impl_->queues.erase(outcome.queue);
  ++impl_->generation;
  return outcome;
}

std::vector<QueueId> Topology::drop_transient() {
  std::vector<QueueId> gone;
  for (const auto& name : queue_names()) {
    const QueueSpec& spec = *queue(name);
    if (spec.durable && !spec.exclusive) continue;
    gone.push_back(queue_id(name));
    delete_queue(name);
  }
  for (const auto& name : exchange_names()) {
    const ExchangeSpec* spec = exchange(name);
    if (spec != nullptr && !spec->durable) delete_exchange(name);
  }
  return gone;
}

bool Topology::needs_headers() const {
  return impl_->headers_bindings != 0;
}

void Topology::Impl::work(std::uint32_t id, RouteResult& result, std::string_view key, const Headers& headers) {
  Exchange& exchange = *exchanges[id];
  if (exchange.seen == route_stamp) return;
  exchange.seen = route_stamp;
  matched.clear();
  if (exchange.spec.name.empty()) {
    const auto queue = queue_ids.find(key);
    if (queue != queue_ids.end()) matched.push_back(queue->second);
  } else {
    exchange.table.match(key, headers, bindings, matched);
  }
  for (const Destination destination : matched) {
    if (is_exchange(destination)) {
      todo.push_back(destination & ~exchange_bit);
    } else {
      result.queues.push_back(destination);
    }
  }
  if (!matched.empty() || exchange.spec.alternate.empty()) return;
  const auto alternate = exchange_ids.find(exchange.spec.alternate);
  if (alternate == exchange_ids.end()) return;
  todo.push_back(alternate->second);
  result.alternate = true;
}

void Topology::route(std::string_view exchange, std::string_view key, const Headers& headers,
                     RouteResult& result) const {
  result.queues.clear();
  result.alternate = false;
  const auto found = impl_->exchange_ids.find(exchange);
  result.exchange_found = found != impl_->exchange_ids.end();
  if (!result.exchange_found) return;
  ++impl_->route_stamp;
  impl_->todo.assign(1, found->second);
  while (!impl_->todo.empty()) {
    const std::uint32_t next = impl_->todo.back();
    impl_->todo.pop_back();
    impl_->work(next, result, key, headers);
  }
  std::sort(result.queues.begin(), result.queues.end());
  result.queues.erase(std::unique(result.queues.begin(), result.queues.end()), result.queues.end());
}

}  // namespace laban::routing
