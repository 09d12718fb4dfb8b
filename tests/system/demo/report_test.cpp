// tests/system/demo/report_test.cpp - the demo's comparison: it finds every way in which monitor and databases differ.
#include <doctest/doctest.h>

#include <sstream>

#include "cli/demo/report.hpp"

using namespace laban::demo;

namespace {

OrderRecord completed() {
  OrderRecord order;
  order.state = "completed";
  order.charges = order.parcels = order.notices = 1;
  order.reserved = true;
  return order;
}

OrderRecord refused() {
  OrderRecord order;
  order.state = "failed";
  order.notices = 1;
  return order;
}

InstanceRow instance(std::string id, std::string state) {
  return {std::move(id), "order-fulfilment", std::move(state), "conforming", 0.25};
}

Report compared(const std::map<std::string, OrderRecord>& orders, const std::vector<InstanceRow>& instances) {
  Ledger ledger;
  ledger.orders = orders;
  return compare("order-fulfilment", ledger, instances);
}

}  // namespace

TEST_CASE("demo: monitor and databases that agree order by order are good (G156)") {
  const auto report =
      compared({{"a", completed()}, {"b", refused()}}, {instance("b", "failed"), instance("a", "completed")});
  CHECK(report.is_good());
  CHECK(report.outcomes.at("completed").count == 1);
  CHECK(report.databases.at("failed") == 1);
  std::ostringstream json;
  print_json(json, report);
  CHECK(json.str() ==
        R"({"orders":2,"outcomes":{"completed":1,"failed":1},"databases":{"completed":1,"failed":1},"restarts":0})"
        "\n");
}

TEST_CASE("demo: equal totals do not hide two orders whose outcomes are swapped (G156)") {
  const auto report =
      compared({{"a", completed()}, {"b", refused()}}, {instance("a", "failed"), instance("b", "completed")});
  CHECK(report.disagreements.size() == 2);
}

TEST_CASE("demo: an order that one side lacks is named (G156)") {
  CHECK(compared({{"a", completed()}}, {}).disagreements.size() == 1);
  CHECK(compared({}, {instance("a", "completed")}).disagreements.size() == 1);
  CHECK(compared({{"a", completed()}}, {instance("a", "completed"), instance("a", "completed")}).disagreements.size() ==
        1);
}

TEST_CASE("demo: an instance that did not keep to the definition is not expected (G156)") {
  auto strayed = instance("a", "completed");
  strayed.verdict = "deviating";
  CHECK(compared({{"a", completed()}}, {strayed}).disagreements ==
        std::vector<std::string>{"a: the monitor calls it deviating"});
}

TEST_CASE("demo: the percentile is the nearest rank") {
  CHECK(percentile({}, 0.5) == 0);
  CHECK(percentile({3, 1, 2}, 0.5) == 2);
  CHECK(percentile({3, 1, 2}, 0.99) == 3);
  std::vector<double> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i);
  CHECK(percentile(hundred, 0.99) == 99);
}

TEST_CASE("demo: the monitor's times are read to the nanosecond or not at all") {
  CHECK(*seconds_of("1970-01-01T00:01:00Z") == 60);
  CHECK(*seconds_of("1970-01-01T00:00:00.25Z") == doctest::Approx(0.25));
  CHECK_FALSE(seconds_of(""));
  CHECK_FALSE(seconds_of("1970-01-01T00:00:00"));
  CHECK_FALSE(seconds_of("yesterday"));
}
