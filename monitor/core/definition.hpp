// monitor/core/definition.hpp - a process model made ready to follow: its net, its automaton, and which events mean
// which of its steps.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/core/automaton.hpp"

namespace laban::monitor {

// What an event means to a definition.
struct Meaning {
  Symbol symbol = no_symbol;     // no_symbol: no step of the definition
  bool wrong_publisher = false;  // it would be a step if another service had said it
};

// Threads: one at a time, because its automaton grows as it is used.
class Definition {
 public:
  // `findings` says what was simplified; the model stays readable for drawing and API.
  static std::unique_ptr<Definition> of(ProcessModel model, std::vector<Finding>& findings,
                                        AutomatonLimits limits = {});
  static std::unique_ptr<Definition> of(Net net, std::string id, AutomatonLimits limits = {});
  ~Definition();

  const std::string& id() const { return model_.id; }
  const std::string& version() const { return model_.version; }
  const ProcessModel& model() const { return model_; }
  const Net& net() const { return automaton_->net(); }
  const std::vector<Step>& steps() const { return net().steps; }
  Automaton& automaton() { return *automaton_; }

  // Without a source, as in a recorded log, it may be any publisher's and is never a wrong one's.
  Meaning meaning(std::string_view type, std::string_view source) const;
  // The types that it names: its scope on the bus where it states no patterns.
  std::vector<std::string> types() const;
  // Name that stands for the symbol in outputs.
  const std::string& name_of(Symbol symbol) const;
  const std::vector<StepIndex>& steps_of(Symbol symbol) const;
  std::size_t symbols() const;
  bool is_start(Symbol symbol) const;  // a process can begin with it

  // Steps have labels: steps of one name share one. Bits of an instance's seen steps count labels.
  std::uint32_t label_of(StepIndex step) const;
  std::size_t labels() const;
  const std::string& label(std::uint32_t index) const;
  // The label that undoes a label; no_index where nothing does.
  std::uint32_t undone_by(std::uint32_t label) const;
  bool compensates() const;  // something in it undoes something

 private:
  Definition();
  struct Words;
  ProcessModel model_;
  std::unique_ptr<Automaton> automaton_;
  std::unique_ptr<Words> words_;
};

}  // namespace laban::monitor
