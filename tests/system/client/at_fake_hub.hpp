// tests/system/client/at_fake_hub.hpp - options, events and ids of tests that speak to a hub of the test's own.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "laban/bus.hpp"
#include "tests/system/client/fake_hub.hpp"

namespace laban::test {

using namespace std::chrono_literals;

inline constexpr auto limit = 60s;

inline BusOptions options(const FakeHub& hub, std::string service = "order") {
  BusOptions result;
  result.service = std::move(service);
  result.hub.endpoint = hub.endpoint();
  result.linger = 100ms;
  return result;
}

inline NewEvent event(std::string type, std::string instance = "i") {
  NewEvent result;
  result.type = std::move(type);
  result.correlationid = std::move(instance);
  return result;
}

inline std::vector<std::string> ids_in(const FakeLog& log) {
  std::vector<std::string> ids;
  for (const auto& stored : log.events) {
    EventFields fields;
    REQUIRE(codec::read_envelope(stored.envelope, fields));
    ids.emplace_back(fields.id);
  }
  return ids;
}

}  // namespace laban::test
