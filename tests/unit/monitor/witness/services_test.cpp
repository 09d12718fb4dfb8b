// tests/unit/monitor/witness/services_test.cpp - services counted against a naive count, wherever the fold is killed.
#include "monitor/services.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <random>

#include "monitor/api.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::monitor;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

struct Said {
  std::string source;
  std::string type;
  std::string id;
  std::string causation;
  Time at{};
};

std::vector<Said> random_talk(std::mt19937_64& random, std::size_t count) {
  std::vector<Said> out;
  Time at{1'700'000'000s};
  for (std::size_t i = 0; i < count; ++i) {
    at += std::chrono::milliseconds{random() % 3000};
    Said said{"service-" + std::to_string(random() % 5), "type." + std::to_string(random() % 4),
              "e" + std::to_string(i), "", at};
    if (!out.empty() && random() % 3 != 0) said.causation = out[random() % out.size()].id;
    if (random() % 20 == 0) said.causation = "of another bus";
    out.push_back(said);
  }
  return out;
}

using Counts = std::map<std::string, std::map<std::string, std::pair<std::uint64_t, double>>>;

// Reactions by service and type: how many, and their seconds.
Counts counted(const ServicesSeen& seen) {
  Counts out;
  for (const auto& service : seen.services) {
    for (const auto& reaction : service->reactions)
      out[service->id][reaction.type] = {reaction.took.count(), reaction.took.sum_seconds()};
  }
  return out;
}

void tell(Services& services, const Said& said) {
  services.observe(said.source, said.type, said.id, said.causation, said.at);
}

void commit(Store& store, Services& services) {
  auto batch = store.begin();
  services.save(*batch);
  store.commit(std::move(batch), store.head());
}

}  // namespace

TEST_CASE("services: reactions equal a naive count over causation, wherever the fold is killed (G142)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  const auto talk = random_talk(random, 400);
  Counts expected;
  std::map<std::string, std::uint64_t> events;
  std::uint64_t unmatched = 0;
  for (const auto& said : talk) {
    ++events[said.source];
    if (said.causation.empty()) continue;
    const auto cause =
        std::find_if(talk.begin(), talk.end(), [&](const auto& other) { return other.id == said.causation; });
    if (cause == talk.end()) {
      ++unmatched;
      continue;
    }
    auto& [count, seconds] = expected[said.source][cause->type];
    ++count;
    seconds += std::chrono::duration<double>(said.at - cause->at).count();
  }
  const test::TemporaryDirectory directory;
  for (std::size_t at = 0; at < talk.size();) {
    Store store(directory.path());
    Services services;
    services.load(store);
    std::size_t said = at;
    const std::size_t batches = random() % 4;
    for (std::size_t batch = 0; batch <= batches; ++batch) {
      for (auto left = random() % 40; left > 0 && said < talk.size(); --left) tell(services, talk[said++]);
      commit(store, services);
      at = said;
    }
    // Never committed, so never counted.
    for (auto left = random() % 10; left > 0 && said < talk.size(); --left) tell(services, talk[said++]);
  }
  Store store(directory.path());
  Services services;
  services.load(store);
  const auto seen = services.seen();
  CHECK(seen->unmatched == unmatched);
  CHECK(seen->omitted == 0);
  for (const auto& service : seen->services) CHECK(service->events == events[service->id]);
  const Counts found = counted(*seen);
  REQUIRE(found.size() == expected.size());
  for (const auto& [service, types] : expected) {
    REQUIRE(found.at(service).size() == types.size());
    for (const auto& [type, want] : types) {
      CHECK(found.at(service).at(type).first == want.first);
      CHECK(found.at(service).at(type).second == doctest::Approx(want.second));
    }
  }
}

TEST_CASE("services: beyond its limits it counts what it leaves out, and a cause too old is none (G142)") {
  const test::TemporaryDirectory directory;
  Store store(directory.path());
  Services services;
  services.load(store);
  for (std::size_t i = 0; i < Services::services_max + 7; ++i)
    services.observe("service-" + std::to_string(i), "spoke", "a" + std::to_string(i), "", Time{1s});
  commit(store, services);
  CHECK(services.seen()->services.size() == Services::services_max);
  CHECK(services.seen()->omitted == 7);
  for (std::size_t i = 0; i + 1 < Services::causes_max; ++i) {
    services.observe("service-0", "spoke", "b" + std::to_string(i), "", Time{2s});
    if (i % 50'000 == 0) commit(store, services);
  }
  services.observe("service-1", "spoke", "c", "b0", Time{3s});
  services.observe("service-1", "spoke", "d", "a3", Time{3s});
  commit(store, services);
  Services again;
  again.load(store);
  for (const auto& one : {services.seen(), again.seen()}) {
    CHECK(counted(*one)["service-1"]["spoke"].first == 1);
    CHECK(one->unmatched == 1);
  }
  again.observe("service-2", "spoke", "e", "b0", Time{4s});
  again.observe("service-2", "spoke", "f", "b300", Time{4s});
  commit(store, again);
  CHECK(counted(*again.seen())["service-2"]["spoke"].first == 1);
}
