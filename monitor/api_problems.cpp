// monitor/api_problems.cpp - /api/v1/problems: what is stuck, late or deviating, by what it has in common.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "monitor/api.hpp"
#include "monitor/api_answers.hpp"
#include "monitor/api_questions.hpp"
#include "monitor/explain.hpp"

namespace laban::monitor {
namespace {

constexpr std::size_t deviating_examined_max = 500;  // deviating instances whose causes are counted
constexpr std::size_t causes_max = 20;

// Deviations by what happened where, counted over the newest deviating instances, the most first.
Json causes(const Published& at, const DefinitionCounts& definition, const Catalogue& catalogue) {
  ListQuery query;
  query.sort = Sort::newest;
  query.limit = deviating_examined_max;
  const std::size_t steps = definition.facts->step_names.size();
  for (std::size_t cell = 0; cell < (steps + 1) * buckets; ++cell) {
    const std::uint64_t count = definition.statistics.cell(cell / buckets, cell % buckets);
    const Bucket bucket = bucket_at(cell % buckets);
    const std::size_t step = cell / buckets;
    if (count > 0 && bucket.verdict == Verdict::deviating)
      query.parts.push_back(
          {definition.facts->index, bucket, step == steps ? no_cell_step : static_cast<std::uint16_t>(step), count});
  }
  std::map<std::tuple<DeviationKind, std::string, std::vector<std::string>>, Json> found;
  const ListPage page = at.view->list(query);
  for (const auto& row : page.rows) {
    const auto stored = at.view->instance(row.name);
    const auto seen = stored ? catalogue.read(row.name.definition, stored->bytes) : std::nullopt;
    if (!seen) continue;
    std::set<std::tuple<DeviationKind, std::string, std::vector<std::string>>> here;
    for (const auto& deviation : seen->deviations) {
      if (!here.insert({deviation.kind, deviation.event, deviation.missing}).second) continue;
      Json& cause = found[{deviation.kind, deviation.event, deviation.missing}];
      if (cause.is_null()) {
        cause = {{"deviation", word(deviation.kind)}, {"event", deviation.event},
                 {"missing", deviation.missing},      {"count", 0},
                 {"examined", page.rows.size()},      {"sample", id_of(row.name, *at.counts, *at.view)}};
      }
      cause["count"] = cause["count"].get<std::uint64_t>() + 1;
    }
  }
  std::vector<Json> out;
  out.reserve(found.size());
  for (auto& [key, cause] : found) out.push_back(std::move(cause));
  std::stable_sort(out.begin(), out.end(), [](const Json& a, const Json& b) {
    return a["count"].get<std::uint64_t>() > b["count"].get<std::uint64_t>();
  });
  if (out.size() > causes_max) out.resize(causes_max);
  return out;
}

}  // namespace

// What waits, by where it waits: one row a step at which live instances are stuck or late, the most first.
HttpResponse Api::problems(const HttpRequest& request) const {
  allow_parameters(request, {"at"});
  const Published at = asked(request);
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
        query.by_step = true;
        for (std::size_t i = 0; i < buckets; ++i) {
          const Bucket bucket = bucket_at(i);
          const std::uint64_t there = definition->statistics.cell(step, i);
          if (there > 0 && is_live(bucket.state) && (bucket.flags & flag) != 0)
            query.parts.push_back({facts.index, bucket, step, there});
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
                    {"accepted", json_accepted(*at.counts, facts.id)},
                    {"causes", causes(at, *definition, catalogue_)},
                    {"text", std::to_string(deviating) + (deviating == 1 ? " instance" : " instances") + " of " +
                                 facts.name + " deviate: " + (text.empty() ? "not settled yet" : text)}});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
    return a["count"].get<std::uint64_t>() > b["count"].get<std::uint64_t>();
  });
  return answer({{"offset", at.counts->offset}, {"problems", std::move(rows)}});
}

}  // namespace laban::monitor
