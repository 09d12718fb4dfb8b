// tests/support/guarded_hub.hpp - a hub that knows some principals, each with a key file of its own.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "bus/transport/curve_keys.hpp"
#include "laban/options.hpp"
#include "tests/support/hub_fixture.hpp"

namespace laban::test {

struct GuardedHub : HubFixture {
  GuardedHub() {
    server_key = new_key("hub");
    options.key_file = file("hub");
    options.access_file = (directory / "access.json").string();
  }

  std::string file(const std::string& name) const { return (directory / (name + ".key")).string(); }
  std::string new_key(const std::string& name) const {
    const auto keys = transport::generate_curve_keys();
    transport::write_key_file(file(name), keys);
    return keys.public_key;
  }
  void grant(const std::string& principal, nlohmann::json members) {
    members["key"] = new_key(principal);
    access[principal] = std::move(members);
    std::ofstream(options.access_file) << access.dump(2);
  }
  HubAddress as(const std::string& principal) const { return {options.listen, file(principal), server_key}; }
  BusOptions bus(const std::string& principal, const std::string& service) const {
    BusOptions result;
    result.service = service;
    result.hub = as(principal);
    return result;
  }

  std::string server_key;
  nlohmann::json access = nlohmann::json::object();
};

}  // namespace laban::test
