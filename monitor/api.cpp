// monitor/api.cpp - the questions of /api/v1.
#include "monitor/api.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "laban/error.hpp"
#include "monitor/api_answers.hpp"
#include "monitor/api_json.hpp"
#include "monitor/edge/clock/wall_clock.hpp"
#include "monitor/explain.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t limit_default = 100;
constexpr std::size_t limit_max = 1000;
constexpr std::size_t events_max = 10'000;  // of one instance in one answer

[[noreturn]] void wrong(const std::string& name, const std::string& value, const std::string& allowed) {
  throw HttpError(400, "bad-parameter", name + "=" + value + " is not understood: use " + allowed);
}

// --- cursors: the number of the instant's commits and the place in its list, in hexadecimal

std::string write_cursor(std::uint64_t commits, const std::string& place) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  const auto add = [&](std::uint8_t byte) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  };
  for (int i = 7; i >= 0; --i) add(static_cast<std::uint8_t>(commits >> (8 * i)));
  for (const char c : place) add(static_cast<std::uint8_t>(c));
  return out;
}

struct Cursor {
  std::uint64_t commits = 0;
  std::string place;
};

std::optional<Cursor> read_cursor(const HttpRequest& request) {
  const auto text = request.parameter("cursor");
  if (!text) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i + 2 <= text->size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text->data() + i, text->data() + i + 2, value, 16);
    if (error != std::errc{} || end != text->data() + i + 2) break;
    bytes += static_cast<char>(value);
  }
  if (bytes.size() * 2 != text->size() || bytes.size() <= 8)
    throw HttpError(400, "bad-cursor", "the cursor is none that a page gave: start again without one");
  Cursor out;
  for (int i = 0; i < 8; ++i)
    out.commits = out.commits << 8 | static_cast<std::uint8_t>(bytes[static_cast<std::size_t>(i)]);
  out.place = bytes.substr(8);
  return out;
}

// --- filters

struct Filter {
  std::optional<std::string> definition;
  std::optional<std::string> version;
  std::optional<std::string> step;
  std::set<InstanceState> states;
  std::set<Verdict> verdicts;
  std::uint8_t flags = 0;

  bool wants(const Bucket& bucket) const {
    return (states.empty() || states.contains(bucket.state)) &&
           (verdicts.empty() || verdicts.contains(bucket.verdict)) && (bucket.flags & flags) == flags;
  }
};

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    out.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return out;
}

Filter filter_of(const HttpRequest& request) {
  Filter out;
  out.definition = request.parameter("definition");
  out.version = request.parameter("version");
  out.step = request.parameter("step");
  if (const auto states = request.parameter("state")) {
    for (const auto& name : words_of(*states)) {
      bool known = false;
      for (std::size_t i = 0; i < instance_states; ++i) {
        const auto state = static_cast<InstanceState>(i);
        if (name != word(state) && name != (is_live(state) ? "live" : "ended")) continue;
        out.states.insert(state);
        known = true;
      }
      if (!known)
        wrong("state", *states,
              "running, completed, failed, compensating, compensated, live or ended, several with commas");
    }
  }
  if (const auto said = request.parameter("verdict")) {
    for (const auto& name : words_of(*said)) {
      bool known = false;
      for (std::size_t i = 0; i < verdicts; ++i) {
        if (name != word(static_cast<Verdict>(i))) continue;
        out.verdicts.insert(static_cast<Verdict>(i));
        known = true;
      }
      if (!known) wrong("verdict", *said, "conforming, deviating or incomplete, several with commas");
    }
  }
  if (const auto flags = request.parameter("flag")) {
    for (const auto& name : words_of(*flags)) {
      if (name != "stuck" && name != "late") wrong("flag", *flags, "stuck or late, both with a comma");
      out.flags |= name == "stuck" ? flag_stuck : flag_late;
    }
  }
  return out;
}

std::vector<ListQuery::Part> parts_of(const Filter& filter, const Snapshot& counts) {
  std::vector<ListQuery::Part> out;
  bool known = !filter.definition;
  for (const auto& definition : counts.definitions) {
    const DefinitionFacts& facts = *definition->facts;
    if (filter.definition && *filter.definition != facts.id) continue;
    known = true;
    if (filter.version && *filter.version != facts.version) continue;
    std::vector<std::uint16_t> steps;
    if (filter.step) {
      for (std::size_t i = 0; i < facts.step_names.size(); ++i) {
        if (facts.step_names[i] == *filter.step) steps.push_back(static_cast<std::uint16_t>(i));
      }
      if (steps.empty()) continue;
    }
    for (std::size_t i = 0; i < buckets; ++i) {
      const std::uint64_t count = definition->statistics.instances[i];
      if (count > 0 && filter.wants(bucket_at(i))) out.push_back({facts.index, bucket_at(i), count, steps});
    }
  }
  if (!known)
    throw HttpError(404, "no-definition",
                    "no definition is called " + *filter.definition + ": see /api/v1/definitions");
  return out;
}

Sort sort_of(const HttpRequest& request) {
  const auto name = request.parameter("sort").value_or("stalest");
  if (name == "stalest") return Sort::stalest;
  if (name == "longest") return Sort::longest;
  if (name == "newest") return Sort::newest;
  wrong("sort", name, "stalest, longest or newest");
}

std::size_t limit_of(const HttpRequest& request) {
  const auto text = request.parameter("limit");
  if (!text) return limit_default;
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (error != std::errc{} || end != text->data() + text->size() || out == 0 || out > limit_max)
    wrong("limit", *text, "a number from 1 to 1000");
  return out;
}

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

void refuse_past(const HttpRequest& request) {
  if (request.parameter("at"))
    throw HttpError(501, "not-supported", "at= is not answered yet: leave it out for the present");
}

Published now(const Board& board) {
  Published at = board.newest();
  if (!at.counts) throw HttpError(503, "starting", "the monitor reads its store: ask again in a moment");
  return at;
}

Api::Api(Board& board, const Catalogue& catalogue, std::string version, Payloads* payloads)
    : board_(board), catalogue_(catalogue), version_(std::move(version)), payloads_(payloads) {}

HttpResponse Api::status(const HttpRequest& request) const {
  refuse_past(request);
  return answer(json_status(now(board_), version_));
}

HttpResponse Api::definitions(const HttpRequest& request) const {
  refuse_past(request);
  const Published at = now(board_);
  Json out = Json::array();
  for (const auto& definition : at.counts->definitions) out.push_back(json_definition(*definition));
  HttpResponse response = answer(out);
  response.headers.emplace_back("Laban-Offset", std::to_string(at.counts->offset));
  return response;
}

HttpResponse Api::definition(const HttpRequest& request) const {
  refuse_past(request);
  const Published at = now(board_);
  const DefinitionCounts& found = definition_called(*at.counts, request.captures.at(0), request.parameter("version"));
  const auto entry = catalogue_.find(found.facts->index);
  Json out = json_definition(found);
  out["offset"] = at.counts->offset;
  out["file"] = entry->file;
  out["bpmn"] = entry->bpmn;
  out["source"] = entry->text;
  out["steps"] = json_steps(found, *entry);
  out["drawing"] = json_drawing(*entry);
  return answer(out);
}

HttpResponse Api::instances(const HttpRequest& request) const {
  refuse_past(request);
  const auto cursor = read_cursor(request);
  Published at = now(board_);
  if (cursor) at = board_.pinned(cursor->commits);
  ListQuery query;
  query.parts = parts_of(filter_of(request), *at.counts);
  query.text = request.parameter("q").value_or("");
  query.sort = sort_of(request);
  query.limit = limit_of(request);
  if (cursor) query.after = cursor->place;
  ListPage page;
  try {
    page = at.view->list(query);
  } catch (const Error& error) {
    if (error.code() == Errc::usage) throw HttpError(400, "bad-cursor", error.what());
    throw;
  }
  Json rows = Json::array();
  for (const auto& row : page.rows)
    rows.push_back(
        json_row(row, id_of(row.name, *at.counts, *at.view), *at.counts->definitions[row.name.definition]->facts));
  Json next = nullptr;
  if (!page.next.empty()) {
    board_.pin(at);
    next = write_cursor(at.counts->commits, page.next);
  }
  return answer({{"offset", at.counts->offset},
                 {"total", page.total},
                 {"next", std::move(next)},
                 {"instances", std::move(rows)}});
}

HttpResponse Api::instance(const HttpRequest& request) const {
  refuse_past(request);
  const Published at = now(board_);
  const std::string& id = request.captures.at(0);
  const auto name = name_of(id, *at.counts, *at.view);
  const auto stored = name ? at.view->instance(*name) : std::nullopt;
  if (!stored) throw HttpError(404, "no-instance", "no instance is called " + id + ": see /api/v1/instances?q=" + id);
  const auto entry = catalogue_.find(name->definition);
  const auto seen = catalogue_.read(name->definition, stored->bytes);
  if (!entry || !seen) throw HttpError(500, "unreadable", "instance " + id + " cannot be read from the store");
  const Time then = std::max(at.counts->hub_time, stored->row.last_event_at);
  Json out =
      json_row(stored->row, id_of(*name, *at.counts, *at.view), *at.counts->definitions[name->definition]->facts);
  out["offset"] = at.counts->offset;
  out["run"] = name->run;
  out["key"] = name->key;
  out["explanation"] = explain(*seen, entry->model, then - stored->row.last_event_at);
  Json events = Json::array();
  std::vector<std::uint64_t> offsets;
  for (const auto& event : at.view->events(*name, 0, events_max)) {
    events.push_back(json_event(event, entry->steps));
    offsets.push_back(event.offset);
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
  for (const auto& deviation : seen->deviations) deviations.push_back(json_deviation(deviation));
  out["deviations"] = std::move(deviations);
  out["expected"] = seen->expected;
  out["compensation"] = {{"done", seen->done}, {"undone", seen->undone}, {"owed", seen->owed}};
  return answer(out);
}

// What waits, by where it waits: one row a step at which live instances are stuck or late, the most first.
HttpResponse Api::problems(const HttpRequest& request) const {
  refuse_past(request);
  const Published at = now(board_);
  std::vector<Json> rows;
  for (const auto& definition : at.counts->definitions) {
    const DefinitionFacts& facts = *definition->facts;
    const auto entry = catalogue_.find(facts.index);
    for (std::uint16_t step = 0; step < facts.step_names.size(); ++step) {
      for (const std::uint8_t flag : {flag_stuck, flag_late}) {
        const Tokens& tokens = definition->statistics.tokens[step];
        const std::uint64_t count = flag == flag_stuck ? tokens.stuck : tokens.late;
        if (count == 0) continue;
        ListQuery query;
        query.limit = 1;
        for (std::size_t i = 0; i < buckets; ++i) {
          const Bucket bucket = bucket_at(i);
          if (!is_live(bucket.state) || (bucket.flags & flag) == 0) continue;
          query.parts.push_back({facts.index, bucket, definition->statistics.instances[i], {step}});
        }
        const ListPage page = at.view->list(query);
        if (page.rows.empty()) continue;
        const auto stored = at.view->instance(page.rows.front().name);
        const auto seen = stored ? catalogue_.read(facts.index, stored->bytes) : std::nullopt;
        if (!seen) continue;
        const auto silent = std::max(at.counts->hub_time, seen->last_event_at) - seen->last_event_at;
        const auto from = publishers_of(entry->model, seen->expected);
        std::string text = std::to_string(count) + (count == 1 ? " instance" : " instances") + " of " + facts.name +
                           (flag == flag_stuck ? " stuck after " : " late after ") + facts.step_names[step];
        if (!seen->expected.empty()) text += ", waiting for " + listed(seen->expected, "or");
        if (!from.empty()) text += " from " + listed(from, "or");
        text += "; the oldest silent for " + in_words(silent);
        rows.push_back({{"kind", flag == flag_stuck ? "stuck" : "late"},
                        {"definition", facts.id},
                        {"version", facts.version},
                        {"step", facts.step_names[step]},
                        {"count", count},
                        {"waitsFor", seen->expected},
                        {"from", from},
                        {"since", json_time(seen->last_event_at)},
                        {"sample", id_of(page.rows.front().name, *at.counts, *at.view)},
                        {"text", text}});
      }
    }
    const std::uint64_t deviating = definition->statistics.count(Verdict::deviating);
    if (deviating == 0) continue;
    Json kinds = Json::object();
    std::string text;
    for (std::size_t i = 0; i < deviation_kinds; ++i) {
      const std::uint64_t count = definition->totals.deviations[i];
      if (count == 0) continue;
      kinds[std::string(word(static_cast<DeviationKind>(i)))] = count;
      text +=
          (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(word(static_cast<DeviationKind>(i)));
    }
    rows.push_back({{"kind", "deviating"},
                    {"definition", facts.id},
                    {"version", facts.version},
                    {"count", deviating},
                    {"deviations", kinds},
                    {"text", std::to_string(deviating) + (deviating == 1 ? " instance" : " instances") + " of " +
                                 facts.name + " deviate: " + (text.empty() ? "not settled yet" : text)}});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
    return a["count"].get<std::uint64_t>() > b["count"].get<std::uint64_t>();
  });
  return answer({{"offset", at.counts->offset}, {"problems", std::move(rows)}});
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
