// tests/fault/crash/crash_test.cpp - a service killed with -9 in front of its 1st, 2nd, 3rd ... write to disk or network,
// until a run gets through: nothing is lost, nothing is done twice.
#include <doctest/doctest.h>

#include <thread>

#include "laban/bus.hpp"
#include "laban/model.hpp"
#include "laban/patterns/database.hpp"
#include "services/support/order_fact.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_log.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::chrono_literals;
using namespace laban;
using demo::Child;
using demo::Program;
using test::eventually;
using test::HubProcess;

namespace {

constexpr auto patience = 60s;
constexpr int steps_max = 2'000;  // a run that needs more writes than this for one order is a failure of its own

// The payment service; `crash_at` 0 lets it live.
Program payment(const HubProcess& hub, int crash_at) {
  Program program{"payment", "/usr/bin/env", {}, "payment: ready"};
  if (crash_at > 0)
    program.arguments = {"LD_PRELOAD=" LABAN_CRASH_AT_LIBRARY, "LABAN_CRASH_AT=" + std::to_string(crash_at)};
  program.arguments.insert(program.arguments.end(), {(demo::own_directory() / "laban-payment").string(), "--hub",
                                                     hub.endpoint(), "--data", (hub / "services").string()});
  return program;
}

HubAddress address_of(const HubProcess& hub) {
  HubAddress address;
  address.endpoint = hub.endpoint();
  return address;
}

// Places an order whose shipment fails at once, so that payment has to take the money and to give it back.
void place(Bus& bus, const std::string& order) {
  shop::OrderFact<shop::OrderPlaced> placed{std::string_view{order}};
  placed->setTotalCents(100);
  bus.publish(placed);
  shop::OrderFact<shop::ShipmentFailed> failed{std::string_view{order}};
  bus.publish(failed);
}

template <class... Arguments>
int count(const HubProcess& hub, const std::string& question, const Arguments&... arguments) {
  const patterns::Database database{hub / "services/payment.db", patterns::Access::reader};
  return database.first<int>("SELECT count(*) FROM " + question, arguments...).value_or(-1);
}

}  // namespace

TEST_CASE("payment: killed at each of its writes it neither loses an order nor charges or refunds twice (G151)") {
  test::TemporaryDirectory directory;
  HubProcess hub{directory.path()};
  // The queue must be there before the first order, and must not park what has crashed its consumer too often.
  QueueSpec patient;
  patient.name = "payment";
  patient.delivery_limit = 1'000'000;
  Model{address_of(hub), patience}.declare(patient);
  {
    Child first{payment(hub, 0), hub / "payment.log"};
    first.start();
    REQUIRE(eventually(patience, [&] { return first.is_ready(); }));
  }
  BusOptions options;
  options.service = "order";
  options.hub = address_of(hub);
  Bus bus{options};
  const auto refunds_of = [&](const std::string& order) { return count(hub, "refunds WHERE order_id = ?", order); };

  int step = 1, orders = 0;
  bool got_through = false;
  for (; step <= steps_max && !got_through; step += step < 40 ? 1 : 3) {
    const auto order = "order " + std::to_string(step);
    place(bus, order);
    ++orders;
    REQUIRE(bus.flush(patience));
    Child service{payment(hub, step), hub / "payment.log"};
    service.start();
    REQUIRE(eventually(patience, [&] {
      if (service.ended()) return true;
      return got_through = service.is_ready() && refunds_of(order) == 1 &&
                           count(hub, "laban_outbox WHERE correlationid = ?", order) == 0;
    }));
  }
  CHECK(got_through);
  MESSAGE("killed in front of up to " << step << " writes");

  {  // whatever is open is settled by a run that lives
    Child last{payment(hub, 0), hub / "payment.log"};
    last.start();
    REQUIRE(eventually(patience, [&] {
      return last.is_ready() && count(hub, "refunds") >= orders && count(hub, "laban_outbox") == 0;
    }));
  }
  const auto said = test::said_by_instance(test::read_hub_log(hub.endpoint(), patience));
  CHECK(static_cast<int>(said.size()) == orders);
  for (const auto& [order, types] : said) {
    INFO(order);
    CHECK(count(hub, "charges WHERE order_id = ?", order) == 1);
    CHECK(refunds_of(order) == 1);
    for (const char* type : {"order.placed", "payment.taken", "shipment.failed", "payment.refunded"}) {
      REQUIRE(types.contains(type));
      CHECK(types.at(type) == 1);
    }
  }
}
