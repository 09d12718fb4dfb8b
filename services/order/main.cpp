// services/order/main.cpp - the order service: places orders at a steady rate and closes them.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>

#include "services/order/order.hpp"

namespace {

using Clock = std::chrono::steady_clock;

// Above so many unsaid facts the hub is away or slow, and new orders wait.
constexpr std::int64_t unsaid_max = 2'000;
constexpr std::int64_t placed_at_once = 100;

struct Plan {
  std::int64_t orders = 0;  // how many there shall be in the database, counting those of earlier runs; -1: no end
  double rate = 20;         // a second
};

void take_orders(const shop::Options& options, const Plan& plan) {
  laban::patterns::Participant bus{options.participant(order::tables)};
  order::join(bus);
  auto there_are = order::count(bus.database());
  std::int64_t placed = 0;
  std::optional<Clock::time_point> start;
  shop::work(bus, options, [&] {
    if (!start) start = Clock::now();
    const std::chrono::duration<double> elapsed = Clock::now() - *start;
    auto due = std::min(placed_at_once, static_cast<std::int64_t>(elapsed.count() * plan.rate) + 1 - placed);
    if (plan.orders >= 0) due = std::min(due, plan.orders - there_are);
    if (due <= 0 || bus.stats().unsaid > unsaid_max) return;
    bus.transact([&](laban::patterns::Transaction& tx) {
      for (std::int64_t i = 0; i < due; ++i) order::place(tx, options.chance.seed);
    });
    placed += due;
    there_are += due;
  });
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
