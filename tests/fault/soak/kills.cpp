// tests/fault/soak/kills.cpp - kill -9 of hub, monitor and every service, again and again, while orders move. In the end
// every order ended once, databases, monitor and log tell the same, and all is as in a quiet run without a monitor.
#include <signal.h>

#include <algorithm>
#include <random>
#include <thread>

#include "cli/demo/shop.hpp"
#include "laban/patterns/database.hpp"
#include "tests/fault/soak/offline_fold.hpp"
#include "tests/fault/soak/trial.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using demo::Shop;
using demo::ShopOptions;

namespace {

constexpr int orders_a_round = 12;
constexpr auto settle_wait = 120s;  // without anything moving
constexpr auto log_wait = 60s;

// What a run leaves behind, without what chance gives anew each time (ids, times).
struct Leavings {
  demo::Ledger ledger;
  std::vector<test::LoggedEvent> log;
  std::map<std::string, std::map<std::string, std::int64_t>> handled;  // by service and type
};

// Events each service has handled, from its inbox.
std::map<std::string, std::int64_t> handled_by(const std::filesystem::path& database) {
  std::map<std::string, std::int64_t> counts;
  const patterns::Database inbox{database, patterns::Access::reader};
  inbox.each("SELECT type, count(*) FROM laban_inbox GROUP BY type",
             [&](const patterns::Row& row) { counts[std::string{row.text(0)}] = row.integer(1); });
  return counts;
}

Leavings leavings_of(Shop& shop) {
  Leavings left{demo::read_ledger(shop.services_data()), test::read_hub_log(shop.hub_endpoint(), log_wait), {}};
  for (const std::string service : demo::service_names)
    left.handled[service] = handled_by(shop.services_data() / (service + ".db"));
  return left;
}

void wait_until_settled(Shop& shop) {
  auto moved_at = Clock::now();
  std::int64_t moved = -1;
  for (;;) {
    for (int i = 0; i < 10; ++i) {
      shop.tend();
      std::this_thread::sleep_for(10ms);
    }
    const auto progress = shop.progress();
    if (shop.has_settled(progress)) return;
    const auto now = progress.placed + progress.ended + (progress.monitor ? progress.monitor->ended : 0);
    if (now != moved) moved_at = Clock::now();
    moved = now;
    if (Clock::now() - moved_at > settle_wait)
      throw std::runtime_error("stalled: " + std::to_string(progress.placed) + " placed, " +
                               std::to_string(progress.ended) + " ended, for the monitor " +
                               (progress.monitor ? std::to_string(progress.monitor->ended) : "unknown"));
  }
}

// One kill of each process, in any order, each at any instant. Sometimes two die together.
int kill_each_once(Shop& shop, std::mt19937_64& random) {
  std::vector<std::string> victims{demo::hub_name, demo::monitor_name};
  victims.insert(victims.end(), std::begin(demo::service_names), std::end(demo::service_names));
  std::shuffle(victims.begin(), victims.end(), random);
  int kills = 0;
  for (const auto& victim : victims) {
    auto pause = std::chrono::milliseconds{std::uniform_int_distribution{0, 160}(random)};
    if (pause < 20ms) pause = 0ms;
    for (const auto end = Clock::now() + pause; Clock::now() < end; std::this_thread::sleep_for(5ms)) shop.tend();
    while (!shop.processes().kill(victim, SIGKILL)) {  // it is just dead: let it live first
      shop.tend();
      std::this_thread::sleep_for(5ms);
    }
    ++kills;
  }
  return kills;
}

void check_log(const Leavings& left, std::vector<std::string>& wrongs) {
  std::uint64_t offset = 0;
  for (const auto& event : left.log)
    if (event.offset <= std::exchange(offset, event.offset))
      wrongs.push_back("offset " + std::to_string(event.offset) + " is out of order in the log");
  for (const auto& [instance, types] : test::said_by_instance(left.log))
    for (const auto& [type, count] : types)
      if (count != 1) wrongs.push_back(instance + ": " + type + " was stored " + std::to_string(count) + " times");
}

void check_fold(const Leavings& left, const std::vector<demo::InstanceRow>& monitored,
                std::vector<std::string>& wrongs) {
  auto folded = fold_offline(left.log);
  for (const auto& row : monitored) {
    const auto found = folded.find(row.id);
    if (found == folded.end()) {
      wrongs.push_back(row.id + ": the monitor has it and a fold over the log has not");
      continue;
    }
    if (found->second.state != row.state || found->second.verdict != row.verdict)
      wrongs.push_back(row.id + ": " + row.state + " and " + row.verdict + " for the monitor, " + found->second.state +
                       " and " + found->second.verdict + " for a fold over the log");
    folded.erase(found);
  }
  for (const auto& [id, instance] : folded)
    wrongs.push_back(id + ": a fold over the log has it and the monitor has not");
}

// Which service did what for which order is decided by the seed; neither kills nor the monitor may change it.
void check_same(const Leavings& killed, const Leavings& quiet, std::vector<std::string>& wrongs) {
  for (const auto& [id, order] : quiet.ledger.orders) {
    const auto other = killed.ledger.orders.find(id);
    const auto state = other == killed.ledger.orders.end() ? "missing" : other->second.state;
    if (state != order.state)
      wrongs.push_back(id + ": " + state + ", and " + order.state + " in a quiet run without a monitor");
  }
  if (killed.ledger.orders.size() != quiet.ledger.orders.size()) wrongs.push_back("other orders than in a quiet run");
  if (test::said_by_instance(killed.log) != test::said_by_instance(quiet.log))
    wrongs.push_back("other facts in the log than in a quiet run without a monitor");
  if (killed.handled != quiet.handled) wrongs.push_back("other deliveries than in a quiet run without a monitor");
}

ShopOptions options_for(const TrialOptions& trial, const std::filesystem::path& data) {
  ShopOptions options;
  options.programs = demo::own_directory();
  options.data = data;
  options.orders = std::int64_t{orders_a_round} * trial.rounds;
  options.fail_rate = 0.3;
  options.seed = trial.seed;
  return options;
}

TrialResult run(const TrialOptions& trial) {
  TrialResult result;
  const test::TemporaryDirectory directory;
  std::mt19937_64 random{trial.seed};
  int kills = 0, rounds = 0;
  Leavings killed;
  {
    auto options = options_for(trial, directory / "killed");
    options.rate = 20;
    Shop shop{options};
    shop.start([] { return false; });
    const auto start = Clock::now();
    for (; rounds < trial.rounds; ++rounds) {
      if (trial.time > 0min && Clock::now() - start > trial.time) break;
      kills += kill_each_once(shop, random);
      if (rounds % 10 == 9) {
        const auto progress = shop.progress();
        say(std::to_string(kills) + " kills, " + std::to_string(progress.placed) + " orders placed, " +
            std::to_string(progress.ended) + " ended");
      }
    }
    wait_until_settled(shop);
    auto report = shop.report();
    result.wrongs = report.disagreements;
    killed = leavings_of(shop);
    check_log(killed, result.wrongs);
    check_fold(killed, shop.instances(), result.wrongs);
    shop.stop();
  }
  {
    auto options = options_for(trial, directory / "quiet");
    options.rate = 500;
    options.with_monitor = false;
    Shop shop{options};
    shop.start([] { return false; });
    wait_until_settled(shop);
    const auto quiet = leavings_of(shop);
    const auto contradictions = quiet.ledger.contradictions();
    result.wrongs.insert(result.wrongs.end(), contradictions.begin(), contradictions.end());
    check_same(killed, quiet, result.wrongs);
    shop.stop();
  }
  result.line = std::to_string(kills) + " kills, " + std::to_string(killed.ledger.orders.size()) + " orders, " +
                std::to_string(killed.log.size()) + " events";
  if (!result.wrongs.empty()) result.line += ", data kept in " + keep(directory.path(), "laban-kills", trial.seed);
  return result;
}

const Registered kills{"kills", "kill -9 of hub, monitor and services while orders move", run};

}  // namespace

}  // namespace laban::soak
