// monitor/api.cpp - the questions of /api/v1.
#include "monitor/api.hpp"

#include <algorithm>
#include <map>

#include "laban/error.hpp"
#include "monitor/api_answers.hpp"
#include "monitor/api_json.hpp"
#include "monitor/api_questions.hpp"
#include "monitor/edge/clock/wall_clock.hpp"
#include "monitor/explain.hpp"
#include "monitor/export.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t limit_default = 100;
constexpr std::size_t limit_max = 1000;
constexpr std::size_t events_max = 10'000;  // of one instance in one answer
constexpr std::size_t export_max = 100'000'000;

const DefinitionCounts& definition_called(const Snapshot& counts, const std::string& id,
                                          const std::optional<std::string>& version) {
  const DefinitionCounts* found = nullptr;
  for (const auto& definition : counts.definitions) {
    if (definition->facts->id == id && (!version || *version == definition->facts->version)) found = definition.get();
  }
  if (!found)
    throw HttpError(
        404, "no-definition",
        "no definition is called " + id + (version ? " in version " + *version : "") + ": see /api/v1/definitions");
  return *found;
}

Json json_status(const Published& at, const std::string& version) {
  const Snapshot& counts = *at.counts;
  Statistics all;
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  for (const auto& definition : counts.definitions) {
    for (std::size_t i = 0; i < buckets; ++i) all.instances[i] += definition->statistics.instances[i];
    started += definition->totals.started;
    for (const auto n : definition->totals.ended) ended += n;
  }
  const bool behind = counts.head > counts.offset && counts.hub_time > counts.last_event_at;
  return {{"offset", counts.offset},
          {"head", counts.head},
          {"lagSeconds", behind ? std::chrono::duration<double>(counts.hub_time - counts.last_event_at).count() : 0.0},
          {"eventsPerSecond", counts.events_per_second},
          {"gaps", counts.gaps},
          {"instances", json_states(all)},
          {"flags", json_flags(all)},
          {"verdicts", json_verdicts(all)},
          {"started", started},
          {"ended", ended},
          {"lastEventAt", json_time(counts.last_event_at)},
          {"connected", counts.connected},
          {"ready", counts.ready},
          {"now", json_time(wall_clock_now())},
          {"version", version}};
}

Json json_event(const EventSummary& event, const std::vector<Step>& steps) {
  Json out{{"offset", event.offset},
           {"id", event.id},
           {"type", event.type},
           {"source", event.source},
           {"time", json_time(event.time == Time{} ? event.recorded : event.time)}};
  out["recordedtime"] = json_time(event.recorded);
  out["causationid"] = event.causation;
  if (!event.subject.empty()) out["subject"] = event.subject;
  out["step"] = event.step < steps.size() ? Json(steps[event.step].name) : Json(nullptr);
  out["node"] = event.step < steps.size() ? Json(steps[event.step].id) : Json(nullptr);
  out["data"] = nullptr;
  return out;
}

}  // namespace

HttpResponse answer(const Json& document) {
  HttpResponse out;
  out.body = dump(document) + "\n";
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

Published now(const Board& board) {
  Published at = board.newest();
  if (!at.counts) throw HttpError(503, "starting", "the monitor reads its store: ask again in a moment");
  return at;
}

Api::Api(Board& board, const Catalogue& catalogue, std::string version, Payloads* payloads, TrackerOptions tracking)
    : board_(board),
      catalogue_(catalogue),
      version_(std::move(version)),
      payloads_(payloads),
      tracking_(tracking),
      past_(catalogue, tracking) {}

Published Api::asked(const HttpRequest& request) const {
  const Published newest = now(board_);
  const auto instant = instant_of(request);
  if (!instant) return newest;
  try {
    return instant->offset ? past_.at(newest, *instant->offset) : past_.at(newest, instant->time);
  } catch (const Error& error) {
    if (error.code() == Errc::usage) throw HttpError(410, "forgotten", error.what());
    throw;
  }
}

HttpResponse Api::status(const HttpRequest& request) const {
  allow_parameters(request, {"at"});
  return answer(json_status(asked(request), version_));
}

HttpResponse Api::definitions(const HttpRequest& request) const {
  allow_parameters(request, {"at"});
  const Published at = asked(request);
  Json out = Json::array();
  for (const auto& definition : at.counts->definitions) out.push_back(json_definition(*definition));
  HttpResponse response = answer(out);
  response.headers.emplace_back("Laban-Offset", std::to_string(at.counts->offset));
  return response;
}

HttpResponse Api::definition(const HttpRequest& request) const {
  allow_parameters(request, {"at", "version"});
  const Published at = asked(request);
  const DefinitionCounts& found = definition_called(*at.counts, request.captures.at(0), request.parameter("version"));
  const auto entry = catalogue_.find(found.facts->index);
  Json out = json_definition(found);
  out["offset"] = at.counts->offset;
  out["file"] = entry->file;
  out["bpmn"] = entry->bpmn;
  out["source"] = entry->text;
  out["steps"] = json_steps(found, *entry);
  // What was learned is of now: the past keeps counts, not what could have been said from them.
  const bool past = request.parameter("at").has_value();
  out["edges"] = past ? Json(nullptr) : json_edges(found);
  out["forecast"] = past ? Json(nullptr) : json_forecast_error(found);
  out["drawing"] = json_drawing(*entry);
  out["accepted"] = json_accepted(*at.counts, found.facts->id);
  return answer(out);
}

HttpResponse Api::instances(const HttpRequest& request) const {
  allow_parameters(request, {"definition", "version", "state", "flag", "verdict", "step", "q", "startedFrom",
                             "startedTo", "endedFrom", "endedTo", "sort", "limit", "cursor", "at", "format"});
  const bool past = request.parameter("at").has_value();
  const auto cursor = read_cursor(request);
  const Published at = cursor && !past ? board_.pinned(cursor->commits) : asked(request);
  ListQuery query = list_query(request, *at.counts);
  if (cursor) query.after = cursor->place;
  if (const auto format = request.parameter("format"); format && *format != "page")
    return export_list(request, at, std::move(query), *format);
  query.limit = limit_of(request, limit_default, limit_max);
  const ListPage page = listed_page(*at.view, query);
  Json rows = Json::array();
  for (const auto& row : page.rows)
    rows.push_back(
        json_row(row, id_of(row.name, *at.counts, *at.view), *at.counts->definitions[row.name.definition]->facts));
  Json next = nullptr;
  if (!page.next.empty()) {
    if (!past) board_.pin(at);
    next = write_cursor({at.counts->commits, page.next});
  }
  Json out{{"offset", at.counts->offset}, {"total", page.total}};
  if (!page.total_exact) out["totalAtLeast"] = true;
  out["next"] = std::move(next);
  out["instances"] = std::move(rows);
  return answer(out);
}

HttpResponse Api::export_list(const HttpRequest& request, const Published& at, ListQuery query,
                              const std::string& format) const {
  const auto known = export_format(format);
  if (!known) wrong_parameter("format", format, "csv, xes, json or page");
  const std::size_t limit = limit_of(request, export_max, export_max);
  auto writer = std::make_shared<ListExport>(at, std::move(query), *known, limit);
  HttpResponse out;
  out.content_type = content_type_of(*known);
  out.headers.emplace_back("Cache-Control", "no-store");
  out.headers.emplace_back("Content-Disposition",
                           std::string("attachment; filename=\"instances.") + word(*known) + "\"");
  out.body = writer->next().value_or("");  // what is asked wrongly is found here, before anything is sent
  out.more = [writer] { return writer->next(); };
  return out;
}

HttpResponse Api::instance(const HttpRequest& request) const {
  allow_parameters(request, {"at", "data", "format"});
  const Published at = asked(request);
  const std::string& id = request.captures.at(0);
  const auto name = name_of(id, *at.counts, *at.view);
  const auto stored = name ? at.view->instance(*name) : std::nullopt;
  if (!stored) throw HttpError(404, "no-instance", "no instance is called " + id + ": see /api/v1/instances?q=" + id);
  if (const auto format = request.parameter("format"); format && *format != "json") {
    const auto known = export_format(*format);
    if (!known) wrong_parameter("format", *format, "csv, xes or json");
    HttpResponse out;
    out.content_type = content_type_of(*known);
    out.body = export_instance(at, stored->row, *known);
    return out;
  }
  const auto entry = catalogue_.find(name->definition);
  const auto seen = catalogue_.read(name->definition, stored->bytes);
  if (!entry || !seen) throw HttpError(500, "unreadable", "instance " + id + " cannot be read from the store");
  const Time then = std::max(at.counts->hub_time, stored->row.last_event_at);
  Json out =
      json_row(stored->row, id_of(*name, *at.counts, *at.view), *at.counts->definitions[name->definition]->facts);
  out["offset"] = at.counts->offset;
  out["run"] = name->run;
  out["key"] = name->key;
  out["forecast"] = request.parameter("at")  // what was learned is of now
                        ? Json(nullptr)
                        : json_forecast(*at.counts->definitions[name->definition], stored->row, then);
  out["explanation"] = explain(*seen, entry->model, then - stored->row.last_event_at);
  Json events = Json::array();
  std::vector<std::uint64_t> offsets;
  std::map<std::uint64_t, Time> times;
  for (const auto& event : at.view->events(*name, 0, events_max)) {
    events.push_back(json_event(event, entry->steps));
    offsets.push_back(event.offset);
    times[event.offset] = event.recorded;
  }
  if (payloads_ && request.parameter("data").value_or("yes") != "no") {
    auto read = payloads_->read(offsets);
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (!read[i].reason.empty()) events[i]["dataReason"] = read[i].reason;
      events[i]["data"] = std::move(read[i].data);
    }
  }
  out["events"] = std::move(events);
  Json deviations = Json::array();
  for (const auto& deviation : seen->deviations) {
    deviations.push_back(json_deviation(deviation));
    const auto when = times.find(deviation.offset);
    const AcceptedRule* rule =
        accepted_by(*at.counts->accepted, at.counts->offset, at.counts->definitions[name->definition]->facts->id,
                    name->key, deviation, when == times.end() ? Time{} : when->second);
    if (rule != nullptr)
      deviations.back()["accepted"] = {{"reason", rule->rule.reason}, {"afterOffset", rule->after_offset}};
  }
  out["deviations"] = std::move(deviations);
  out["expected"] = seen->expected;
  out["compensation"] = {{"done", seen->done}, {"undone", seen->undone}, {"owed", seen->owed}};
  return answer(out);
}

std::string Api::status_json(const Published& at) const {
  return dump(json_status(at, version_));
}

std::string Api::definitions_json(const Published& at, const Snapshot* before) const {
  Json changed = Json::array();
  for (std::size_t i = 0; i < at.counts->definitions.size(); ++i) {
    const auto& definition = at.counts->definitions[i];
    if (before && i < before->definitions.size() && before->definitions[i] == definition) continue;
    changed.push_back(json_definition(*definition));
  }
  if (before && changed.empty()) return {};
  return dump({{"offset", at.counts->offset}, {"all", before == nullptr}, {"definitions", std::move(changed)}});
}

std::string Api::instances_json(const Published& at, const std::vector<InstanceRow>& rows, bool more) const {
  Json out = Json::array();
  for (const auto& row : rows)
    out.push_back(
        json_row(row, id_of(row.name, *at.counts, *at.view), *at.counts->definitions[row.name.definition]->facts));
  return dump({{"offset", at.counts->offset}, {"more", more}, {"instances", std::move(out)}});
}

}  // namespace laban::monitor
