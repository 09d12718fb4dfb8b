// monitor/api_json.hpp - the pieces of the API's answers.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "monitor/catalogue.hpp"
#include "monitor/core/snapshot.hpp"
#include "monitor/edge/history/store.hpp"

namespace laban::monitor {

using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 become U+FFFD.
std::string dump(const Json& document);

Json json_time(Time time);  // RFC 3339 in UTC; null for the epoch
Json json_states(const Statistics& statistics);
Json json_flags(const Statistics& statistics);
Json json_verdicts(const Statistics& statistics);
Json json_definition(const DefinitionCounts& counts);
Json json_drawing(const CatalogueEntry& entry);
Json json_steps(const DefinitionCounts& counts, const CatalogueEntry& entry);
Json json_edges(const DefinitionCounts& counts);           // how long from one step to the next
Json json_forecast_error(const DefinitionCounts& counts);  // of the ends that were forecast
// When a live instance will end, by those before it; null where too little is known.
Json json_forecast(const DefinitionCounts& counts, const InstanceRow& row, Time now);
// `id` by the rule of the contract.
Json json_row(const InstanceRow& row, const std::string& id, const DefinitionFacts& facts);
Json json_deviation(const Deviation& deviation);
// The rules that let deviations of the process pass at that instant.
Json json_accepted(const Snapshot& counts, const std::string& process);

// The id of an instance: its key where no other has it, else with its definition, and its run where there are several.
std::string id_of(const InstanceName& name, const Snapshot& counts, const StoreView& view);
// The instance that an id means; nothing where there is none.
std::optional<InstanceName> name_of(const std::string& id, const Snapshot& counts, const StoreView& view);

}  // namespace laban::monitor
