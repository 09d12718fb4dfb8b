// monitor/edge/pnml/write_pnml.cpp - what of a net plain arcs can say, and its text.
#include "monitor/edge/pnml/write_pnml.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "monitor/core/source_text.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t most_markings = 100'000;
constexpr std::size_t most_ends = 64;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

class Writer {
 public:
  Writer(const Net& net, const ProcessModel* model, std::string file, std::vector<Finding>& findings)
      : net_(net), model_(model), file_(std::move(file)), findings_(findings) {}

  std::optional<std::string> run() {
    leave_out_what_need_not_show();
    add_end();
    walk();
    check_labels();
    if (failed_) return std::nullopt;
    tell_losses();
    return text();
  }

 private:
  Location at(NodeIndex node) const {
    if (model_ == nullptr) return {file_, 1, 1};
    return node == no_index ? model_->at : model_->nodes[node].at;
  }

  void fail(NodeIndex node, const std::string& what) {
    failed_ = true;
    if (!told_.insert({node, what}).second) return;
    const std::string who =
        model_ != nullptr && node != no_index ? in_quotes(model_->nodes[node].name) + " " : std::string{"the process "};
    add_finding(findings_, TextLimits{}, {at(node), Severity::error, "not-in-pnml", who + what});
  }

  void warn(const Location& where, const std::string& what) {
    add_finding(findings_, TextLimits{}, {where, Severity::warning, "not-in-pnml", what});
  }

  // What need not show has a silent twin; a label of PNML would make it something that must.
  void leave_out_what_need_not_show() {
    if (model_ == nullptr) return;
    std::erase_if(net_.transitions, [&](const Transition& transition) {
      return transition.step != no_index && !net_.steps[transition.step].required;
    });
  }

  // A proper end of a compiled net is that nothing is left; PNML wants a token somewhere.
  void add_end() {
    if (!net_.finals.empty()) return;
    const auto counts = [&](PlaceIndex place) { return net_.places[place].counts; };
    const auto end = static_cast<PlaceIndex>(net_.places.size());
    for (Transition& transition : net_.transitions)
      if (std::none_of(transition.put.begin(), transition.put.end(), counts) &&
          std::any_of(transition.take.begin(), transition.take.end(), counts))
        transition.put.push_back(end);
    Place place;
    place.name = "end";
    place.counts = false;
    net_.places.push_back(std::move(place));
    net_.initial.push_back(0);
  }

  bool needs_more(const Transition& transition, const Marking& marking) {
    if (transition.join != no_index || !transition.any_of.empty())
      return fail(transition.node, "waits for what may still come, an inclusive join: PNML has plain arcs only"), true;
    const auto held = [&](PlaceIndex place) { return marking[place] != 0; };
    Transition plain = transition;
    plain.empty.clear();
    if (std::any_of(transition.empty.begin(), transition.empty.end(), held) && can_fire(net_, plain, marking))
      return fail(transition.node, "waits until something else is over: PNML has plain arcs only"), true;
    if (!can_fire(net_, transition, marking)) return false;
    Marking left = marking;
    for (const PlaceIndex place : transition.take) --left[place];
    for (const PlaceIndex place : transition.clear)
      if (left[place] != 0)
        return fail(transition.node, "ends what runs beside it: PNML has no arc that empties a place"), true;
    for (const PlaceIndex place : transition.put)
      if (net_.places[place].saturates && left[place] != 0)
        return fail(transition.node, "counts once what happens twice: PNML counts every token"), true;
    return false;
  }

  void walk() {
    std::set<Marking> seen{net_.initial};
    std::vector<Marking> open{net_.initial};
    Marking next;
    while (!open.empty() && !failed_) {
      const Marking marking = std::move(open.back());
      open.pop_back();
      if (net_.finals.empty() && is_final(net_, marking)) ends_.insert(marking);
      for (const Transition& transition : net_.transitions) {
        if (needs_more(transition, marking) || !can_fire(net_, transition, marking)) continue;
        if (!fire(net_, transition, marking, next))
          return fail(transition.node, "lets tokens pile up without end: see `laban check`");
        if (seen.insert(next).second) open.push_back(next);
      }
      if (seen.size() > most_markings)
        return fail(no_index, "has more than " + std::to_string(most_markings) +
                                  " markings: whether plain arcs can say it is not decided");
    }
    if (failed_) return;
    if (ends_.size() > most_ends) fail(no_index, "can end in more than " + std::to_string(most_ends) + " ways");
    if (!net_.finals.empty()) ends_.insert(net_.finals.begin(), net_.finals.end());
    if (ends_.empty()) fail(no_index, "has no proper end: see `laban check`");
  }

  const std::string& label(const Step& step) const {
    const bool bound = model_ != nullptr && step.node != no_index && model_->nodes[step.node].bound;
    return bound && !step.types.empty() ? step.types.front() : step.name;
  }

  void check_labels() {
    for (const Transition& transition : net_.transitions) {
      if (transition.step == no_index) continue;
      const Step& step = net_.steps[transition.step];
      if (transition.begins || !step.start_type.empty())
        fail(step.node, "shows twice, when it begins and when it ends: a transition of PNML shows once");
      const std::string& word = label(step);
      if (word.empty() || word == "tau" || word == "invisible" || word == "$invisible$")
        fail(step.node, "has a name that means a silent transition in PNML: give it another");
    }
  }

  void tell_losses() {
    if (model_ == nullptr) return;
    std::size_t publishers = 0, deadlines = model_->pair_deadlines.size() + (model_->deadline ? 1 : 0);
    Location first_publisher = model_->at, first_deadline = model_->at;
    for (const Node& node : model_->nodes) {
      if (!node.publishers.empty() && publishers++ == 0) first_publisher = node.at;
      if (node.deadline && deadlines++ == 0) first_deadline = node.at;
      if (node.shows == Shows::optional && node.bound)
        warn(node.at, in_quotes(node.name) + " need not show: in PNML it never does");
    }
    if (publishers > 0)
      warn(first_publisher,
           "who may say it is left out, of " + std::to_string(publishers) + " nodes: PNML has no word for it");
    if (deadlines > 0)
      warn(first_deadline,
           "deadlines are left out, " + std::to_string(deadlines) + " of them: PNML has no word for it");
    if (!model_->correlation.empty() || !model_->scope_patterns.empty() || !model_->scope_exchange.empty() ||
        model_->reruns)
      warn(model_->at, "correlation, scope and reruns are left out: PNML has no word for them");
  }

  void arcs(std::string& out, const std::vector<PlaceIndex>& places, std::size_t transition, bool in,
            std::size_t& number) const {
    std::map<PlaceIndex, unsigned> weight;
    for (const PlaceIndex place : places) ++weight[place];
    for (const auto& [place, tokens] : weight) {
      const std::string p = "p" + std::to_string(place), t = "t" + std::to_string(transition);
      out += "      <arc id=\"a" + std::to_string(number++) + "\" source=\"" + (in ? p : t) + "\" target=\"" +
             (in ? t : p) + "\"";
      out += tokens == 1 ? "/>\n" : "><inscription><text>" + std::to_string(tokens) + "</text></inscription></arc>\n";
    }
  }

  std::string text() const {
    const std::string id = model_ != nullptr ? model_->id : "net";
    const std::string name = model_ != nullptr ? model_->name : id;
    std::string out =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<pnml xmlns=\"http://www.pnml.org/version-2009/grammar/pnml\">\n"
        "  <net id=\"" +
        escaped(id) + "\" type=\"http://www.pnml.org/version-2009/grammar/pnmlcoremodel\">\n    <name><text>" +
        escaped(name) + "</text></name>\n    <page id=\"page\">\n";
    for (PlaceIndex place = 0; place < net_.places.size(); ++place) {
      out += "      <place id=\"p" + std::to_string(place) + "\"><name><text>" + escaped(net_.places[place].name) +
             "</text></name>";
      if (net_.initial[place] != 0)
        out += "<initialMarking><text>" + std::to_string(static_cast<int>(net_.initial[place])) +
               "</text></initialMarking>";
      out += "</place>\n";
    }
    for (std::size_t i = 0; i < net_.transitions.size(); ++i) {
      const StepIndex step = net_.transitions[i].step;
      out += "      <transition id=\"t" + std::to_string(i) + "\"><name><text>" +
             (step == no_index ? "tau" : escaped(label(net_.steps[step]))) + "</text></name>";
      if (step == no_index) out += "<toolspecific tool=\"ProM\" version=\"6.4\" activity=\"$invisible$\"/>";
      out += "</transition>\n";
    }
    std::size_t number = 0;
    for (std::size_t i = 0; i < net_.transitions.size(); ++i) {
      const Transition& transition = net_.transitions[i];
      auto take = transition.take, put = transition.put;
      for (const PlaceIndex place : transition.need)  // a read arc: taken and put back
        if (std::find(transition.take.begin(), transition.take.end(), place) == transition.take.end())
          take.push_back(place), put.push_back(place);
      arcs(out, take, i, true, number);
      arcs(out, put, i, false, number);
    }
    out += "    </page>\n    <finalmarkings>\n";
    for (const Marking& marking : ends_) {
      out += "      <marking>";
      for (PlaceIndex place = 0; place < net_.places.size(); ++place)
        out += "<place idref=\"p" + std::to_string(place) + "\"><text>" +
               std::to_string(static_cast<int>(marking[place])) + "</text></place>";
      out += "</marking>\n";
    }
    return out + "    </finalmarkings>\n  </net>\n</pnml>\n";
  }

  Net net_;
  const ProcessModel* model_;
  std::string file_;
  std::vector<Finding>& findings_;
  std::set<std::pair<NodeIndex, std::string>> told_;
  std::set<Marking> ends_;
  bool failed_ = false;
};

}  // namespace

std::optional<std::string> write_pnml(const Net& net, const ProcessModel* model, const std::string& file,
                                      std::vector<Finding>& findings) {
  return Writer{net, model, file, findings}.run();
}

}  // namespace laban::monitor
