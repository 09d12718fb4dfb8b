// cli/demo.cpp - `laban demo`: hub, monitor and services as processes of their own, and orders that move through them.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

#include "cli/command.hpp"
#include "cli/demo/ports.hpp"
#include "cli/demo/shop.hpp"
#include "laban/error.hpp"
#include "laban/stop.hpp"

namespace laban::cli {

using namespace std::chrono_literals;
using demo::Shop;
using demo::ShopOptions;
using demo::ShopProgress;

namespace {

constexpr std::uint16_t hub_port = 5570;
constexpr std::uint16_t hub_http_port = 8081;
constexpr std::uint16_t monitor_port = 8080;
constexpr double watched_pace = 0.5;  // seconds a step: slow enough to be seen
constexpr double watched_live = 10;   // orders at each step; more of them take less time each
constexpr auto stalled_after = 60s;   // without an order that ended

struct Settings {
  std::int64_t orders = -1;
  double rate = 20;
  double fail_rate = 0.2;
  std::uint64_t seed = 1;
  std::optional<double> pace;
  std::string http;
  std::string data;
  bool json = false;
};

// A directory for one run; it goes with a run that ended well and stays for a look at one that did not.
class DataDirectory {
 public:
  explicit DataDirectory(const std::string& wanted) : path_(wanted), is_temporary_(wanted.empty()) {
    if (!is_temporary_) {
      std::filesystem::create_directories(path_);
      path_ = std::filesystem::absolute(path_);
      return;
    }
    std::string name = (std::filesystem::temp_directory_path() / "laban-demo-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw Error(Errc::storage, "cannot make " + name + ": set TMPDIR to a directory that this user may write");
    path_ = name;
  }
  ~DataDirectory() {
    std::error_code ignored;
    if (is_temporary_ && !keep_) std::filesystem::remove_all(path_, ignored);
  }
  void keep() { keep_ = true; }
  bool is_temporary() const { return is_temporary_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  bool is_temporary_;
  bool keep_ = false;
};

std::uint16_t port_near(std::uint16_t wanted, const char* whose) {
  const auto port = demo::free_port(wanted);
  if (port != wanted)
    std::cerr << "laban demo: port " << wanted << " is in use, the " << whose << " takes " << port << '\n';
  return port;
}

// The address that was asked for, with a free port for port 0.
std::string checked_address(const std::string& address) {
  const auto colon = address.rfind(':');
  const auto port_text = colon == std::string::npos ? std::string{} : address.substr(colon + 1);
  const bool is_number =
      !port_text.empty() && port_text.size() <= 5 && port_text.find_first_not_of("0123456789") == std::string::npos;
  if (colon == 0 || !is_number || std::stoi(port_text) > 65'535)
    throw Error(Errc::usage, address + " is no address: use HOST:PORT, for example 127.0.0.1:8080");
  const auto port = static_cast<std::uint16_t>(std::stoi(port_text));
  if (port == 0) return address.substr(0, colon + 1) + std::to_string(demo::free_port(0));
  if (!demo::is_free(port))
    throw Error(Errc::in_use, address + " is in use: give another --http, or leave it out for any free port");
  return address;
}

// A demo that runs for people takes its time, so that orders are seen where they are; one that counts orders does not.
double pace_of(const Settings& settings) {
  if (settings.pace) return *settings.pace;
  return settings.orders < 0 ? std::min(watched_pace, watched_live / settings.rate) : 0;
}

ShopOptions shop_options(const Settings& settings, const std::filesystem::path& data) {
  ShopOptions options;
  options.programs = demo::own_directory();
  options.data = data;
  options.orders = settings.orders;
  options.rate = settings.rate;
  options.fail_rate = settings.fail_rate;
  options.seed = settings.seed;
  options.pace_seconds = pace_of(settings);
  options.hub_port = port_near(hub_port, "hub");
  options.hub_http_port = port_near(hub_http_port, "hub's HTTP");
  options.monitor_address = settings.http.empty() ? "127.0.0.1:" + std::to_string(port_near(monitor_port, "monitor"))
                                                  : checked_address(settings.http);
  return options;
}

void show_progress(const ShopProgress& progress, std::int64_t target) {
  std::cerr << "\r" << progress.placed;
  if (target >= 0) std::cerr << " of " << target;
  std::cerr << " orders placed, " << progress.ended << " ended";
  if (progress.monitor)
    std::cerr << ", monitor: " << progress.monitor->live << " live, " << progress.monitor->ended << " ended";
  std::cerr << "   " << std::flush;
}

// Tends the shop until every order ended; false where it was told to stop before.
bool run_until_settled(Shop& shop, const std::stop_token& stop, bool show) {
  auto moved_at = std::chrono::steady_clock::now();
  std::int64_t moved = -1;
  for (int round = 0; !stop.stop_requested(); ++round) {
    shop.tend();
    std::this_thread::sleep_for(20ms);
    if (round % 10 != 0) continue;
    const auto progress = shop.progress();
    if (show) show_progress(progress, shop.target());
    if (shop.has_settled(progress)) return true;
    const auto now = progress.placed + progress.ended + (progress.monitor ? progress.monitor->ended : 0);
    if (now != moved) moved_at = std::chrono::steady_clock::now();
    moved = now;
    if (shop.target() >= 0 && std::chrono::steady_clock::now() - moved_at > stalled_after)
      throw Error(Errc::unreachable, "nothing moved for a minute: " + std::to_string(progress.ended) + " of " +
                                         std::to_string(shop.target()) + " orders ended");
  }
  return false;
}

int run(const Settings& settings) {
  const auto stop = stop_on_signal();
  const bool show = ::isatty(STDERR_FILENO) != 0;
  DataDirectory data{settings.data};
  try {
    Shop shop{shop_options(settings, data.path())};
    shop.start([&] { return stop.stop_requested(); });
    std::cerr << "dashboard: " << shop.dashboard() << "\nhub: " << shop.hub_endpoint()
              << "\ndata and logs: " << data.path().string() << "\nseed: " << settings.seed << '\n';
    if (settings.orders < 0) std::cerr << "Ctrl-C ends it\n";
    const bool settled = run_until_settled(shop, stop, show);
    if (show) std::cerr << '\n';
    if (!settled) {
      shop.stop();
      return settings.orders < 0 ? exit_ok : exit_not_so;
    }
    const auto report = shop.report();
    shop.stop();
    if (settings.json)
      print_json(std::cout, report);
    else
      print_text(std::cout, report);
    if (report.is_good()) return exit_ok;
    if (settings.json)
      for (const auto& wrong : report.disagreements) std::cerr << "laban demo: " << wrong << '\n';
  } catch (...) {
    data.keep();
    throw;
  }
  data.keep();
  std::cerr << "laban demo: the run was not as expected: see " << data.path().string() << '\n';
  return exit_not_so;
}

void add_demo(CLI::App& program, std::function<int()>& action) {
  auto* command =
      program.add_subcommand("demo", "Hub, monitor and five services as processes; orders move through them");
  auto settings = std::make_shared<Settings>();
  command->add_option("--orders", settings->orders, "stop after so many orders; without it the demo runs until Ctrl-C")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{100'000'000}));
  command->add_option("--rate", settings->rate, "new orders a second")
      ->check(CLI::Range(0.001, 100000.0))
      ->capture_default_str();
  command->add_option("--fail-rate", settings->fail_rate, "the share of all orders that fail somewhere")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", settings->seed, "decides which orders fail, and what is ordered")
      ->capture_default_str();
  command
      ->add_option("--pace", settings->pace,
                   "seconds that each service takes to say what it did; without --orders 0.5, with it 0")
      ->check(CLI::Range(0.0, 3600.0));
  command->add_option("--http", settings->http, "the dashboard's address, HOST:PORT; 127.0.0.1:8080 or a free port");
  command->add_option("--data", settings->data, "keep everything in this directory, and go on from there next time");
  command->add_flag("--json", settings->json, "print one JSON document");
  command->footer("Example: laban demo --orders 200 --fail-rate 0.2 --seed 7");
  command->callback([settings, &action] { action = [settings] { return run(*settings); }; });
}

const Command command{add_demo};

}  // namespace

}  // namespace laban::cli
