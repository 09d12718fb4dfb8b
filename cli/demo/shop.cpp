// cli/demo/shop.cpp - who is started with what, in which order, and when it is over.
#include "cli/demo/shop.hpp"

#include <cmath>
#include <fstream>

#include "cli/demo/definition.hpp"
#include "cli/demo/ports.hpp"
#include "laban/error.hpp"

namespace laban::demo {

using namespace std::chrono_literals;

namespace {

constexpr auto start_wait = 60s;

ShopOptions completed(ShopOptions options) {
  if (options.hub_port == 0) options.hub_port = free_port(0);
  if (options.hub_http_port == 0) options.hub_http_port = free_port(0);
  if (options.monitor_address.empty()) options.monitor_address = "127.0.0.1:" + std::to_string(free_port(0));
  return options;
}

// Three services may fail an order, one after the other and each for its own reason, so that this share fails in all.
double rate_of_each(double rate_of_all) {
  return 1 - std::cbrt(1 - rate_of_all);
}

}  // namespace

Shop::Shop(ShopOptions options)
    : options_(completed(std::move(options))), processes_(options_.data / "logs"), view_(options_.monitor_address) {
  std::filesystem::create_directories(services_data());
  std::filesystem::create_directories(definitions());
  std::ofstream file{definitions() / definition_file, std::ios::binary};
  file << definition_text;
  if (!file.flush())
    throw Error(Errc::storage,
                "cannot write " + definitions().string() + ": give a directory that this user may write");
  if (options_.orders >= 0) target_ = count_orders(services_data()).placed + options_.orders;
}

std::string Shop::hub_endpoint() const {
  return "tcp://127.0.0.1:" + std::to_string(options_.hub_port);
}

Program Shop::hub() const {
  return {hub_name,
          options_.programs / "laban",
          {"hub", "--listen", hub_endpoint(), "--data", hub_data().string(), "--http",
           "127.0.0.1:" + std::to_string(options_.hub_http_port)},
          {}};
}

Program Shop::monitor() const {
  return {monitor_name,
          options_.programs / "laban",
          {"monitor", "--hub", hub_endpoint(), "--definitions", definitions().string(), "--data",
           (options_.data / "monitor").string(), "--http", options_.monitor_address},
          {}};
}

Program Shop::service(const std::string& name) const {
  Program program{name, options_.programs / ("laban-" + name), {}, name + ": ready"};
  program.arguments = {"--hub",  hub_endpoint(),
                       "--data", services_data().string(),
                       "--seed", std::to_string(options_.seed),
                       "--pace", std::to_string(options_.pace_seconds)};
  if (name == "order")
    program.arguments.insert(program.arguments.end(),
                             {"--orders", std::to_string(target_), "--rate", std::to_string(options_.rate)});
  else
    program.arguments.insert(program.arguments.end(),
                             {"--fail-rate", std::to_string(rate_of_each(options_.fail_rate))});
  return program;
}

void Shop::start(const std::function<bool()>& stop) {
  processes_.start(hub());
  if (options_.with_monitor) processes_.start(monitor());
  for (const std::string name : service_names)
    if (name != "order") processes_.start(service(name));
  const auto end = std::chrono::steady_clock::now() + start_wait;
  for (const std::string name : service_names) {
    if (name == "order") continue;
    while (!processes_.wait_until_ready(name, 100ms)) {
      if (stop()) return;
      if (std::chrono::steady_clock::now() > end)
        throw Error(Errc::unreachable, name + " is not ready after a minute: see " + (options_.data / "logs").string());
    }
  }
  processes_.start(service("order"));
}

ShopProgress Shop::progress() {
  const auto orders = count_orders(services_data());
  ShopProgress progress{orders.placed, orders.ended, {}};
  if (options_.with_monitor) progress.monitor = view_.counts(definition_id);
  return progress;
}

bool Shop::has_settled(const ShopProgress& progress) const {
  if (target_ < 0 || progress.placed < target_ || progress.ended < target_) return false;
  if (options_.with_monitor && (!progress.monitor || progress.monitor->live != 0 || progress.monitor->ended < target_))
    return false;
  const auto ledger = read_ledger(services_data());
  if (ledger.unsaid != 0) return false;
  std::int64_t notices = 0;
  for (const auto& [id, order] : ledger.orders) notices += order.notices;
  return notices >= target_;
}

std::vector<InstanceRow> Shop::instances() {
  if (auto rows = view_.instances(definition_id)) return std::move(*rows);
  throw Error(Errc::unreachable, "the monitor does not list its instances: see " + (options_.data / "logs").string());
}

Report Shop::report() {
  auto report = compare(definition_id, read_ledger(services_data()), instances());
  report.restarts = processes_.restarts();
  return report;
}

std::filesystem::path own_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace laban::demo
