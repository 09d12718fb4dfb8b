// monitor/api_services.cpp - /api/v1/services: what each service says and reacts to, and what waits for it.
#include <algorithm>
#include <map>

#include "monitor/api.hpp"
#include "monitor/api_answers.hpp"
#include "monitor/api_questions.hpp"
#include "monitor/explain.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t waiting_examined_max = 2000;  // stuck and late instances in one answer

// The service that says a type most often.
std::map<std::string, std::string> usual_sources(const ServicesSeen& seen) {
  std::map<std::string, std::pair<std::uint64_t, std::string>> most;
  for (const auto& service : seen.services) {
    for (const auto& published : service->published) {
      auto& best = most[published.type];
      if (published.count > best.first) best = {published.count, service->id};
    }
  }
  std::map<std::string, std::string> out;
  for (auto& [type, best] : most) out.emplace(type, std::move(best.second));
  return out;
}

// What waits for a service: by definition, step and the type that is missing.
struct Missing {
  std::uint64_t count = 0;
  Time since{};
  std::string sample;
};
using MissingKey = std::tuple<DefinitionIndex, std::string, std::string>;  // definition, step, type
using MissingOf = std::map<std::string, std::map<MissingKey, Missing>>;    // by service

ListQuery flagged(const Snapshot& counts) {
  ListQuery query;
  query.limit = waiting_examined_max;
  for (const auto& definition : counts.definitions) {
    const std::size_t steps = definition->facts->step_names.size();
    for (std::size_t cell = 0; cell < (steps + 1) * buckets; ++cell) {
      const Bucket bucket = bucket_at(cell % buckets);
      const std::size_t step = cell / buckets;
      const std::uint64_t count = definition->statistics.cell(step, cell % buckets);
      if (count > 0 && is_live(bucket.state) && bucket.flags != 0)
        query.parts.push_back(
            {definition->facts->index, bucket, step == steps ? no_cell_step : static_cast<std::uint16_t>(step), count});
    }
  }
  return query;
}

Json json_service(const ServiceSeen& service) {
  Json publishes = Json::array();
  for (const auto& published : service.published)
    publishes.push_back(
        {{"type", published.type}, {"count", published.count}, {"lastAt", json_time(published.last_at)}});
  Json consumes = Json::array();
  for (const auto& reaction : service.reactions) {
    consumes.push_back({{"type", reaction.type},
                        {"reactions", reaction.took.count()},
                        {"p50Seconds", reaction.took.quantile(0.5)},
                        {"p99Seconds", reaction.took.quantile(0.99)}});
  }
  return {{"id", service.id},
          {"events", service.events},
          {"lastHeard", json_time(service.last_heard)},
          {"publishes", std::move(publishes)},
          {"consumes", std::move(consumes)}};
}

}  // namespace

HttpResponse Api::services(const HttpRequest& request) const {
  allow_parameters(request, {});
  const Published at = now(board_);
  const auto usual = usual_sources(*at.services);
  std::map<std::string, Json> rows;
  for (const auto& service : at.services->services) rows.emplace(service->id, json_service(*service));

  MissingOf missing;
  const ListPage waiting = at.view->list(flagged(*at.counts));
  for (const auto& row : waiting.rows) {
    const auto entry = catalogue_.find(row.name.definition);
    const auto stored = at.view->instance(row.name);
    const auto seen = entry && stored ? catalogue_.read(row.name.definition, stored->bytes) : std::nullopt;
    if (!seen) continue;
    std::string step;
    for (const auto& name : seen->steps) step += (step.empty() ? "" : ", ") + name;
    for (const auto& type : seen->expected) {
      auto from = publishers_of(entry->model, {type});
      const auto said = usual.find(type);
      if (from.empty() && said != usual.end()) from.push_back(said->second);
      for (const auto& service : from) {
        Missing& here = missing[service][{row.name.definition, step, type}];
        if (here.count++ == 0 || seen->last_event_at < here.since) {
          here.since = seen->last_event_at;
          here.sample = id_of(row.name, *at.counts, *at.view);
        }
      }
    }
  }
  // Services that a definition names and that were never heard are the silent ones.
  for (const auto& definition : at.counts->definitions) {
    const auto entry = definition->active ? catalogue_.find(definition->facts->index) : nullptr;
    if (!entry) continue;
    for (const auto& id : publishers_of(entry->model, definition->facts->step_names)) {
      ServiceSeen silent;
      silent.id = id;
      rows.emplace(id, json_service(silent));
    }
  }
  Json out = Json::array();
  for (auto& [id, row] : rows) {
    std::uint64_t count = 0;
    Json all = Json::array();
    for (const auto& [key, here] : missing[id]) {
      const DefinitionFacts& facts = *at.counts->definitions[std::get<0>(key)]->facts;
      count += here.count;
      all.push_back({{"definition", facts.id},
                     {"version", facts.version},
                     {"step", std::get<1>(key)},
                     {"type", std::get<2>(key)},
                     {"count", here.count},
                     {"since", json_time(here.since)},
                     {"sample", here.sample}});
    }
    row["missing"] = std::move(all);
    row["missingCount"] = count;
    out.push_back(std::move(row));
  }
  return answer({{"offset", at.counts->offset},
                 {"services", std::move(out)},
                 {"examined", waiting.rows.size()},
                 {"waiting", waiting.total},
                 {"omitted", at.services->omitted},
                 {"unmatched", at.services->unmatched}});
}

}  // namespace laban::monitor
