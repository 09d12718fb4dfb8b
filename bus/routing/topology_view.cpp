// bus/routing/topology_view.cpp - what a Topology holds, for readers: lists, snapshot, explanation, lints.
#include <algorithm>
#include <deque>
#include <tuple>

#include "bus/routing/topology_state.hpp"
#include "laban/error.hpp"

namespace laban::routing {
namespace {

bool before(const BindingSpec& a, const BindingSpec& b) {
  const auto text = [](const BindingSpec& spec) {
    std::string all;
    for (const auto& [name, value] : spec.arguments) all += name + "=" + header_text(value) + ";";
    return all;
  };
  const auto left = std::tie(a.exchange, a.queue, a.to_exchange, a.pattern);
  const auto right = std::tie(b.exchange, b.queue, b.to_exchange, b.pattern);
  return left != right ? left < right : text(a) < text(b);
}

std::string arguments_text(const Headers& arguments) {
  std::string text;
  for (const auto& [name, value] : arguments) text += (text.empty() ? "" : ", ") + name + " = " + header_text(value);
  return text;
}

std::string why_topic(std::string_view pattern, bool matched) {
  if (matched) return pattern == "#" ? "# takes every key" : "the pattern matches the key";
  return "the pattern does not match the key";
}

}  // namespace

const ExchangeSpec* Topology::exchange(std::string_view name) const {
  const auto* found = impl_->find_exchange(name);
  return found == nullptr ? nullptr : &found->spec;
}

const QueueSpec* Topology::queue(std::string_view name) const {
  return queue(queue_id(name));
}

const QueueSpec* Topology::queue(QueueId id) const {
  const auto found = impl_->queues.find(id);
  return found == impl_->queues.end() ? nullptr : &found->second->spec;
}

QueueId Topology::queue_id(std::string_view name) const {
  const auto found = impl_->queue_ids.find(name);
  return found == impl_->queue_ids.end() ? 0 : found->second;
}

std::vector<std::string> Topology::exchange_names() const {
  std::vector<std::string> names;
  for (const auto& [name, id] : impl_->exchange_ids) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Topology::queue_names() const {
  std::vector<std::string> names;
  for (const auto& [name, id] : impl_->queue_ids) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<BindingSpec> Topology::bindings() const {
  std::vector<BindingSpec> result;
  for (const auto& binding : impl_->bindings) {
    if (binding != nullptr) result.push_back(impl_->spec_of(*binding));
  }
  std::sort(result.begin(), result.end(), before);
  return result;
}

std::vector<BindingSpec> Topology::bindings_of_exchange(std::string_view name) const {
  std::vector<BindingSpec> result;
  const auto* exchange = impl_->find_exchange(name);
  if (exchange == nullptr) return result;
  for (const std::uint32_t id : exchange->outgoing) result.push_back(impl_->spec_of(*impl_->bindings[id]));
  std::sort(result.begin(), result.end(), before);
  return result;
}

std::vector<BindingSpec> Topology::bindings_of_queue(std::string_view name) const {
  std::vector<BindingSpec> result;
  const auto found = impl_->queue_ids.find(name);
  if (found == impl_->queue_ids.end()) return result;
  for (const std::uint32_t id : impl_->queues.at(found->second)->bindings) {
    result.push_back(impl_->spec_of(*impl_->bindings[id]));
  }
  std::sort(result.begin(), result.end(), before);
  return result;
}

std::size_t Topology::binding_count() const {
  return impl_->binding_ids.size();
}
std::uint64_t Topology::generation() const {
  return impl_->generation;
}

std::size_t Topology::footprint() const {
  std::size_t total = impl_->exchange_ids.size() + impl_->queue_ids.size() + impl_->binding_ids.size();
  for (const auto& exchange : impl_->exchanges) {
    if (exchange == nullptr) continue;
    total += exchange->table.footprint() + exchange->outgoing.size() + exchange->incoming.size();
  }
  for (const auto& [id, queue] : impl_->queues) total += queue->bindings.size();
  return total;
}

TopologySnapshot Topology::snapshot() const {
  TopologySnapshot result;
  for (const auto& name : exchange_names()) {
    const auto* exchange = impl_->find_exchange(name);
    if (!exchange->predeclared) result.exchanges.push_back(exchange->spec);
  }
  for (const auto& [id, queue] : impl_->queues) result.queues.push_back({id, queue->spec});
  std::sort(result.queues.begin(), result.queues.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  result.bindings = bindings();
  result.next_queue = impl_->next_queue;
  return result;
}

Topology Topology::restore(const TopologySnapshot& snapshot, Limits limits) {
  Topology topology{limits};
  const auto must = [](const Outcome& outcome) {
    if (!outcome) {
      throw Error(Errc::malformed, "a stored exchange, queue or binding makes no sense (" + outcome.message +
                                       "): run laban hub --verify on the log");
    }
  };
  for (const auto& exchange : snapshot.exchanges) must(topology.declare(exchange));
  for (const auto& queue : snapshot.queues) {
    if (queue.id < topology.impl_->next_queue) must(refuse(RefusalKind::invalid, "queue numbers do not grow"));
    topology.impl_->next_queue = queue.id;
    must(topology.declare(queue.spec));
  }
  for (const auto& binding : snapshot.bindings) must(topology.bind(binding));
  topology.impl_->next_queue = std::max(topology.impl_->next_queue, snapshot.next_queue);
  return topology;
}

Explanation Topology::explain(std::string_view exchange, std::string_view key, const Headers& headers,
                              std::size_t tried_max) const {
  Explanation result;
  if (impl_->find_exchange(exchange) == nullptr) {
    result.exchange_found = false;
    result.unroutable = true;
    return result;
  }
  struct Todo {
    std::string exchange;
    std::string reached_by;
  };
  std::deque<Todo> todo{{std::string{exchange}, "published"}};
  std::vector<std::string> visited;
  while (!todo.empty()) {
    const Todo now = std::move(todo.front());
    todo.pop_front();
    const auto& at = *impl_->find_exchange(now.exchange);
    Explanation::Step step{now.exchange, at.spec.type, now.reached_by, false, {}, 0};
    if (std::find(visited.begin(), visited.end(), now.exchange) != visited.end()) {
      step.cut = true;
      result.steps.push_back(std::move(step));
      continue;
    }
    visited.push_back(now.exchange);
    bool any = false;
    std::vector<Explanation::Tried> missed;
    const auto tried = [&](Explanation::Tried one) {
      if (!one.matched) {
        if (missed.size() < tried_max)
          missed.push_back(std::move(one));
        else
          ++step.left_out;
        return;
      }
      any = true;
      if (one.to_exchange)
        todo.push_back({one.destination, "binding from " + now.exchange});
      else
        result.queues.push_back(one.destination);
      step.tried.push_back(std::move(one));
    };
    if (now.exchange.empty() && queue_id(key) != 0) {
      tried({std::string{key}, {}, std::string{key}, false, true, "the default exchange reaches a queue by its name"});
    }
    for (const auto& spec : bindings_of_exchange(now.exchange)) {
      Explanation::Tried one;
      one.pattern = spec.pattern;
      one.arguments = arguments_text(spec.arguments);
      one.to_exchange = spec.queue.empty();
      one.destination = one.to_exchange ? spec.to_exchange : spec.queue;
      if (at.kind == ExchangeKind::topic) {
        one.matched = topic_matches(spec.pattern, key);
        one.why = why_topic(spec.pattern, one.matched);
      } else if (at.kind == ExchangeKind::direct) {
        one.matched = spec.pattern == key;
        one.why = one.matched ? "the key is the same" : "the key differs";
      } else if (at.kind == ExchangeKind::fanout) {
        one.matched = true;
        one.why = "a fanout exchange takes every key";
      } else {
        const HeadersMatch match{spec.arguments};
        one.matched = match.matches(headers);
        one.why = match.why(headers);
      }
      tried(std::move(one));
    }
    step.tried.insert(step.tried.end(), std::make_move_iterator(missed.begin()), std::make_move_iterator(missed.end()));
    if (!any && !at.spec.alternate.empty() && impl_->find_exchange(at.spec.alternate) != nullptr) {
      todo.push_back({at.spec.alternate, "alternate of " + now.exchange});
    }
    result.steps.push_back(std::move(step));
  }
  std::sort(result.queues.begin(), result.queues.end());
  result.queues.erase(std::unique(result.queues.begin(), result.queues.end()), result.queues.end());
  result.unroutable = result.queues.empty();
  return result;
}

}  // namespace laban::routing
