// monitor/core/definition.cpp - which events mean which steps.
#include "monitor/core/definition.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <absl/container/flat_hash_map.h>
#include "monitor/core/hash.hpp"

namespace laban::monitor {

struct Definition::Words {
  struct OfSource {
    std::string source;
    Meaning meaning;
  };
  struct OfType {
    Meaning unsaid;  // an event that names no source, as in a recorded log: it may be any publisher's
    Meaning anyone;  // sources that no step names
    std::vector<OfSource> named;
  };
  absl::flat_hash_map<std::string, OfType, BytesHash, BytesEqual> types;
  std::vector<Automaton::SymbolSteps> symbols;
  std::vector<std::uint32_t> label_of_step;
  std::vector<std::string> labels;
  std::vector<std::uint32_t> undone_by;
  bool compensates = false;

  void read(const std::vector<Step>& steps);

 private:
  using Key = std::pair<bool, std::vector<StepIndex>>;
  Symbol symbol(const std::vector<StepIndex>& all, bool begins, std::map<Key, Symbol>& known);
  Meaning meaning(const std::vector<Step>& steps, const std::vector<StepIndex>& all, bool begins,
                  const std::string* source, std::map<Key, Symbol>& known);
};

Symbol Definition::Words::symbol(const std::vector<StepIndex>& all, bool begins, std::map<Key, Symbol>& known) {
  const auto [entry, is_new] = known.emplace(Key{begins, all}, static_cast<Symbol>(symbols.size()));
  if (is_new) symbols.push_back({all, begins});
  return entry->second;
}

// Of the steps that a type can stand for those count that the source may say; where it may say none, all do, and the
// publisher is wrong.
Meaning Definition::Words::meaning(const std::vector<Step>& steps, const std::vector<StepIndex>& all, bool begins,
                                   const std::string* source, std::map<Key, Symbol>& known) {
  std::vector<StepIndex> allowed;
  for (StepIndex step : all) {
    const auto& publishers = steps[step].publishers;
    if (publishers.empty() ||
        (source != nullptr && std::find(publishers.begin(), publishers.end(), *source) != publishers.end()))
      allowed.push_back(step);
  }
  const bool wrong = allowed.empty();
  return {symbol(wrong ? all : allowed, begins, known), wrong};
}

void Definition::Words::read(const std::vector<Step>& steps) {
  std::map<std::string, std::vector<StepIndex>> shown, begun;
  std::map<std::string, std::uint32_t> label_index;
  std::set<std::string> sources;
  for (StepIndex index = 0; index < steps.size(); ++index) {
    const Step& step = steps[index];
    const auto [label, is_new] = label_index.emplace(step.name, static_cast<std::uint32_t>(labels.size()));
    if (is_new) labels.push_back(step.name);
    label_of_step.push_back(label->second);
    for (const std::string& type : step.types) {
      auto& list = shown[type];
      if (list.empty() || list.back() != index) list.push_back(index);
    }
    if (!step.start_type.empty()) begun[step.start_type].push_back(index);
    sources.insert(step.publishers.begin(), step.publishers.end());
  }
  undone_by.assign(labels.size(), no_index);
  for (StepIndex index = 0; index < steps.size(); ++index) {
    if (steps[index].undoes == no_index) continue;
    undone_by[label_of_step[steps[index].undoes]] = label_of_step[index];
    compensates = true;
  }
  std::map<Key, Symbol> known;
  const auto add = [&](const std::string& type, const std::vector<StepIndex>& all, bool begins) {
    OfType& entry = types[type];
    entry.anyone = meaning(steps, all, begins, nullptr, known);
    for (const std::string& source : sources) {
      const Meaning here = meaning(steps, all, begins, &source, known);
      if (here.symbol != entry.anyone.symbol || here.wrong_publisher != entry.anyone.wrong_publisher)
        entry.named.push_back({source, here});
    }
  };
  for (const auto& [type, all] : begun) add(type, all, true);
  for (const auto& [type, all] : shown) {
    types.erase(type);  // the end of one step and the beginning of another by one type: it counts as the end
    add(type, all, false);
  }
  // Last, so that symbols which stored instances hold keep their numbers.
  for (const auto& [type, all] : begun)
    if (!shown.contains(type)) types[type].unsaid = {symbol(all, true, known), false};
  for (const auto& [type, all] : shown) types[type].unsaid = {symbol(all, false, known), false};
}

Definition::Definition() : words_(std::make_unique<Words>()) {}
Definition::~Definition() = default;

std::unique_ptr<Definition> Definition::of(ProcessModel model, std::vector<Finding>& findings, AutomatonLimits limits) {
  std::unique_ptr<Definition> definition(new Definition);
  Net net = compile(model, findings);
  definition->model_ = std::move(model);
  definition->words_->read(net.steps);
  definition->automaton_ = std::make_unique<Automaton>(std::move(net), definition->words_->symbols, limits);
  return definition;
}

std::unique_ptr<Definition> Definition::of(Net net, std::string id, AutomatonLimits limits) {
  std::unique_ptr<Definition> definition(new Definition);
  definition->model_.id = id;
  definition->model_.name = std::move(id);
  definition->words_->read(net.steps);
  definition->automaton_ = std::make_unique<Automaton>(std::move(net), definition->words_->symbols, limits);
  return definition;
}

Meaning Definition::meaning(std::string_view type, std::string_view source) const {
  const auto found = words_->types.find(type);
  if (found == words_->types.end()) return {};
  if (source.empty()) return found->second.unsaid;
  for (const auto& named : found->second.named)
    if (named.source == source) return named.meaning;
  return found->second.anyone;
}

std::vector<std::string> Definition::types() const {
  std::vector<std::string> types;
  for (const auto& [type, entry] : words_->types) types.push_back(type);
  std::sort(types.begin(), types.end());
  return types;
}

const std::string& Definition::name_of(Symbol symbol) const {
  return steps()[words_->symbols[symbol].steps.front()].name;
}

const std::vector<StepIndex>& Definition::steps_of(Symbol symbol) const {
  return words_->symbols[symbol].steps;
}
std::size_t Definition::symbols() const {
  return words_->symbols.size();
}

bool Definition::is_start(Symbol symbol) const {
  return automaton_->next(Automaton::start, symbol).state != no_state;
}

std::uint32_t Definition::label_of(StepIndex step) const {
  return words_->label_of_step[step];
}
std::size_t Definition::labels() const {
  return words_->labels.size();
}
const std::string& Definition::label(std::uint32_t index) const {
  return words_->labels[index];
}
std::uint32_t Definition::undone_by(std::uint32_t label) const {
  return words_->undone_by[label];
}
bool Definition::compensates() const {
  return words_->compensates;
}

}  // namespace laban::monitor
