// monitor/api_json.cpp - the pieces of the API's answers.
#include "monitor/api_json.hpp"

#include <algorithm>
#include <charconv>

#include "monitor/core/event_log.hpp"
#include "monitor/explain.hpp"

namespace laban::monitor {
namespace {

const char* word(NodeKind kind) {
  switch (kind) {
    case NodeKind::task:
      return "task";
    case NodeKind::call_activity:
      return "call_activity";
    case NodeKind::sub_process:
      return "sub_process";
    case NodeKind::event_sub_process:
      return "event_sub_process";
    case NodeKind::transaction:
      return "transaction";
    case NodeKind::ad_hoc:
      return "ad_hoc";
    case NodeKind::start_event:
      return "start_event";
    case NodeKind::end_event:
      return "end_event";
    case NodeKind::catch_event:
      return "catch_event";
    case NodeKind::throw_event:
      return "throw_event";
    case NodeKind::boundary_event:
      return "boundary_event";
    case NodeKind::exclusive_gateway:
      return "exclusive_gateway";
    case NodeKind::parallel_gateway:
      return "parallel_gateway";
    case NodeKind::inclusive_gateway:
      return "inclusive_gateway";
    case NodeKind::event_gateway:
      return "event_gateway";
    case NodeKind::complex_gateway:
      return "complex_gateway";
  }
  return "task";
}

const char* word(EventKind kind) {
  switch (kind) {
    case EventKind::none:
      return "none";
    case EventKind::message:
      return "message";
    case EventKind::timer:
      return "timer";
    case EventKind::signal:
      return "signal";
    case EventKind::error:
      return "error";
    case EventKind::escalation:
      return "escalation";
    case EventKind::compensation:
      return "compensation";
    case EventKind::cancel:
      return "cancel";
    case EventKind::link:
      return "link";
    case EventKind::conditional:
      return "conditional";
    case EventKind::terminate:
      return "terminate";
    case EventKind::multiple:
      return "multiple";
  }
  return "none";
}

Json json_box(const Rectangle& box) {
  return {{"x", box.x}, {"y", box.y}, {"width", box.width}, {"height", box.height}};
}

Json json_points(const std::vector<Point>& points) {
  Json out = Json::array();
  for (const auto& point : points) out.push_back({{"x", point.x}, {"y", point.y}});
  return out;
}

Json json_quantiles(const DurationHistogram& histogram) {
  if (histogram.count() == 0) return {{"count", 0}, {"mean", nullptr}, {"p50", nullptr}, {"p99", nullptr}};
  return {{"count", histogram.count()},
          {"mean", histogram.sum_seconds() / static_cast<double>(histogram.count())},
          {"p50", histogram.quantile(0.5)},
          {"p99", histogram.quantile(0.99)}};
}

const std::string& node_id(const ProcessModel& model, NodeIndex index) {
  static const std::string none;
  return index < model.nodes.size() ? model.nodes[index].id : none;
}

}  // namespace

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_time(Time time) {
  if (time == Time{}) return nullptr;
  return rfc3339(time);
}

Json json_states(const Statistics& statistics) {
  Json out = Json::object();
  for (const auto state : {InstanceState::running, InstanceState::completed, InstanceState::failed,
                           InstanceState::compensating, InstanceState::compensated}) {
    out[std::string(monitor::word(state))] = statistics.count(state);
  }
  return out;
}

Json json_flags(const Statistics& statistics) {
  return {{"stuck", statistics.count_flag(flag_stuck)}, {"late", statistics.count_flag(flag_late)}};
}

Json json_verdicts(const Statistics& statistics) {
  Json out = Json::object();
  for (const auto verdict : {Verdict::conforming, Verdict::deviating, Verdict::incomplete}) {
    out[std::string(monitor::word(verdict))] = statistics.count(verdict);
  }
  return out;
}

Json json_definition(const DefinitionCounts& counts) {
  const DefinitionFacts& facts = *counts.facts;
  std::uint64_t ended = 0;
  for (const auto n : counts.totals.ended) ended += n;
  Json out{{"id", facts.id}, {"version", facts.version}, {"name", facts.name}};
  out["sound"] = facts.sound ? Json(*facts.sound) : Json(nullptr);
  out["approximate"] = counts.approximate;
  out["active"] = counts.active;
  out["instances"] = json_states(counts.statistics);
  out["flags"] = json_flags(counts.statistics);
  out["verdicts"] = json_verdicts(counts.statistics);
  out["started"] = counts.totals.started;
  out["ended"] = ended;
  out["events"] = counts.totals.events;
  out["compensationsOwed"] = counts.totals.compensations_owed;
  out["durationSeconds"] = json_quantiles(counts.statistics.duration);
  Json at = Json::object();
  for (std::size_t i = 0; i < facts.step_ids.size(); ++i) {
    const Tokens& tokens = counts.statistics.tokens[i];
    const std::uint64_t passed = counts.statistics.passed[i];
    if (tokens.live == 0 && passed == 0) continue;
    at[facts.step_ids[i]] = {{"live", tokens.live}, {"stuck", tokens.stuck}, {"late", tokens.late}, {"passed", passed}};
  }
  out["tokens"] = std::move(at);
  return out;
}

Json json_drawing(const CatalogueEntry& entry) {
  const ProcessModel& model = entry.model;
  Json nodes = Json::array();
  for (const auto& shape : entry.drawing.shapes) {
    const Node& node = model.nodes[shape.node];
    Json out{{"id", node.id}, {"name", shape.caption}, {"kind", word(node.kind)}, {"event", word(node.event)}};
    out.update(json_box(shape.box));
    if (node.label) out["label"] = json_box(*node.label);
    const auto step =
        std::find_if(entry.steps.begin(), entry.steps.end(), [&](const Step& s) { return s.node == shape.node; });
    out["step"] = step == entry.steps.end() ? Json(nullptr) : Json(step->name);
    if (step != entry.steps.end() && !step->required) out["optional"] = true;
    if (shape.opens) out["opens"] = true;
    if (node.for_compensation) out["forCompensation"] = true;
    nodes.push_back(std::move(out));
  }
  if (nodes.empty()) return nullptr;
  Json flows = Json::array();
  for (const auto& line : entry.drawing.lines) {
    Json out{{"id", line.id}, {"name", line.caption}, {"points", json_points(line.points)}};
    if (line.flow < model.flows.size()) {
      out["from"] = node_id(model, model.flows[line.flow].from);
      out["to"] = node_id(model, model.flows[line.flow].to);
    } else {
      out["association"] = true;
    }
    if (line.label) out["label"] = json_box(*line.label);
    flows.push_back(std::move(out));
  }
  Json messages = Json::array();
  for (const auto& message : model.messages) {
    if (message.drawn.empty()) continue;
    messages.push_back({{"id", message.id}, {"name", message.name}, {"points", json_points(message.drawn)}});
  }
  Json areas = Json::array();
  for (const auto& area : entry.drawing.areas) {
    Json out{{"id", area.id}, {"name", area.name}, {"pool", area.pool}};
    out.update(json_box(area.drawn));
    areas.push_back(std::move(out));
  }
  return {{"bounds", json_box(entry.drawing.bounds)},
          {"nodes", std::move(nodes)},
          {"flows", std::move(flows)},
          {"messages", std::move(messages)},
          {"areas", std::move(areas)}};
}

Json json_steps(const DefinitionCounts& counts, const CatalogueEntry& entry) {
  Json out = Json::array();
  for (std::size_t i = 0; i < entry.steps.size(); ++i) {
    const Step* step = &entry.steps[i];
    const Tokens& tokens = counts.statistics.tokens[i];
    out.push_back({{"id", step->id},
                   {"name", step->name},
                   {"required", step->required},
                   {"publishers", step->publishers},
                   {"live", tokens.live},
                   {"stuck", tokens.stuck},
                   {"late", tokens.late},
                   {"passed", counts.statistics.passed[i]},
                   {"durationSeconds", json_quantiles(counts.statistics.step_duration[i])}});
  }
  return out;
}

Json json_edges(const DefinitionCounts& counts) {
  Json out = Json::array();
  const auto& names = counts.facts->step_names;
  for (const auto* edge : counts.forecast.edges()) {
    if (edge->from >= names.size() || edge->to >= names.size()) continue;
    out.push_back({{"from", names[edge->from]},
                   {"to", names[edge->to]},
                   {"count", edge->took.count()},
                   {"durationSeconds", json_quantiles(edge->took)}});
  }
  return out;
}

Json json_forecast_error(const DefinitionCounts& counts) {
  Json out = Json::array();
  const char* const places[] = {"quarter", "half", "threeQuarters"};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& error = counts.forecast.errors()[i];
    if (error.samples == 0) continue;
    const auto n = static_cast<double>(error.samples);
    out.push_back({{"at", places[i]},
                   {"samples", error.samples},
                   {"meanErrorSeconds", error.absolute / n},
                   {"naiveErrorSeconds", error.naive / n}});
  }
  return out;
}

Json json_forecast(const DefinitionCounts& counts, const InstanceRow& row, Time now) {
  if (!is_live(row.bucket.state) || row.steps.empty()) return nullptr;
  const auto said = counts.forecast.remaining(row.steps.back(), std::max(now - row.step_since, Time::duration{0}));
  if (!said) return nullptr;
  return {{"endsAt", json_time(now + said->left)},
          {"remainingSeconds", std::chrono::duration<double>(said->left).count()},
          {"samples", said->samples}};
}

Json json_row(const InstanceRow& row, const std::string& id, const DefinitionFacts& facts) {
  Json flags = Json::array();
  if ((row.bucket.flags & flag_stuck) != 0) flags.push_back("stuck");
  if ((row.bucket.flags & flag_late) != 0) flags.push_back("late");
  Json steps = Json::array();
  for (const auto step : row.steps) {
    if (step >= facts.step_names.size()) continue;
    const std::string& name = facts.step_names[step];
    if (std::find(steps.begin(), steps.end(), name) == steps.end()) steps.push_back(name);
  }
  return {{"id", id},
          {"definition", facts.id},
          {"version", facts.version},
          {"state", monitor::word(row.bucket.state)},
          {"flags", std::move(flags)},
          {"verdict", monitor::word(row.bucket.verdict)},
          {"steps", std::move(steps)},
          {"stepSince", json_time(row.step_since)},
          {"startedAt", json_time(row.started_at)},
          {"lastEventAt", json_time(row.last_event_at)},
          {"endedAt", json_time(row.ended_at)}};
}

Json json_deviation(const Deviation& deviation) {
  return {{"kind", monitor::word(deviation.kind)}, {"event", deviation.event},         {"index", deviation.index},
          {"missing", deviation.missing},          {"expected", deviation.expected},   {"offset", deviation.offset},
          {"settled", deviation.settled},          {"explanation", explain(deviation)}};
}

Json json_accepted(const Snapshot& counts, const std::string& process) {
  Json out = Json::array();
  if (!counts.accepted) return out;
  for (const auto& one : *counts.accepted) {
    const Acceptance& rule = one.rule;
    if (rule.process != process || !one.holds_at(counts.offset)) continue;
    Json shown{{"reason", rule.reason}, {"afterOffset", one.after_offset}};
    if (!rule.instance.empty()) shown["instance"] = rule.instance;
    if (rule.kind) shown["kind"] = monitor::word(*rule.kind);
    if (!rule.event.empty()) shown["event"] = rule.event;
    if (!rule.missing.empty()) shown["missing"] = rule.missing;
    if (rule.until) shown["until"] = json_time(*rule.until);
    out.push_back(std::move(shown));
  }
  return out;
}

std::string id_of(const InstanceName& name, const Snapshot& counts, const StoreView& view) {
  const auto all = view.named(name.key);
  if (all.size() <= 1 && name.run == 1 && (all.empty() || all.front().run == 1)) return name.key;
  const std::string qualified = counts.definitions[name.definition]->facts->id + ":" + name.key;
  const auto same =
      std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.definition == name.definition; });
  return same != all.end() && same->run == 1 ? qualified : qualified + "~" + std::to_string(name.run);
}

std::optional<InstanceName> name_of(const std::string& id, const Snapshot& counts, const StoreView& view) {
  const auto plain = view.named(id);
  if (!plain.empty()) return plain.back();  // where it is not unique: of the newest definition
  // DEFINITION:KEY and DEFINITION:KEY~RUN; both words may hold the signs themselves.
  for (auto colon = id.find(':'); colon != std::string::npos; colon = id.find(':', colon + 1)) {
    const std::string definition = id.substr(0, colon);
    const auto search = [&](const std::string& key, std::uint32_t run) -> std::optional<InstanceName> {
      std::optional<InstanceName> found;
      for (auto name : view.named(key)) {
        if (name.definition >= counts.definitions.size() ||
            counts.definitions[name.definition]->facts->id != definition || run > name.run)
          continue;
        if (run != 0) name.run = run;
        found = name;
      }
      return found;
    };
    std::string key = id.substr(colon + 1);
    if (const auto found = search(key, 0)) return found;
    const auto tilde = key.rfind('~');
    std::uint32_t run = 0;
    if (tilde == std::string::npos ||
        std::from_chars(key.data() + tilde + 1, key.data() + key.size(), run).ec != std::errc{} || run == 0)
      continue;
    if (const auto found = search(key.substr(0, tilde), run)) return found;
  }
  return std::nullopt;
}

}  // namespace laban::monitor
