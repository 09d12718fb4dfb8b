// monitor/edge/yaml/write_yaml.cpp - writes a process model in Laban's YAML form.
#include "monitor/edge/yaml/write_yaml.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "monitor/core/duration.hpp"
#include "monitor/core/source_text.hpp"
#include "monitor/edge/yaml/structure.hpp"

namespace laban::monitor {
namespace {

using yaml::Block;
using yaml::Blocks;

// A text as YAML: plain where no reader could take it for anything else, else in double quotes.
std::string scalar(const std::string& text) {
  static const std::set<std::string> words{"true", "false", "yes", "no", "null", "on", "off", "all", "y", "n", "~"};
  const auto plain_character = [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 || c == '_' || c == '.' || c == '/';
  };
  bool plain = !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0 || text[0] == '_');
  for (std::size_t i = 0; i < text.size() && plain; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool between =
        i > 0 && i + 1 < text.size() && (c == ' ' || c == '-' || c == '?' || c == '(' || c == ')' || c == '\'');
    plain = plain_character(c) || between;
  }
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (plain && words.count(lower) == 0) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  return out + "\"";
}

std::string list(const std::vector<std::string>& words) {
  if (words.size() == 1) return scalar(words[0]);
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "[" : ", ") + scalar(word);
  return out + "]";
}

const std::set<std::string> block_words{"one of", "all of", "any of", "optional", "repeat", "each",
                                        "group",  "undo",   "end",    "stop",     "step"};

class Writer {
 public:
  Writer(const ProcessModel& model, std::vector<Finding>& findings) : model_(model), findings_(findings) {
    for (const auto& pair : model.pair_deadlines) referred_.insert({pair.from, pair.to});
    for (const auto& node : model.nodes) referred_.insert(node.compensates);
  }

  std::string run(const yaml::Structure& structure) {
    out_ += "\nsteps:\n";
    blocks(structure.blocks, 2, true);
    if (structure.blocks.empty()) out_ += "  []\n";
    process_handlers(structure);
    const std::string steps = std::exchange(out_, {});
    frame();
    pair_deadlines();
    out_ += steps;
    if (unnamed_ways_)
      tell(model_.at, Severity::warning,
           "names of some ways are left out, because not every way of the gateway has its own");
    return std::move(out_);
  }

 private:
  void tell(const Location& at, Severity severity, const std::string& message) {
    add_finding(findings_, TextLimits{}, {at, severity, "not-in-yaml", message});
  }

  void line(std::size_t indent, const std::string& text) { out_ += std::string(indent, ' ') + text + "\n"; }

  void entry(const char* key, const std::string& value) {
    if (!value.empty()) line(0, std::string{key} + ": " + value);
  }

  void frame() {
    entry("process", scalar(model_.id));
    if (model_.name != model_.id && !model_.name.empty()) entry("name", scalar(model_.name));
    if (!model_.version.empty()) entry("version", scalar(model_.version));
    if (!model_.correlation.empty()) entry("correlation", scalar(model_.correlation));
    if (!model_.scope_exchange.empty()) entry("exchange", scalar(model_.scope_exchange));
    if (!model_.scope_patterns.empty()) entry("scope", list(model_.scope_patterns));
    if (model_.reruns) entry("reruns", "yes");
    if (model_.deadline) entry("within", plain_duration(*model_.deadline));
  }

  // Only between steps that were written: a node that nothing leads to is no step of the blocks.
  void pair_deadlines() {
    bool headed = false;
    for (const auto& pair : model_.pair_deadlines) {
      if (pair.from == no_index || pair.to == no_index) continue;
      const auto& from = model_.nodes[pair.from];
      const auto& to = model_.nodes[pair.to];
      if (!written_.contains(pair.from) || !written_.contains(pair.to)) {
        tell(model_.at, Severity::warning,
             "the time from '" + from.id + "' to '" + to.id + "' is left out, because one of them can never happen");
        continue;
      }
      if (!std::exchange(headed, true)) out_ += "deadlines:\n";
      line(2,
           "- {from: " + scalar(from.id) + ", to: " + scalar(to.id) + ", within: " + plain_duration(pair.limit) + "}");
    }
  }

  // Lists the blocks; `last` where nothing comes after them, so that a plain end need not be said.
  void blocks(const Blocks& all, std::size_t indent, bool last) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool tail = last && i + 1 == all.size();
      switch (all[i].kind) {
        case Block::Kind::step:
          step(all[i], indent);
          break;
        case Block::Kind::choice:
          choice(all[i], indent, tail);
          break;
        case Block::Kind::repeat:
          repeat(all[i], indent);
          break;
        case Block::Kind::end:
          end(all[i].node, indent, tail);
          break;
      }
    }
  }

  void content(const Blocks& all, std::size_t indent, bool last) {
    const std::size_t before = out_.size();
    blocks(all, indent, last);
    if (out_.size() != before) return;
    out_.pop_back();  // the line's end: nothing came below it
    out_ += " []\n";
  }

  void end(NodeIndex index, std::size_t indent, bool tail) {
    written_.insert(index);
    const auto& node = model_.nodes[index];
    const bool stops = node.event == EventKind::terminate;
    const char* outcome = node.outcome == Outcome::failed        ? "failed"
                          : node.outcome == Outcome::compensated ? "compensated"
                                                                 : "completed";
    if (tail && !stops && node.outcome == Outcome::completed) return;
    line(indent, std::string{stops ? "- stop: " : "- end: "} + outcome);
  }

  bool is_empty_way(const yaml::Way& way) const { return way.blocks.empty(); }

  void choice(const Block& block, std::size_t indent, bool tail) {
    const auto& ways = block.ways;
    const bool exclusive = block.gateway == NodeKind::exclusive_gateway;
    std::set<std::string> labels;
    for (const auto& way : ways) labels.insert(way.label);
    const bool labelled = labels.size() == ways.size() && labels.count("") == 0;
    if (exclusive && ways.size() == 2 && !labelled && is_empty_way(ways[0]) != is_empty_way(ways[1])) {
      line(indent, "- optional:");
      return content(is_empty_way(ways[0]) ? ways[1].blocks : ways[0].blocks, indent + 4, tail);
    }
    line(indent, exclusive ? "- one of:" : block.gateway == NodeKind::parallel_gateway ? "- all of:" : "- any of:");
    if (!labelled && labels.size() > 1) unnamed_ways_ = true;
    for (const auto& way : ways) {
      line(indent + 4, labelled ? scalar(way.label) + ":" : "-");
      content(way.blocks, indent + 6, tail);
    }
  }

  void repeat(const Block& block, std::size_t indent) {
    const auto& turn = block.ways[0].blocks;
    const auto& between = block.ways[1].blocks;
    if (turn.empty()) {  // a loop that is asked about before its first turn
      line(indent, "- optional:");
      line(indent + 4, "repeat:");
      return content(between, indent + 6, false);
    }
    line(indent, "- repeat:");
    content(turn, indent + 4, false);
    if (between.empty()) return;
    line(indent + 2, "between:");
    content(between, indent + 4, false);
  }

  void step(const Block& block, std::size_t indent) {
    written_.insert(block.node);
    const auto& node = model_.nodes[block.node];
    if (node.event == EventKind::compensation && node.kind != NodeKind::boundary_event) {
      line(indent, "- undo: " + (node.compensates == no_index ? "all" : scalar(model_.nodes[node.compensates].id)));
      if (node.shows != Shows::required) return;
    }
    if (node.kind == NodeKind::ad_hoc || node.kind == NodeKind::transaction)
      tell(node.at, Severity::error, in_quotes(node.name) + " is a <" + node.element + ">, for which YAML has no word");
    if (!block.handlers.empty() || (!block.inner.empty() && node.repeats == Repeats::once)) return group(block, indent);
    repeated(block, indent);
  }

  void repeated(const Block& block, std::size_t indent) {
    const auto& node = model_.nodes[block.node];
    if (node.repeats == Repeats::once) return inside(block, indent);
    std::size_t inner = indent + 4;
    if (node.may_run_zero_times) {
      line(indent, "- optional:");
      indent += 4;
      inner += 2;
      line(indent, node.repeats == Repeats::loop ? "repeat:" : "each:");
    } else {
      line(indent, node.repeats == Repeats::loop ? "- repeat:" : "- each:");
    }
    inside(block, inner);
    if (node.repeats == Repeats::sequential_instances) line(inner - 2, "in turn: yes");
  }

  void inside(const Block& block, std::size_t indent) {
    if (block.inner.empty()) return plain_step(block.node, indent);
    content(block.inner.front(), indent, true);
  }

  void group(const Block& block, std::size_t indent) {
    const auto& node = model_.nodes[block.node];
    line(indent, "- group: " + scalar(node.name));
    line(indent + 2, "steps:");
    if (node.repeats != Repeats::once)
      repeated(block, indent + 4);
    else
      inside(block, indent + 4);
    const bool timed = std::any_of(block.handlers.begin(), block.handlers.end(), [&](const auto& handler) {
      return model_.nodes[handler.event].event == EventKind::timer;  // `after` says the same
    });
    if (node.deadline && !block.inner.empty() && !timed) line(indent + 2, "within: " + plain_duration(*node.deadline));
    handlers(block.handlers, indent + 2);
  }

  void handlers(const std::vector<Block::Handler>& all, std::size_t indent) {
    std::set<std::string> triggers;
    for (const bool interrupting : {true, false}) {
      bool first = true;
      for (const auto& handler : all) {
        const auto& event = model_.nodes[handler.event];
        if (event.interrupting != interrupting) continue;
        written_.insert(handler.event);
        if (first) line(indent, interrupting ? "on:" : "meanwhile:");
        first = false;
        std::string trigger = event.types.empty() ? event.name : event.types.front();
        if (event.shows != Shows::required) {
          if (event.event == EventKind::timer)
            trigger = timer(event);
          else
            tell(event.at, Severity::warning, "the event " + in_quotes(event.name) + " need not show; in YAML it must");
        }
        for (unsigned number = 2; !triggers.insert(trigger).second; ++number) {
          if (number == 2) tell(event.at, Severity::error, "a second event " + in_quotes(trigger) + " on one activity");
          trigger += " (" + std::to_string(number) + ")";
        }
        line(indent + 2, scalar(trigger) + ":");
        content(handler.blocks, indent + 4, !interrupting);
      }
    }
  }

  std::string timer(const Node& event) const {
    const auto& host = event.attached_to == no_index ? event : model_.nodes[event.attached_to];
    if (host.deadline) return "after " + plain_duration(*host.deadline);
    return event.name.substr(0, 6) == "after " ? event.name : "after " + event.name;
  }

  void process_handlers(const yaml::Structure& structure) {
    std::vector<Block::Handler> all = structure.handlers;
    for (auto& handler : all)  // the start event that sets it off is the key
      if (!handler.blocks.empty() && handler.blocks.front().node == handler.event)
        handler.blocks.erase(handler.blocks.begin());
    handlers(all, 0);
  }

  void plain_step(NodeIndex index, std::size_t indent) {
    const auto& node = model_.nodes[index];
    if (node.shows == Shows::silent || (node.shows == Shows::optional && !node.named)) return;
    const std::string key = node.bound && !node.types.empty() ? node.types.front() : node.name;
    std::string options;
    const auto option = [&](const std::string& text) { options += (options.empty() ? "" : ", ") + text; };
    if (node.name != key) option("name: " + scalar(node.name));
    // A number that keeps equal names apart comes back by itself, unless something speaks of this very step.
    if (node.id != key && (!is_numbered(node.id, key) || referred_.contains(index))) option("id: " + scalar(node.id));
    std::vector<std::string> events;
    for (const auto& type : node.types)
      if (type != node.name && type != node.id) events.push_back(type);
    if (node.bound && events.size() > 1) option("events: " + list(events));
    if (!node.start_type.empty()) option("starts: " + scalar(node.start_type));
    if (!node.publishers.empty()) option("by: " + list(node.publishers));
    if (node.deadline) option("within: " + plain_duration(*node.deadline));
    if (node.shows == Shows::optional) option("expected: no");
    if (const std::string undo = undo_of(index); !undo.empty()) option("undo: " + undo);
    if (block_words.count(key) > 0)
      line(indent, "- {step: " + scalar(key) + (options.empty() ? "" : ", ") + options + "}");
    else
      line(indent, "- " + scalar(key) + (options.empty() ? "" : ": {" + options + "}"));
  }

  static bool is_numbered(const std::string& id, const std::string& key) {
    return id.size() > key.size() + 1 && id.compare(0, key.size(), key) == 0 && id[key.size()] == '-' &&
           std::all_of(id.begin() + static_cast<std::ptrdiff_t>(key.size()) + 1, id.end(),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
  }

  std::string undo_of(NodeIndex index) {
    std::string out;
    for (NodeIndex i = 0; i < model_.nodes.size(); ++i) {
      const auto& undo = model_.nodes[i];
      if (!undo.for_compensation || undo.compensates != index) continue;
      if (!out.empty() || undo.body != no_index)
        tell(undo.at, Severity::error, "in YAML one step undoes another; " + in_quotes(undo.name) + " is left out");
      if (!out.empty()) continue;
      const std::string key = undo.bound && !undo.types.empty() ? undo.types.front() : undo.name;
      std::string options;
      const auto option = [&](const std::string& text) { options += (options.empty() ? "" : ", ") + text; };
      if (undo.name != key) option("name: " + scalar(undo.name));
      if (undo.id != key && !is_numbered(undo.id, key)) option("id: " + scalar(undo.id));
      if (!undo.publishers.empty()) option("by: " + list(undo.publishers));
      if (undo.deadline) option("within: " + plain_duration(*undo.deadline));
      out = options.empty() ? scalar(key) : "{" + scalar(key) + ": {" + options + "}}";
    }
    return out;
  }

  const ProcessModel& model_;
  std::vector<Finding>& findings_;
  std::string out_;
  bool unnamed_ways_ = false;
  std::set<NodeIndex> written_;
  std::set<NodeIndex> referred_;  // by a deadline or a compensation
};

}  // namespace

std::optional<std::string> write_yaml(const ProcessModel& model, std::vector<Finding>& findings) {
  Finding obstacle;
  const auto structure = yaml::structure_of(model, obstacle);
  if (!structure) {
    findings.push_back(obstacle);
    return std::nullopt;
  }
  return Writer{model, findings}.run(*structure);
}

}  // namespace laban::monitor
