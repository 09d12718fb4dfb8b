// monitor/edge/yaml/steps.hpp - turns the `steps:` of a definition into nodes and flows.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "monitor/core/process_model.hpp"
#include "monitor/edge/yaml/builder.hpp"
#include "monitor/edge/yaml/tree.hpp"

namespace laban::monitor::yaml {

// Reads steps and what goes with them; says what is wrong and goes on, so that one run shows all mistakes.
class StepReader {
 public:
  StepReader(ModelBuilder& builder, std::vector<Finding>& findings, const TextLimits& limits)
      : builder_(builder), findings_(findings), limits_(limits) {}

  // A step or a list of steps, in sequence. No flow comes out where every way has ended.
  OpenFlows sequence(const Value& steps, OpenFlows before);
  // `on:` (interrupting) and `meanwhile:` of the whole process or of a group.
  void process_handlers(const Value& handlers, bool interrupting);
  void resolve();  // names of steps that stand before the step they name

  // Also used for the keys around the steps.
  bool known_keys(const Value& map, std::initializer_list<std::string_view> keys);
  std::vector<std::string> texts(const Value& value);  // a text or a list of texts
  bool truth(const Value& value);
  std::string text(const Value& value);
  void error(const Location& at, const char* id, const std::string& message);
  // `30m`, or `2h of order.placed`: then from the step named there to `node`.
  void within(const Value& value, NodeIndex node);
  // `from`, `to`, `within` of one entry of `deadlines:`.
  void pair_deadline(const Value& from, const Value& to, std::chrono::milliseconds limit);

 private:
  OpenFlows step(const Value& step, OpenFlows before);
  OpenFlows block(const std::string& key, const Value& map, const Value& content, OpenFlows before);
  OpenFlows activity(const std::string& type, const Value& at, const Value* options, OpenFlows before);
  OpenFlows branches(NodeKind kind, const Value& content, OpenFlows before);
  OpenFlows optional(const Value& content, OpenFlows before);
  OpenFlows repeat(const Value& map, const Value& content, OpenFlows before);
  OpenFlows each(const Value& map, const Value& content, OpenFlows before);
  OpenFlows group(const Value& map, const Value& content, OpenFlows before);
  OpenFlows undo(const Value& content, const OpenFlows& before);
  OpenFlows end(const std::string& key, const Value& content, const OpenFlows& before);
  void options(NodeIndex node, const Value& options);
  void compensation(NodeIndex node, const Value& undo);
  NodeIndex bound(NodeKind kind, std::string element, const std::string& type, const Location& at);
  NodeIndex handler(NodeIndex host, const Value& type);
  std::optional<std::chrono::milliseconds> timer(const Value& type);
  OpenFlows boundary(NodeIndex host, const Value& handlers, bool interrupting);

  struct Reference {
    std::string name;
    Location at;
    enum class Use { pair_from, pair_to, undoes } use;
    std::size_t index;
  };

  ModelBuilder& builder_;
  std::vector<Finding>& findings_;
  const TextLimits& limits_;
  std::vector<Reference> references_;
};

// The word of `known` that `word` is most like, or nothing.
std::string most_like(std::string_view word, const std::vector<std::string>& known);

}  // namespace laban::monitor::yaml
