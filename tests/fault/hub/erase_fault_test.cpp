// tests/fault/hub/erase_fault_test.cpp - the hub's power goes at the 1st, 2nd, 3rd ... operation of an erasure: what it answered to
// is done by the hub that starts next.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bus/journal/verify.hpp"
#include "laban/bus.hpp"
#include "laban/error.hpp"
#include "laban/model.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto limit = 20s;

bool has_secret(const FaultyFiles& files) {
  const std::string_view secret = "zanzibar";
  const auto wanted = std::as_bytes(std::span{secret});
  for (const auto& path : files.paths()) {
    const auto bytes = files.contents(path);
    if (std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end()) != bytes.end()) return true;
  }
  return false;
}

bool is_idle(Hub& hub) {
  return json::parse(hub.inspect("erasures", {}))["underway"].empty();
}

}  // namespace

TEST_CASE("hub: an erasure that a power cut ends at any operation is done by the hub that starts next (G253)") {
  bool met = true;
  for (std::uint64_t n = 1; met; ++n) {
    CAPTURE(n);
    FaultyFiles files;
    HubFixture fixture;
    fixture.options.data = "/log";
    fixture.options.files = &files;
    fixture.options.segment_bytes = 64 << 10;
    fixture.start();
    const HubAddress address{fixture.hub->endpoint(), {}, {}};
    {
      BusOptions options;
      options.service = "teller";
      options.hub = address;
      Bus bus(options);
      for (int i = 0; i < 40; ++i) {
        NewEvent event;
        event.type = "said";
        event.correlationid = i % 3 == 0 ? "one" : "another";
        event.subject = i % 3 == 0 ? "zanzibar" : "plain";
        event.data.resize(4'000, std::byte{'.'});
        bus.publish(std::move(event));
      }
      REQUIRE(bus.flush(limit));
    }
    Fault fault;
    fault.kind = Fault::Kind::power_cut;
    fault.at = n;
    fault.only = [](const FileCall& call) {
      return call.kind != FileCall::Kind::read && call.kind != FileCall::Kind::list &&
             !call.path.ends_with(".spare.filling");
    };
    bool promised = false;
    {
      Model model(address, 3s);
      files.inject(fault);
      try {
        model.erase("one");
        promised = true;
      } catch (const Error&) {
      }
      (void)eventually(limit, [&] { return files.fault_was_met() || (promised && is_idle(*fixture.hub)); });
      met = files.fault_was_met();
    }
    fixture.hub->crash();
    files.power_cut();
    fixture.start();
    REQUIRE(eventually(limit, [&] { return is_idle(*fixture.hub); }));
    if (promised) CHECK_FALSE(has_secret(files));
    fixture.hub->stop();
    fixture.hub.reset();
    CHECK_FALSE(journal::verify(files, "/log").damage);
    REQUIRE(n < 1'000);
  }
}
