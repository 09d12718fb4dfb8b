// monitor/edge/yaml/steps.cpp - turns the `steps:` of a definition into nodes and flows.
#include "monitor/edge/yaml/steps.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "monitor/core/duration.hpp"

namespace laban::monitor::yaml {
namespace {

constexpr std::size_t most_steps = 10'000;
constexpr std::array<std::string_view, 11> block_keys{"one of", "all of", "any of", "optional", "repeat", "each",
                                                      "group",  "undo",   "end",    "stop",     "step"};

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
  const std::string like = most_like(word, known);
  return like.empty() ? "" : "; did you mean " + in_quotes(like) + "?";
}

const Value* field(const Value& map, std::string_view key) {
  for (const auto& [name, value] : map.fields)
    if (name.tidy && name.text == key) return &value;
  return nullptr;
}

}  // namespace

std::string most_like(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};
  std::string best;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 2) + 1;
  for (const auto& candidate : known) {
    if (candidate.size() > 64) continue;
    const std::size_t away = distance(word, candidate);
    if (away < least) {
      least = away;
      best = candidate;
    }
  }
  return best;
}

void StepReader::error(const Location& at, const char* id, const std::string& message) {
  add_finding(findings_, limits_, {at, Severity::error, id, message});
}

bool StepReader::known_keys(const Value& map, std::initializer_list<std::string_view> keys) {
  bool known = true;
  for (const auto& [key, value] : map.fields) {
    if (key.tidy && std::find(keys.begin(), keys.end(), key.text) != keys.end()) continue;
    known = false;
    const std::vector<std::string> list{keys.begin(), keys.end()};
    std::string all;
    for (const auto& word : list) all += (all.empty() ? "" : ", ") + word;
    error(key.at, "unknown-key", in_quotes(key.text) + " is not known here" + hint(key.text, list) + " (" + all + ")");
  }
  return known;
}

std::string StepReader::text(const Value& value) {
  if (value.is_text() && !value.text.empty()) return value.text;
  error(value.at, "not-a-text", "a word is wanted here");
  return {};
}

std::vector<std::string> StepReader::texts(const Value& value) {
  if (!value.is_list()) return {text(value)};
  std::vector<std::string> out;
  for (const auto& item : value.items) out.push_back(text(item));
  return out;
}

bool StepReader::truth(const Value& value) {
  const std::string word = text(value);
  if (word == "yes" || word == "true") return true;
  if (word != "no" && word != "false" && !word.empty()) error(value.at, "not-a-truth", "yes or no is wanted here");
  return false;
}

OpenFlows StepReader::sequence(const Value& steps, OpenFlows before) {
  if (steps.is_null()) return before;
  if (!steps.is_list()) return step(steps, std::move(before));
  for (std::size_t i = 0; i < steps.items.size(); ++i) {
    if (before.empty()) {
      error(steps.items[i].at, "never-reached", "this can never happen: every way before it has ended");
      return {};
    }
    before = step(steps.items[i], std::move(before));
  }
  return before;
}

OpenFlows StepReader::step(const Value& step, OpenFlows before) {
  if (builder_.model().nodes.size() >= most_steps) {
    if (!has_errors(findings_))
      error(step.at, "too-many-nodes", "more than " + std::to_string(most_steps) + " steps: split the definition");
    return before;
  }
  if (step.is_text()) return activity(text(step), step, nullptr, std::move(before));
  if (step.is_list()) return sequence(step, std::move(before));
  if (!step.is_map() || step.fields.empty()) {
    error(step.at, "not-a-step", "a step is wanted here: the type of an event, or a block such as `one of:`");
    return before;
  }
  if (const Value* type = field(step, "step")) return block("step", step, *type, std::move(before));
  for (const auto& [key, value] : step.fields)
    if (key.tidy && std::find(block_keys.begin(), block_keys.end(), key.text) != block_keys.end())
      return block(key.text, step, value, std::move(before));
  const auto& [key, value] = step.fields.front();
  const std::vector<std::string> blocks{block_keys.begin(), block_keys.end()};
  if (step.fields.size() > 1) {
    error(step.fields[1].key.at, "not-a-step",
          "a step has one event type; write `step: " + key.text +
              "` to put options beside it, or begin a new line with `- `" + hint(key.text, blocks));
    return before;
  }
  if (!value.is_map() && !value.is_null()) {
    error(key.at, "unknown-key",
          in_quotes(key.text) + " is not a block that is known" + hint(key.text, blocks) +
              ", and as a step it would have options such as `by:`");
    return before;
  }
  if (!known_keys(value, {"by", "within", "undo", "name", "id", "events", "starts", "optional", "expected"}))
    return before;
  return activity(key.text, key, value.is_map() ? &value : nullptr, std::move(before));
}

OpenFlows StepReader::block(const std::string& key, const Value& map, const Value& content, OpenFlows before) {
  if (key == "step") {
    if (!known_keys(map, {"step", "by", "within", "undo", "name", "id", "events", "starts", "optional", "expected"}))
      return before;
    return activity(text(content), content, &map, std::move(before));
  }
  if (key == "repeat") return repeat(map, content, std::move(before));
  if (key == "each") return each(map, content, std::move(before));
  if (key == "group") return group(map, content, std::move(before));
  if (!known_keys(map, {key})) return before;
  if (key == "one of") return branches(NodeKind::exclusive_gateway, content, std::move(before));
  if (key == "all of") return branches(NodeKind::parallel_gateway, content, std::move(before));
  if (key == "any of") return branches(NodeKind::inclusive_gateway, content, std::move(before));
  if (key == "optional") return optional(content, std::move(before));
  if (key == "undo") return undo(content, before);
  return end(key, content, before);
}

NodeIndex StepReader::bound(NodeKind kind, std::string element, const std::string& type, const Location& at) {
  const NodeIndex index = builder_.add(kind, std::move(element), type, at);
  auto& node = builder_.node(index);
  node.types = {type};
  node.bound = true;
  node.shows = Shows::required;
  return index;
}

OpenFlows StepReader::activity(const std::string& type, const Value& at, const Value* given, OpenFlows before) {
  const NodeIndex node = bound(NodeKind::task, "task", type, at.at);
  const Value* may_miss = given == nullptr ? nullptr : field(*given, "optional");
  if (may_miss == nullptr || !truth(*may_miss)) {
    before = builder_.then(before, node);
  } else {
    const NodeIndex split = builder_.gateway(NodeKind::exclusive_gateway, at.at);
    const OpenFlows open = builder_.then(before, split);
    OpenFlows ways = builder_.then(open, node);
    ways.push_back(open.front());
    before = builder_.join(ways, NodeKind::exclusive_gateway, at.at);
  }
  if (given != nullptr) options(node, *given);
  return before;
}

void StepReader::options(NodeIndex node, const Value& given) {
  std::string own_id;
  for (const auto& [key, value] : given.fields) {
    if (key.text == "by") builder_.node(node).publishers = texts(value);
    if (key.text == "name") builder_.node(node).name = text(value);
    if (key.text == "id") builder_.rename(node, own_id = text(value));
    if (key.text == "events") builder_.node(node).types = texts(value);
    if (key.text == "starts") builder_.node(node).start_type = text(value);
    if (key.text == "expected" && !truth(value)) builder_.node(node).shows = Shows::optional;
    if (key.text == "within") within(value, node);
    if (key.text == "undo") compensation(node, value);
  }
  auto& types = builder_.node(node).types;
  for (const auto& word : {builder_.node(node).name, own_id})
    if (!word.empty() && std::find(types.begin(), types.end(), word) == types.end()) types.push_back(word);
}

void StepReader::within(const Value& value, NodeIndex node) {
  const std::string given = text(value);
  const std::size_t of = given.find(" of ");
  const auto limit = parse_duration(given.substr(0, of));
  if (!limit) {
    error(value.at, "bad-duration", in_quotes(given) + " is no duration: write 30s, 5m, 1h 30m, 2d or PT5M");
  } else if (of == std::string::npos) {
    builder_.node(node).deadline = *limit;
  } else {
    auto& pairs = builder_.model().pair_deadlines;
    references_.push_back({one_line(given.substr(of + 4)), value.at, Reference::Use::pair_from, pairs.size()});
    pairs.push_back({no_index, node, *limit});
  }
}

void StepReader::pair_deadline(const Value& from, const Value& to, std::chrono::milliseconds limit) {
  auto& pairs = builder_.model().pair_deadlines;
  references_.push_back({text(from), from.at, Reference::Use::pair_from, pairs.size()});
  references_.push_back({text(to), to.at, Reference::Use::pair_to, pairs.size()});
  pairs.push_back({no_index, no_index, limit});
}

// The step that undoes `node`: the type of an event, or a map of it and its options.
void StepReader::compensation(NodeIndex node, const Value& undo) {
  const Value* given = nullptr;
  const Value* type = &undo;
  if (undo.is_map() && undo.fields.size() == 1) {
    type = &undo.fields[0].key;
    given = &undo.fields[0].value;
    if (!given->is_map() && !given->is_null())
      error(given->at, "not-a-map", "options such as `by:` are wanted here, or nothing");
  }
  const std::string name = text(*type);
  if (name.empty()) return;
  const NodeIndex event =
      builder_.add(NodeKind::boundary_event, "boundaryEvent", builder_.node(node).id + "-undo", undo.at);
  builder_.node(event).event = EventKind::compensation;
  builder_.node(event).attached_to = node;
  const NodeIndex handler = bound(NodeKind::task, "task", name, undo.at);
  builder_.node(handler).for_compensation = true;
  builder_.node(handler).compensates = node;
  if (given != nullptr && known_keys(*given, {"by", "within", "name", "id", "events", "starts"}))
    options(handler, *given);
}

// A map of labelled ways, or a list of ways; a way is a step, a list of steps, or nothing.
OpenFlows StepReader::branches(NodeKind kind, const Value& content, OpenFlows before) {
  struct Way {
    std::string label;
    const Value* steps;
  };
  std::vector<Way> ways;
  for (const auto& [key, value] : content.fields) ways.push_back({key.text, &value});
  for (const auto& item : content.items) ways.push_back({"", &item});
  if (ways.size() < 2) {
    error(content.at, "too-few-ways", "two ways or more are wanted here: a list of them, or `label: steps` for each");
    return before;
  }
  const NodeIndex split = builder_.gateway(kind, content.at);
  builder_.tie(before, split);
  OpenFlows out;
  for (const auto& way : ways) {
    const OpenFlows after = sequence(*way.steps, {{split, way.label}});
    out.insert(out.end(), after.begin(), after.end());
  }
  return builder_.join(out, kind, content.at);
}

OpenFlows StepReader::optional(const Value& content, OpenFlows before) {
  const NodeIndex split = builder_.gateway(NodeKind::exclusive_gateway, content.at);
  const OpenFlows open = builder_.then(before, split);
  OpenFlows out = sequence(content, open);
  out.insert(out.end(), open.begin(), open.end());
  return builder_.join(out, NodeKind::exclusive_gateway, content.at);
}

// One turn or more; `between:` happens from each turn to the next.
OpenFlows StepReader::repeat(const Value& map, const Value& content, OpenFlows before) {
  if (!known_keys(map, {"repeat", "between"})) return before;
  const NodeIndex head = builder_.gateway(NodeKind::exclusive_gateway, content.at);
  const OpenFlows body = sequence(content, builder_.then(before, head));
  if (body.empty()) {
    error(content.at, "never-reached", "what ends cannot be repeated: let the last step of `repeat:` go on");
    return {};
  }
  const NodeIndex again = builder_.gateway(NodeKind::exclusive_gateway, content.at);
  const OpenFlows out = builder_.then(body, again);
  const Value* between = field(map, "between");
  builder_.tie(between == nullptr ? out : sequence(*between, out), head);
  return out;
}

// One or more of it at the same time.
OpenFlows StepReader::each(const Value& map, const Value& content, OpenFlows before) {
  if (!known_keys(map, {"each", "in turn"})) return before;
  const Value* turn = field(map, "in turn");
  const Repeats repeats = turn != nullptr && truth(*turn) ? Repeats::sequential_instances : Repeats::parallel_instances;
  const NodeIndex node = builder_.add(NodeKind::sub_process, "subProcess", "each", content.at);
  builder_.node(node).repeats = repeats;
  before = builder_.then(before, node);
  OpenFlows inner = builder_.enter(node, content.at);
  builder_.leave(sequence(content, std::move(inner)), content.at);
  return before;
}

OpenFlows StepReader::group(const Value& map, const Value& content, OpenFlows before) {
  if (!known_keys(map, {"group", "steps", "on", "meanwhile", "within"})) return before;
  const std::string name = text(content);
  const NodeIndex node = builder_.add(NodeKind::sub_process, "subProcess", name.empty() ? "group" : name, content.at);
  OpenFlows out = builder_.then(before, node);
  OpenFlows inner = builder_.enter(node, content.at);
  if (const Value* steps = field(map, "steps")) {
    builder_.leave(sequence(*steps, std::move(inner)), content.at);
  } else {
    error(content.at, "no-steps", "the group " + in_quotes(name) + " has no `steps:`");
    builder_.leave(inner, content.at);
  }
  if (const Value* limit = field(map, "within")) within(*limit, node);
  for (const bool interrupting : {true, false}) {
    const Value* handlers = field(map, interrupting ? "on" : "meanwhile");
    if (handlers == nullptr) continue;
    const OpenFlows more = boundary(node, *handlers, interrupting);
    out.insert(out.end(), more.begin(), more.end());
  }
  return builder_.join(out, NodeKind::exclusive_gateway, content.at);
}

// The time of `after 2h`; what is no duration is only a name for a timer whose time nobody knows.
std::optional<std::chrono::milliseconds> StepReader::timer(const Value& type) {
  const auto limit = parse_duration(std::string_view{type.text}.substr(6));
  if (!limit)
    add_finding(findings_, limits_,
                {type.at, Severity::info, "timer",
                 in_quotes(type.text) + " has no duration that is known: no deadline comes of it"});
  return limit;
}

// `after 2h` is a timer, which does not show; everything else the type of an event.
NodeIndex StepReader::handler(NodeIndex host, const Value& type) {
  NodeIndex index = no_index;
  if (type.text.substr(0, 6) == "after ") {
    const auto limit = timer(type);
    index = builder_.add(NodeKind::boundary_event, "boundaryEvent", type.text, type.at);
    builder_.node(index).event = EventKind::timer;
    if (!builder_.node(host).deadline) builder_.node(host).deadline = limit;
  } else {
    index = bound(NodeKind::boundary_event, "boundaryEvent", type.text, type.at);
    builder_.node(index).event = EventKind::message;
    builder_.node(index).message = type.text;
  }
  builder_.node(index).attached_to = host;
  return index;
}

// What happens when an event comes while the group runs. After an interrupting one the process goes on behind the
// group; what happens meanwhile ends by itself.
OpenFlows StepReader::boundary(NodeIndex host, const Value& handlers, bool interrupting) {
  OpenFlows out;
  if (!handlers.is_map()) error(handlers.at, "not-a-map", "`type of the event: steps` is wanted here");
  for (const auto& [type, steps] : handlers.fields) {
    const NodeIndex event = handler(host, type);
    builder_.node(event).interrupting = interrupting;
    const OpenFlows after = sequence(steps, {{event, {}}});
    if (interrupting)
      out.insert(out.end(), after.begin(), after.end());
    else if (!after.empty())
      builder_.tie(after, builder_.add(NodeKind::end_event, "endEvent", type.text + "-end", type.at));
  }
  return out;
}

void StepReader::process_handlers(const Value& handlers, bool interrupting) {
  if (!handlers.is_map()) error(handlers.at, "not-a-map", "`type of the event: steps` is wanted here");
  for (const auto& [type, steps] : handlers.fields) {
    const NodeIndex owner = builder_.add(NodeKind::event_sub_process, "subProcess", "on " + type.text, type.at);
    builder_.node(owner).interrupting = interrupting;
    const OpenFlows start = builder_.enter(owner, type.at);
    auto& event = builder_.node(start.front().from);
    event.name = type.text;
    event.interrupting = interrupting;
    if (type.text.substr(0, 6) == "after ") {
      event.event = EventKind::timer;
      timer(type);
    } else {
      event.event = EventKind::message;
      event.message = type.text;
      event.types = {type.text};
      event.bound = true;
      event.shows = Shows::required;
    }
    builder_.leave(sequence(steps, start), type.at);
  }
}

// `undo: all` undoes what is done, in any order; `undo: payment.taken` that alone.
OpenFlows StepReader::undo(const Value& content, const OpenFlows& before) {
  OpenFlows out = before;
  for (const auto& name : texts(content)) {
    const NodeIndex node = builder_.add(NodeKind::throw_event, "intermediateThrowEvent", "undo", content.at);
    builder_.node(node).event = EventKind::compensation;
    if (name != "all") references_.push_back({name, content.at, Reference::Use::undoes, node});
    out = builder_.then(out, node);
  }
  return out;
}

// `end: failed` ends this way, `stop: failed` the whole process.
OpenFlows StepReader::end(const std::string& key, const Value& content, const OpenFlows& before) {
  const std::string outcome = content.is_null() ? "completed" : text(content);
  const NodeIndex node = builder_.add(NodeKind::end_event, "endEvent", outcome, content.at);
  auto& end = builder_.node(node);
  if (key == "stop") end.event = EventKind::terminate;
  if (outcome == "failed") {
    end.outcome = Outcome::failed;
  } else if (outcome == "compensated") {
    end.outcome = Outcome::compensated;
  } else if (outcome != "completed") {
    error(content.at, "unknown-outcome", in_quotes(outcome) + " is no outcome: completed, failed or compensated");
  }
  builder_.tie(before, node);
  return {};
}

void StepReader::resolve() {
  auto& model = builder_.model();
  std::unordered_map<std::string, NodeIndex> steps;
  std::vector<std::string> names;
  for (NodeIndex i = 0; i < model.nodes.size(); ++i) {
    const auto& node = model.nodes[i];
    if (node.kind != NodeKind::task && node.kind != NodeKind::sub_process) continue;
    steps.try_emplace(node.id, i);
    steps.try_emplace(node.name, i);
    for (const auto& type : node.types) steps.try_emplace(type, i);
    if (names.size() < 1000) names.push_back(node.name);
  }
  for (const auto& reference : references_) {
    const auto found = steps.find(reference.name);
    if (found == steps.end()) {
      const bool few = findings_.size() < 20;  // a hint costs time, and nobody reads hundreds
      error(reference.at, "unknown-step",
            in_quotes(reference.name) + " is no step of this process" + (few ? hint(reference.name, names) : ""));
      continue;
    }
    switch (reference.use) {
      case Reference::Use::pair_from:
        model.pair_deadlines[reference.index].from = found->second;
        break;
      case Reference::Use::pair_to:
        model.pair_deadlines[reference.index].to = found->second;
        break;
      case Reference::Use::undoes:
        model.nodes[reference.index].compensates = found->second;
        break;
    }
  }
}

}  // namespace laban::monitor::yaml
