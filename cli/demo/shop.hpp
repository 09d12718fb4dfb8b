// cli/demo/shop.hpp - the whole demo as processes: a hub, a monitor and five services over real sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "cli/demo/ledger.hpp"
#include "cli/demo/monitor_view.hpp"
#include "cli/demo/report.hpp"
#include "cli/demo/supervisor.hpp"

namespace laban::demo {

struct ShopOptions {
  std::filesystem::path programs;  // where `laban` and the services are
  std::filesystem::path data;
  std::int64_t orders = -1;  // so many more than the data has; -1: without end
  double rate = 20;          // orders a second
  double fail_rate = 0.2;    // of all orders, wherever they fail
  std::uint64_t seed = 1;
  double pace_seconds = 0;     // that each service takes to say what it did
  std::uint16_t hub_port = 0;  // 0: any free one
  std::uint16_t hub_http_port = 0;
  std::string monitor_address;  // HOST:PORT; empty: any free port
  bool with_monitor = true;
};

inline constexpr const char* hub_name = "hub";
inline constexpr const char* monitor_name = "monitor";
inline constexpr const char* service_names[] = {"order", "payment", "inventory", "shipping", "notification"};

struct ShopProgress {
  std::int64_t placed = 0;
  std::int64_t ended = 0;              // in the order service's database
  std::optional<StateCounts> monitor;  // nothing while it does not answer
};

// Threads: belongs to one thread; everything that waits keeps the processes running meanwhile.
// Errors:  what cannot start is an Error that names it and its log.
class Shop {
 public:
  explicit Shop(ShopOptions options);

  // Starts everything; orders come last, when every service hears them.
  void start(const std::function<bool()>& stop);

  void tend() { processes_.tend(); }
  ShopProgress progress();
  // Every order ended, for the monitor too, and nobody has anything left to say.
  bool has_settled(const ShopProgress& progress) const;
  // Both need the monitor.
  Report report();
  std::vector<InstanceRow> instances();

  // Ends everything in order.
  void stop() { processes_.stop(); }

  Supervisor& processes() { return processes_; }
  std::int64_t target() const { return target_; }
  std::string hub_endpoint() const;
  std::string dashboard() const { return "http://" + options_.monitor_address + "/"; }
  std::filesystem::path services_data() const { return options_.data / "services"; }
  std::filesystem::path hub_data() const { return options_.data / "hub"; }
  std::filesystem::path definitions() const { return options_.data / "definitions"; }

 private:
  Program hub() const;
  Program monitor() const;
  Program service(const std::string& name) const;

  ShopOptions options_;
  std::int64_t target_ = -1;  // orders that there shall be in the end; -1: without end
  Supervisor processes_;
  MonitorView view_;
};

// The directory of the running program.
std::filesystem::path own_directory();

}  // namespace laban::demo
