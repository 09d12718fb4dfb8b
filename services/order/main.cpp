// services/order/main.cpp - the order service: places orders at a steady rate and closes them.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>

#include "laban/stop.hpp"
#include "services/order/order.hpp"

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// Above so many unsaid facts the hub is away or slow, and new orders wait.
constexpr std::int64_t unsaid_max = 2'000;
constexpr std::int64_t placed_at_once = 100;

struct Plan {
  std::int64_t orders = 0;  // how many there shall be in the database; fewer than 0: no end
  double rate = 20;
};

void take_orders(const shop::Options& options, const Plan& plan) {
  laban::patterns::Participant bus{options.participant(order::tables)};
  order::join(bus);
  const auto stop = laban::stop_on_signal();
  const auto start = Clock::now();
  auto there_are = order::count(bus.database());
  std::int64_t placed = 0;
  while (!stop.stop_requested()) {
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    auto due = std::min(placed_at_once, static_cast<std::int64_t>(elapsed.count() * plan.rate) + 1 - placed);
    if (plan.orders >= 0) due = std::min(due, plan.orders - there_are);
    if (due > 0 && bus.stats().unsaid < unsaid_max) {
      bus.transact([&](laban::patterns::Transaction& tx) {
        for (std::int64_t i = 0; i < due; ++i) order::place(tx, options.chance.seed);
      });
      placed += due;
      there_are += due;
    }
    const bool all_placed = plan.orders >= 0 && there_are >= plan.orders;
    bus.poll(all_placed ? 100ms : 10ms);
  }
  bus.flush(5s);
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  return shop::serve(
      argc, argv, "order", "Places orders, and closes each when the others have said how it went.",
      [&](const shop::Options& options) { take_orders(options, plan); },
      [&](CLI::App& program) {
        program.add_option("--orders", plan.orders, "place orders until there are so many; -1 is without end")
            ->capture_default_str();
        program.add_option("--rate", plan.rate, "new orders a second")
            ->check(CLI::Range(0.001, 100000.0))
            ->capture_default_str();
      });
}
