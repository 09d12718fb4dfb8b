// tests/unit/monitor/core/random_process.hpp - seeded processes and nets for tests: block-structured and sound, or wild.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "monitor/core/net.hpp"

namespace laban::test {

// Builds a process of nested blocks: sequences, choices, parallel and inclusive parts, loops, sub-processes with boundary
// events, event sub-processes. Sound by construction.
class RandomProcess {
 public:
  // plain: every step has a name of its own and must show.
  explicit RandomProcess(std::mt19937_64& random, bool plain = false) : random_(random), plain_(plain) {}

  monitor::ProcessModel make(int depth) {
    using namespace monitor;
    model_ = {};
    model_.id = "random";
    const NodeIndex start = add(NodeKind::start_event, 0), end = add(NodeKind::end_event, 0);
    const Part body = part(depth, 0);
    connect(start, body.first);
    connect(body.last, end);
    return model_;
  }

 private:
  struct Part {
    monitor::NodeIndex first, last;
  };

  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  monitor::NodeIndex add(monitor::NodeKind kind, monitor::ScopeIndex scope) {
    monitor::Node node;
    node.kind = kind;
    node.scope = scope;
    node.id = "n" + std::to_string(model_.nodes.size());
    model_.nodes.push_back(node);
    return static_cast<monitor::NodeIndex>(model_.nodes.size() - 1);
  }

  void connect(monitor::NodeIndex from, monitor::NodeIndex to) {
    monitor::Flow flow;
    flow.from = from;
    flow.to = to;
    model_.flows.push_back(flow);
  }

  Part task(monitor::ScopeIndex scope) {
    const auto node = add(monitor::NodeKind::task, scope);
    auto& made = model_.nodes[node];
    // Few names, so that some steps share one.
    made.name = !plain_ && up_to(9) == 0 ? "shared" : "t" + std::to_string(node);
    made.types = {made.name};
    made.shows = !plain_ && up_to(11) == 0 ? monitor::Shows::optional : monitor::Shows::required;
    if (up_to(11) == 0) made.repeats = monitor::Repeats::loop;
    return {node, node};
  }

  Part sequence(int depth, monitor::ScopeIndex scope) {
    Part whole = part(depth - 1, scope);
    for (int more = 1 + up_to(1); more > 0; --more) {
      const Part next = part(depth - 1, scope);
      connect(whole.last, next.first);
      whole.last = next.last;
    }
    return whole;
  }

  Part branches(int depth, monitor::ScopeIndex scope, monitor::NodeKind kind) {
    const auto split = add(kind, scope), join = add(kind, scope);
    for (int more = 2 + up_to(1); more > 0; --more) {
      const Part branch = part(depth - 1, scope);
      connect(split, branch.first);
      connect(branch.last, join);
    }
    if (kind == monitor::NodeKind::exclusive_gateway && up_to(2) == 0) connect(split, join);
    return {split, join};
  }

  Part loop(int depth, monitor::ScopeIndex scope) {
    const auto merge = add(monitor::NodeKind::exclusive_gateway, scope),
               split = add(monitor::NodeKind::exclusive_gateway, scope);
    const Part body = part(depth - 1, scope), back = part(0, scope);
    connect(merge, body.first);
    connect(body.last, split);
    connect(split, back.first);
    connect(back.last, merge);
    return {merge, split};
  }

  Part sub_process(int depth, monitor::ScopeIndex scope) {
    using namespace monitor;
    const auto owner = add(NodeKind::sub_process, scope);
    const auto body_scope = static_cast<ScopeIndex>(model_.scopes.size());
    model_.scopes.push_back({scope, owner});
    model_.nodes[owner].body = body_scope;
    const auto start = add(NodeKind::start_event, body_scope), end = add(NodeKind::end_event, body_scope);
    const Part body = part(depth - 1, body_scope);
    connect(start, body.first);
    connect(body.last, end);
    if (up_to(1) == 0) return {owner, owner};
    const auto boundary = add(NodeKind::boundary_event, scope), merge = add(NodeKind::exclusive_gateway, scope);
    model_.nodes[boundary].attached_to = owner;
    model_.nodes[boundary].event = EventKind::timer;
    model_.nodes[boundary].interrupting = up_to(3) != 0;
    const Part handler = task(scope);
    connect(boundary, handler.first);
    if (model_.nodes[boundary].interrupting) {
      connect(handler.last, merge);
    } else {
      const auto handled = add(NodeKind::end_event, scope);
      connect(handler.last, handled);
    }
    connect(owner, merge);
    return {owner, merge};
  }

  Part part(int depth, monitor::ScopeIndex scope) {
    if (depth <= 0) return task(scope);
    switch (up_to(8)) {
      case 0:
      case 1:
      case 2:
        return sequence(depth, scope);
      case 3:
        return branches(depth, scope, monitor::NodeKind::exclusive_gateway);
      case 4:
        return branches(depth, scope, monitor::NodeKind::parallel_gateway);
      case 5:
        return branches(depth, scope, monitor::NodeKind::inclusive_gateway);
      case 6:
        return loop(depth, scope);
      case 7:
        return sub_process(depth, scope);
      default:
        return task(scope);
    }
  }

  std::mt19937_64& random_;
  bool plain_;
  monitor::ProcessModel model_;
};

// A net without any plan: unsound more often than not, with places that are emptied, tested or saturated.
inline monitor::Net random_net(std::mt19937_64& random, bool special) {
  using namespace monitor;
  const auto up_to = [&](unsigned most) { return static_cast<unsigned>(random() % (most + 1)); };
  Net net;
  const unsigned places = 4 + up_to(4), transitions = 5 + up_to(7), names = 2 + up_to(2);
  for (unsigned i = 0; i < places; ++i) {
    net.places.emplace_back().name = "p" + std::to_string(i);
    net.initial.push_back(i == 0 || up_to(5) == 0 ? 1 : 0);
  }
  for (unsigned i = 0; i < names; ++i) {
    Step step;
    step.name = step.id = std::string(1, static_cast<char>('a' + i));
    step.types = {step.name};
    step.required = i > 0 || up_to(2) > 0;
    net.steps.push_back(step);
  }
  const auto some = [&](unsigned most) {
    std::vector<PlaceIndex> list;
    for (unsigned n = up_to(most); n > 0; --n) list.push_back(up_to(places - 1));
    return list;
  };
  for (unsigned i = 0; i < transitions; ++i) {
    Transition transition;
    transition.take = some(2);
    if (transition.take.empty()) transition.take = {up_to(places - 1)};
    // As many tokens out as in, or the search would not end.
    transition.put = some(static_cast<unsigned>(transition.take.size()));
    if (up_to(1) == 0) transition.step = up_to(names - 1);
    if (special && up_to(3) == 0) transition.empty = some(2);
    if (special && up_to(4) == 0) transition.clear = some(2);
    if (special && up_to(4) == 0) transition.need = some(1);
    if (transition.step != no_index && up_to(3) == 0) transition.put.push_back(up_to(places - 1));
    net.transitions.push_back(std::move(transition));
  }
  if (special && up_to(2) == 0) {
    net.places.back().saturates = true;
    net.places.back().counts = false;
  }
  if (up_to(1) == 0) {
    for (unsigned n = 1 + up_to(1); n > 0; --n) {
      Marking final(places, 0);
      final[up_to(places - 1)] = 1;
      net.finals.push_back(final);
    }
  }
  return net;
}

}  // namespace laban::test
