// tests/unit/monitor/witness/followed.hpp - a witness with store, board and API, driven event by event, and orders to drive it.
#pragma once

#include <nlohmann/json.hpp>

#include <random>
#include <string>
#include <vector>

#include "monitor/api.hpp"
#include "monitor/witness.hpp"

namespace laban::test {

using namespace laban::monitor;
using namespace std::chrono_literals;
using Json = nlohmann::json;

inline const char* const order_yaml = R"(
process: order
name: Order
steps:
  - order.placed
  - one of:
      good:
        - payment.taken: {undo: payment.refunded}
        - one of:
            sent:
              - parcel.shipped
              - end: completed
            lost:
              - shipment.failed
              - undo: all
              - order.cancelled
              - end: compensated
      bad:
        - payment.refused
        - order.cancelled
        - end: failed
)";

struct TestEvent {
  std::uint64_t offset = 0;
  std::string key;
  std::string type;
  Time time{};
  std::string cause = {};
};

// Orders in random interleaving; some skip, repeat or add a step.
inline std::vector<TestEvent> random_events(std::mt19937_64& random, std::size_t orders) {
  static const std::vector<std::vector<std::string>> stories{
      {"order.placed", "payment.taken", "parcel.shipped"},
      {"order.placed", "payment.refused", "order.cancelled"},
      {"order.placed", "payment.taken", "shipment.failed", "payment.refunded", "order.cancelled"},
      {"order.placed", "parcel.shipped"},
      {"order.placed", "payment.taken", "payment.taken", "parcel.shipped"},
      {"order.placed", "payment.taken", "parcel.shipped", "order.cancelled"},
      {"order.placed", "payment.taken"},
  };
  std::vector<std::pair<std::string, std::vector<std::string>>> open;
  for (std::size_t i = 0; i < orders; ++i)
    open.emplace_back("order-" + std::to_string(i), stories[random() % stories.size()]);
  std::vector<TestEvent> out;
  Time time{1'700'000'000s};
  while (!open.empty()) {
    const std::size_t at = random() % std::min<std::size_t>(open.size(), 8);
    auto& [key, story] = open[at];
    time += std::chrono::milliseconds{1 + random() % 400};
    out.push_back({out.size() + 1, key, story.front(), time});
    story.erase(story.begin());
    if (story.empty()) open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return out;
}

// Of its own instance mostly, said before it or after it, soon or long after; some of another one, of none, in circles. Some
// orders tell several stories.
inline void name_causes(std::vector<TestEvent>& events, std::mt19937_64& random) {
  for (auto& event : events) event.key = "order-" + std::to_string(std::stoul(event.key.substr(6)) % 35);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (random() % 4 == 0) continue;
    std::vector<std::size_t> same;
    for (std::size_t j = 0; j < events.size(); ++j)
      if (j != i && events[j].key == events[i].key) same.push_back(j);
    const bool own = !same.empty() && random() % 8 != 0;
    const std::size_t cause = own ? same[random() % same.size()] : random() % events.size();
    events[i].cause = "id-" + std::to_string(events[cause].offset);
  }
}

// A witness with all that it needs, over a directory that outlives it.
struct Bench {
  explicit Bench(const std::filesystem::path& directory, const std::string& yaml = order_yaml,
                 TrackerOptions tracking = {})
      : store(directory),
        witness(store, tracking,
                [this](DefinitionIndex index, const ProcessModel& model, const std::string& text,
                       const std::string& file) { catalogue.add(index, model, text, file); }) {
    std::vector<std::string> said;
    witness.adopt(entries_of(yaml, "order.yaml", said));
    witness.follows(7, 0);
    commit();
  }

  void see(const TestEvent& event) {
    Observation seen;
    seen.key = event.key;
    seen.type = event.type;
    seen.source = "shop";
    seen.exchange = "amq.topic";
    seen.routing_key = event.type;
    seen.offset = event.offset;
    seen.time = event.time;
    witness.observe(seen, {event.offset,
                           "id-" + std::to_string(event.offset),
                           event.type,
                           "shop",
                           event.cause,
                           {},
                           event.time,
                           no_index,
                           "Customer " + std::to_string(event.offset % 5)});
  }
  void commit(Time hub_time = {}) {
    witness.commit();
    Observing observing;
    observing.hub_time = hub_time;
    board.put(witness.publish(observing));
  }
  Json ask(HttpResponse (Api::*question)(const HttpRequest&) const,
           std::vector<std::pair<std::string, std::string>> query = {}, std::vector<std::string> captures = {}) {
    HttpRequest request;
    request.query = std::move(query);
    request.captures = std::move(captures);
    return Json::parse((api.*question)(request).body);
  }
  std::vector<Json> list(std::vector<std::pair<std::string, std::string>> query, std::uint64_t& total) {
    std::vector<Json> out;
    query.emplace_back("cursor", "");
    do {
      const Json page = ask(&Api::instances, query);
      total = page["total"];
      for (const auto& row : page["instances"]) out.push_back(row);
      query.back().second = page["next"].is_string() ? page["next"].get<std::string>() : "";
    } while (!query.back().second.empty());
    return out;
  }

  Store store;
  Catalogue catalogue;
  Witness witness;
  Board board;
  Api api{board, catalogue, "test"};
};

// Everything that can be asked, without what depends on the number of snapshots or the wall clock.
inline std::string everything(Bench& bench) {
  std::string out;
  for (const auto& definition : bench.ask(&Api::definitions)) {
    out += bench.ask(&Api::definition, {{"version", definition["version"]}}, {definition["id"]}).dump() + "\n";
  }
  out += bench.ask(&Api::services).dump() + "\n";
  std::uint64_t total = 0;
  for (const auto& row : bench.list({{"limit", "7"}, {"sort", "newest"}}, total)) {
    out += row.dump() + "\n" + bench.ask(&Api::instance, {}, {row["id"]}).dump() + "\n";
  }
  return out;
}

}  // namespace laban::test
