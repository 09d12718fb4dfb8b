// monitor/edge/pnml/read_pnml.cpp - PNML by pugixml.
#include "monitor/edge/pnml/read_pnml.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <pugixml.hpp>

namespace laban::monitor {
namespace {

constexpr std::size_t most_sinks = 8;  // whose every combination counts as an end
constexpr unsigned heaviest_arc = 100;

std::string_view local(const char* name) {
  const std::string_view whole(name);
  const auto colon = whole.find(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const auto& one : node.children())
    if (local(one.name()) == name) return one;
  return {};
}

bool like(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

// <name><text>here</text></name>, as every label of PNML; as it stands, because events are matched by it, but for the line
// breaks of a pretty printer.
std::string label(const pugi::xml_node& node, std::string_view name) {
  const std::string raw = child(child(node, name), "text").child_value();
  return raw.find('\n') == std::string::npos ? raw : one_line(raw);
}

// The number at the end of a marking or inscription: "1", "Default,1", "1`()".
unsigned tokens(const std::string& text) {
  const auto digit = text.find_last_of("0123456789");
  if (digit == std::string::npos) return 0;
  const auto before = text.find_last_not_of("0123456789", digit);
  return static_cast<unsigned>(
      std::min(std::strtoul(text.c_str() + (before == std::string::npos ? 0 : before + 1), nullptr, 10), 100000ul));
}

class Reader {
 public:
  Reader(std::string text, std::string file, const TextLimits& limits)
      : text_(std::move(text)), file_(std::move(file)), limits_(limits), lines_(text_) {}

  void read(PnmlFile& out);

 private:
  void collect(const pugi::xml_node& parent);
  void add_place(const pugi::xml_node& node);
  void add_transition(const pugi::xml_node& node);
  void add_arc(const pugi::xml_node& node);
  void mark_start();
  void mark_ends(const pugi::xml_node& net);
  StepIndex step(const std::string& name);
  std::string resolved(std::string id) const;
  Location place_of(const pugi::xml_node& node) const;
  void error(const pugi::xml_node& at, const char* id, const std::string& what);
  bool is_silent(const pugi::xml_node& node, const std::string& name) const;

  std::string text_;
  std::string file_;
  const TextLimits& limits_;
  LineIndex lines_;
  std::vector<Finding> findings_;
  Net net_;
  std::map<std::string, PlaceIndex> places_;
  std::map<std::string, TransitionIndex> transitions_;
  std::map<std::string, std::string> references_;
  std::map<std::string, StepIndex> steps_;
  std::vector<pugi::xml_node> arcs_;
  std::vector<Location> transition_at_;
};

Location Reader::place_of(const pugi::xml_node& node) const {
  return lines_.locate(static_cast<std::size_t>(std::max<std::ptrdiff_t>(node.offset_debug(), 0)), file_);
}

void Reader::error(const pugi::xml_node& at, const char* id, const std::string& what) {
  add_finding(findings_, limits_, {place_of(at), Severity::error, id, what});
}

void Reader::read(PnmlFile& out) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(text_.data(), text_.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    out.findings.push_back({lines_.locate(static_cast<std::size_t>(parsed.offset), file_), Severity::error, "xml",
                            std::string("not well-formed XML (") + parsed.description() + "): save it anew"});
    return;
  }
  const pugi::xml_node root = document.document_element();
  const pugi::xml_node net = local(root.name()) == "pnml" ? child(root, "net") : pugi::xml_node{};
  if (!net) {
    out.findings.push_back({lines_.locate(0, file_), Severity::error, "no-net",
                            local(root.name()) == "pnml" ? "there is no <net> in it: export one"
                                                         : "the root element is <" + in_quotes(root.name()) +
                                                               ">, not <pnml>: name a PNML file"});
    return;
  }
  out.id = net.attribute("id").value();
  out.name = label(net, "name");
  collect(net);
  for (const auto& arc : arcs_) add_arc(arc);
  if (net_.transitions.empty() && findings_.empty())
    error(net, "empty", "the net has no transitions: nothing to follow");
  net_.initial.resize(net_.places.size(), 0);
  mark_start();
  mark_ends(net);
  out.findings.insert(out.findings.end(), findings_.begin(), findings_.end());
  if (has_errors(out.findings)) return;
  out.net = std::move(net_);
  out.transition_at = std::move(transition_at_);
}

void Reader::collect(const pugi::xml_node& parent) {
  for (const auto& node : parent.children()) {
    const std::string_view name = local(node.name());
    if (name == "place")
      add_place(node);
    else if (name == "transition")
      add_transition(node);
    else if (name == "arc")
      arcs_.push_back(node);
    else if (name == "page")
      collect(node);
    else if (name == "referencePlace" || name == "referenceTransition")
      references_[node.attribute("id").value()] = node.attribute("ref").value();
  }
}

void Reader::add_place(const pugi::xml_node& node) {
  const std::string id = node.attribute("id").value();
  if (!places_.emplace(id, static_cast<PlaceIndex>(net_.places.size())).second)
    return error(node, "twice", "a second place with the id '" + in_quotes(id) + "'");
  net_.places.emplace_back().name = id;
  const unsigned held = tokens(label(node, "initialMarking"));
  if (held > max_tokens)
    error(node, "tokens", "more than " + std::to_string(max_tokens) + " tokens on one place are not followed");
  net_.initial.push_back(static_cast<char>(std::min(held, max_tokens)));
}

bool Reader::is_silent(const pugi::xml_node& node, const std::string& name) const {
  if (name.empty() || like(name, "invisible") || like(name, "$invisible$") || like(name, "tau") || name == "\u03c4")
    return true;
  if (node.attribute("invisible").as_bool() || child(node, "invisible")) return true;
  for (const auto& tool : node.children()) {
    if (local(tool.name()) != "toolspecific") continue;
    if (std::strcmp(tool.attribute("activity").value(), "$invisible$") == 0 || tool.attribute("invisible").as_bool() ||
        child(tool, "invisible"))
      return true;
  }
  return false;
}

StepIndex Reader::step(const std::string& name) {
  const auto [entry, is_new] = steps_.emplace(name, static_cast<StepIndex>(net_.steps.size()));
  if (is_new) {
    Step step;
    step.name = step.id = name;
    step.required = true;
    step.types = {name};
    net_.steps.push_back(std::move(step));
  }
  return entry->second;
}

void Reader::add_transition(const pugi::xml_node& node) {
  const std::string id = node.attribute("id").value();
  if (!transitions_.emplace(id, static_cast<TransitionIndex>(net_.transitions.size())).second)
    return error(node, "twice", "a second transition with the id '" + in_quotes(id) + "'");
  Transition transition;
  const std::string name = label(node, "name");
  if (!is_silent(node, name)) transition.step = step(name);
  net_.transitions.push_back(std::move(transition));
  transition_at_.push_back(place_of(node));
}

std::string Reader::resolved(std::string id) const {
  for (std::size_t turns = 0; turns <= references_.size(); ++turns) {
    const auto found = references_.find(id);
    if (found == references_.end()) return id;
    id = found->second;
  }
  return id;
}

void Reader::add_arc(const pugi::xml_node& node) {
  const std::string from = resolved(node.attribute("source").value()), to = resolved(node.attribute("target").value());
  const bool into = places_.contains(from) && transitions_.contains(to);
  if (!into && !(transitions_.contains(from) && places_.contains(to)))
    return error(node, "arc",
                 "the arc from '" + in_quotes(from) + "' to '" + in_quotes(to) +
                     "' does not join a place and a transition of the net");
  const std::string inscription = label(node, "inscription");
  const unsigned weight = inscription.empty() ? 1 : tokens(inscription);
  if (weight > heaviest_arc)
    return error(node, "weight", "an arc of weight over " + std::to_string(heaviest_arc) + " is not followed");
  std::string kind = label(node, "arctype");
  if (kind.empty()) kind = label(node, "type");
  const pugi::xml_node plain = child(node, "type");
  if (kind.empty() && plain) kind = plain.attribute("value").value();
  if (into) {
    Transition& transition = net_.transitions[transitions_[to]];
    const PlaceIndex place = places_[from];
    if (like(kind, "inhibitor"))
      transition.empty.push_back(place);
    else if (like(kind, "reset"))
      transition.clear.push_back(place);
    else if (like(kind, "read") || like(kind, "test"))
      transition.need.push_back(place);
    else
      transition.take.insert(transition.take.end(), weight, place);
  } else {
    auto& put = net_.transitions[transitions_[from]].put;
    put.insert(put.end(), weight, places_[to]);
  }
}

void Reader::mark_start() {
  if (std::any_of(net_.initial.begin(), net_.initial.end(), [](char held) { return held != 0; })) return;
  std::vector<bool> fed(net_.places.size(), false);
  for (const Transition& transition : net_.transitions)
    for (PlaceIndex place : transition.put) fed[place] = true;
  for (PlaceIndex place = 0; place < net_.places.size(); ++place)
    if (!fed[place]) net_.initial[place] = 1;
}

void Reader::mark_ends(const pugi::xml_node& net) {
  const Marking nothing(net_.places.size(), 0);
  const auto read_markings = [&](const pugi::xml_node& list) {
    for (const auto& one : list.children()) {
      if (local(one.name()) != "marking") continue;
      Marking marking = nothing;
      for (const auto& place : one.children()) {
        const auto found = places_.find(resolved(place.attribute("idref").value()));
        if (local(place.name()) != "place" || found == places_.end()) continue;
        marking[found->second] =
            static_cast<char>(std::min(tokens(one_line(child(place, "text").child_value())), max_tokens));
      }
      if (marking != nothing) net_.finals.push_back(std::move(marking));
    }
  };
  for (const auto& list : net.children()) {
    if (local(list.name()) == "finalmarkings") read_markings(list);
    if (local(list.name()) == "page") read_markings(child(list, "finalmarkings"));
  }
  if (!net_.finals.empty()) return;
  std::vector<bool> drained(net_.places.size(), false);
  for (const Transition& transition : net_.transitions)
    for (PlaceIndex place : transition.take) drained[place] = true;
  std::vector<PlaceIndex> sinks;
  for (PlaceIndex place = 0; place < net_.places.size(); ++place)
    if (!drained[place]) sinks.push_back(place);
  const std::size_t combined = std::min(sinks.size(), most_sinks);
  for (std::size_t bits = 1; bits < (std::size_t{1} << combined); ++bits) {
    Marking marking = nothing;
    for (std::size_t i = 0; i < combined; ++i)
      if (bits >> i & 1) marking[sinks[i]] = 1;
    net_.finals.push_back(std::move(marking));
  }
  for (std::size_t i = combined; i < sinks.size(); ++i) {
    Marking marking = nothing;
    marking[sinks[i]] = 1;
    net_.finals.push_back(std::move(marking));
  }
}

}  // namespace

PnmlFile read_pnml(std::string_view bytes, const std::string& file, const TextLimits& limits) {
  PnmlFile out;
  if (auto refusal = size_refusal(bytes.size(), limits, file)) {
    out.findings.push_back(*refusal);
    return out;
  }
  std::string text = to_utf8(bytes, file, out.findings);
  if (auto refusal = xml_refusal(text, limits, file)) {
    out.findings.push_back(*refusal);
    return out;
  }
  Reader(std::move(text), file, limits).read(out);
  return out;
}

}  // namespace laban::monitor
