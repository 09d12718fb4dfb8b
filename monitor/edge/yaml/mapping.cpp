// monitor/edge/yaml/mapping.cpp - reads a mapping file and binds the nodes that it names.
#include "monitor/edge/yaml/mapping.hpp"

#include <algorithm>
#include <map>

#include "monitor/core/duration.hpp"
#include "monitor/edge/yaml/builder.hpp"
#include "monitor/edge/yaml/steps.hpp"
#include "monitor/edge/yaml/tree.hpp"

namespace laban::monitor {
namespace {

using yaml::StepReader;
using yaml::Value;

void read_options(const Value& options, MappedNode& node, StepReader& reader) {
  if (!reader.known_keys(options, {"events", "by", "starts", "within", "expected"})) return;
  for (const auto& [key, value] : options.fields) {
    if (key.text == "events") node.types = reader.texts(value);
    if (key.text == "by") node.publishers = reader.texts(value);
    if (key.text == "starts") node.start_type = reader.text(value);
    if (key.text == "expected") node.expected = reader.truth(value);
    if (key.text != "within") continue;
    node.deadline_at = value.at;
    if (!(node.deadline = parse_duration(reader.text(value))))
      reader.error(value.at, "bad-duration", in_quotes(value.text) + " is no duration: write 30s, 5m, 1h 30m or 2d");
  }
}

void read_nodes(const Value& nodes, Mapping& mapping, StepReader& reader) {
  if (!nodes.is_map())
    return reader.error(nodes.at, "not-a-mapping",
                        "`nodes:` has a line for each node: its id or name, then its events");
  for (const auto& [key, value] : nodes.fields) {
    MappedNode node;
    node.node = key.text;
    node.at = key.at;
    if (value.is_map())
      read_options(value, node, reader);
    else
      node.types = reader.texts(value);
    mapping.nodes.push_back(std::move(node));
  }
}

template <class Type>
void put_in_front(std::vector<Type>& list, const std::vector<Type>& first) {
  std::vector<Type> out = first;
  for (auto& one : list)
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(std::move(one));
  list = std::move(out);
}

void bind(const MappedNode& mapped, Node& node) {
  if (!mapped.types.empty()) {
    put_in_front(node.types, mapped.types);
    node.bound = true;
    node.shows = Shows::required;
  }
  if (!mapped.publishers.empty()) node.publishers = mapped.publishers;
  if (!mapped.start_type.empty()) node.start_type = mapped.start_type;
  if (mapped.deadline) node.deadline = mapped.deadline;
  if (mapped.expected) {
    node.bound = true;
    node.shows = *mapped.expected ? Shows::required : Shows::optional;
  }
}

// Whose words are ids before they are names; `all` are id and name of each.
class Targets {
 public:
  Targets(const std::vector<std::pair<std::string, std::string>>& all, std::vector<Finding>& findings)
      : bound_(all.size(), nullptr), findings_(findings) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      by_id_[all[i].first].push_back(i);
      by_name_[all[i].second].push_back(i);
    }
    for (const auto& [id, where] : by_id_) words_.push_back(id);
    for (const auto& [name, where] : by_name_)
      if (!name.empty() && !by_id_.contains(name)) words_.push_back(name);
  }

  std::vector<std::size_t> of(const MappedNode& mapped) {
    const auto id = by_id_.find(mapped.node);
    const auto name = by_name_.find(mapped.node);
    if (id == by_id_.end() && name == by_name_.end()) {
      const std::string like = yaml::most_like(mapped.node, words_);
      tell(mapped.at, "unknown-node",
           "the definition has no node with the id or name " + in_quotes(mapped.node) +
               (like.empty() ? std::string{": `laban check` names them"} : ": did you mean " + in_quotes(like) + "?"));
      return {};
    }
    std::vector<std::size_t> free;
    for (const std::size_t target : id != by_id_.end() ? id->second : name->second) {
      if (bound_[target] != nullptr)
        tell(mapped.at, "mapped-twice",
             in_quotes(mapped.node) + " is the node that line " + std::to_string(bound_[target]->at.line) +
                 " maps already: keep one of them");
      else
        free.push_back(target);
      bound_[target] = &mapped;
    }
    return free;
  }

 private:
  void tell(const Location& at, const char* id, const std::string& message) {
    add_finding(findings_, TextLimits{}, {at, Severity::error, id, message});
  }

  std::map<std::string, std::vector<std::size_t>> by_id_, by_name_;
  std::vector<std::string> words_;
  std::vector<const MappedNode*> bound_;
  std::vector<Finding>& findings_;
};

}  // namespace

Mapping read_mapping(std::string_view bytes, const std::string& file, std::vector<Finding>& findings,
                     const TextLimits& limits) {
  Mapping mapping;
  TextLimits own = limits;
  own.bytes = std::min(limits.bytes, yaml::largest_file);
  if (const auto refusal = size_refusal(bytes.size(), own, file)) {
    findings.push_back(*refusal);
    return mapping;
  }
  const auto documents = yaml::parse_documents(to_utf8(bytes, file, findings), file, findings);
  if (has_errors(findings)) return mapping;
  if (documents.size() != 1 || !documents[0].is_map() || documents[0].fields.empty()) {
    findings.push_back(
        {{file, 1, 1}, Severity::error, "not-a-mapping", "a mapping file has `nodes:` with a line for each node"});
    return mapping;
  }
  ProcessModel unused;
  yaml::ModelBuilder builder{unused};
  StepReader reader{builder, findings, limits};
  if (reader.known_keys(documents[0], {"nodes"})) read_nodes(documents[0].fields.front().value, mapping, reader);
  return mapping;
}

void apply(const Mapping& mapping, DefinitionFile& file) {
  std::vector<Node*> nodes;
  std::vector<std::pair<std::string, std::string>> words;
  for (auto& model : file.models)
    for (auto& node : model.nodes) {
      nodes.push_back(&node);
      words.emplace_back(node.id, node.name);
    }
  Targets targets(words, file.findings);
  for (const auto& mapped : mapping.nodes)
    for (const std::size_t target : targets.of(mapped)) bind(mapped, *nodes[target]);
  const bool expects =
      std::any_of(nodes.begin(), nodes.end(), [](const Node* node) { return node->shows == Shows::required; });
  if (expects) std::erase_if(file.findings, [](const Finding& finding) { return finding.id == "nothing-to-monitor"; });
}

void apply(const Mapping& mapping, Net& net, std::vector<Finding>& findings) {
  std::vector<std::pair<std::string, std::string>> words;
  for (const auto& step : net.steps) words.emplace_back(step.id, step.name);
  Targets targets(words, findings);
  for (const auto& mapped : mapping.nodes) {
    if (mapped.deadline || !mapped.start_type.empty())
      add_finding(findings, TextLimits{},
                  {mapped.deadline ? mapped.deadline_at : mapped.at, Severity::error, "not-in-a-net",
                   "a step of a net has no deadline and shows once: leave `within:` and `starts:` out"});
    for (const std::size_t target : targets.of(mapped)) {
      Step& step = net.steps[target];
      put_in_front(step.types, mapped.types);
      if (!mapped.publishers.empty()) step.publishers = mapped.publishers;
      if (mapped.expected) step.required = *mapped.expected;
    }
  }
}

}  // namespace laban::monitor
