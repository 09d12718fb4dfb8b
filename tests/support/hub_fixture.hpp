// tests/support/hub_fixture.hpp - a hub in the test's own process, on a directory that goes with the test.
#pragma once

#include <memory>

#include "bus/hub/hub.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::test {

// Port 0, no HTTP, small files. `listen` is kept over restarts, so that clients find the next hub.
class HubFixture {
 public:
  HubFixture() {
    options.listen = "tcp://127.0.0.1:0";
    options.http.clear();
    options.data = (directory / "log").string();
    options.segment_bytes = 4u << 20;
  }

  Hub& start() {
    hub = std::make_unique<Hub>(options);
    hub->start();
    options.listen = hub->endpoint();
    return *hub;
  }
  Hub& restart() {
    hub->stop();
    return start();
  }
  Hub& crash_and_start() {
    hub->crash();
    return start();
  }

  TemporaryDirectory directory;
  HubOptions options;
  std::unique_ptr<Hub> hub;
};

}  // namespace laban::test
