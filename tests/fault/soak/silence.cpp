// tests/fault/soak/silence.cpp - each service of the demo stopped in turn, without a word: the monitor names an instance, its step
// and the silent service, within a deadline and a second where one is modelled, and by what it has learned where none is.
#include <httplib.h>
#include <signal.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <thread>

#include "cli/demo/shop.hpp"
#include "tests/fault/soak/trial.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

namespace {

constexpr auto patience = 90s;
constexpr auto deadline = 2s;

class Silenced {
 public:
  Silenced(const std::filesystem::path& directory, std::uint64_t seed, bool with_deadlines, TrialResult& result)
      : with_deadlines_(with_deadlines), result_(result), shop_(options(directory, seed)) {
    shop_.start([] { return false; });
    rewrite_definition();
    // So many orders that every usual stay is known.
    live_until("the new definition has 150 ended instances", [&] { return ended_by_new_version() >= 150; });
  }

  void silence(const std::string& service) {
    // Without the order service there are no new orders, and those on their way would be over in a moment: some wait with
    // shipping until it is stopped.
    if (service == "order") {
      signal("shipping", SIGSTOP);
      live_until("orders wait with shipping", [&] { return ask("/api/v1/instances?state=running")["total"] >= 10; });
    }
    signal(service, SIGSTOP);
    if (service == "order") signal("shipping", SIGCONT);
    const auto stopped_at = std::chrono::system_clock::now();
    const std::string kind = with_deadlines_ ? "late" : "stuck";
    json found;
    live_until(service + " is named as silent", [&] {
      const json told = ask("/api/v1/problems");
      for (const auto& problem : told["problems"])
        if (problem["kind"] == kind && problem["from"] == json{service} && !problem["sample"].is_null())
          found = problem;
      return !found.is_null();
    });
    const auto seen_at = std::chrono::system_clock::now();
    if (found.is_null()) return;
    ++named_;
    const auto instance = ask("/api/v1/instances/" + found["sample"].get<std::string>());
    if (instance["steps"] != json{found["step"]})
      result_.wrongs.push_back(service + ": the instance stands at " + instance["steps"].dump() + ", not at " +
                               found["step"].dump());
    if (with_deadlines_) {
      // The first one that waited began to wait when the service stopped, or a moment before.
      const auto took = seen_at - stopped_at;
      worst_ = std::max(worst_, std::chrono::duration_cast<std::chrono::milliseconds>(took));
    }
    signal(service, SIGCONT);
    live_until("what waited for " + service + " goes on", [&] {
      const json told = ask("/api/v1/problems");
      for (const auto& problem : told["problems"])
        if (problem["kind"] == kind) return false;
      return true;
    });
  }

  int named() const { return named_; }
  std::chrono::milliseconds worst() const { return worst_; }
  void stop() { shop_.stop(); }

 private:
  static demo::ShopOptions options(const std::filesystem::path& directory, std::uint64_t seed) {
    demo::ShopOptions out;
    out.programs = demo::own_directory();
    out.data = directory;
    out.rate = 30;
    out.fail_rate = 0.1;
    out.seed = seed;
    return out;
  }

  void rewrite_definition() {
    for (const auto& entry : std::filesystem::directory_iterator(shop_.definitions())) {
      std::ifstream in(entry.path());
      std::string text{std::istreambuf_iterator<char>{in}, {}};
      static const std::regex modelled(R"re( laban:deadline="PT[12]M")re"), whole(R"re( laban:deadline="PT5M")re");
      text = std::regex_replace(text, whole, "");
      text = std::regex_replace(text, modelled, with_deadlines_ ? " laban:deadline=\"PT2S\"" : "");
      const auto beside = entry.path().parent_path() / ".new";
      std::ofstream(beside) << text;
      std::filesystem::rename(beside, entry.path());
    }
  }

  void signal(const std::string& service, int what) {
    if (!shop_.processes().kill(service, what)) throw std::runtime_error(service + " is not there");
  }

  std::int64_t ended_by_new_version() {
    const auto all = ask("/api/v1/definitions");
    if (!all.is_array() || all.size() < 2) return 0;
    std::int64_t ended = 0;
    for (const char* state : {"completed", "failed", "compensated"})
      ended += all.back()["instances"][state].get<std::int64_t>();
    return ended;
  }

  json ask(const std::string& path) const {
    httplib::Client client(shop_.dashboard().substr(0, shop_.dashboard().size() - 1));
    const auto answer = client.Get(path);
    if (!answer || answer->status != 200) throw std::runtime_error("the monitor does not answer " + path);
    return json::parse(answer->body);
  }

  template <class Condition>
  void live_until(const std::string& what, Condition condition) {
    const auto end = Clock::now() + patience;
    while (!condition()) {
      if (Clock::now() > end) {
        result_.wrongs.push_back("not within " + std::to_string(patience.count()) + " s: " + what);
        return;
      }
      shop_.tend();
      std::this_thread::sleep_for(20ms);
    }
  }

  bool with_deadlines_;
  TrialResult& result_;
  demo::Shop shop_;
  int named_ = 0;
  std::chrono::milliseconds worst_{0};
};

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  std::mt19937_64 random{options.seed};
  int named = 0;
  std::chrono::milliseconds worst{0};
  for (int round = 0; round < options.rounds && result.wrongs.empty(); ++round) {
    for (const bool with_deadlines : {true, false}) {
      const test::TemporaryDirectory directory;
      Silenced shop(directory.path(), options.seed + static_cast<std::uint64_t>(round), with_deadlines, result);
      std::vector<std::string> services(std::begin(demo::service_names), std::end(demo::service_names));
      std::shuffle(services.begin(), services.end(), random);
      for (const auto& service : services)
        if (result.wrongs.empty()) shop.silence(service);
      named += shop.named();
      worst = std::max(worst, shop.worst());
      shop.stop();
    }
  }
  // Beside the second, a fifth of one for an event that was underway when the service stopped, and for asking.
  if (worst > deadline + 1s + 200ms)
    result.wrongs.push_back("a deadline of 2 s was told after " + std::to_string(worst.count()) + " ms");
  result.line = std::to_string(named) + " silent services named, with a deadline of 2 s after at most " +
                std::to_string(worst.count()) + " ms";
  return result;
}

const Registered silence{"silence", "each service of the demo stopped in turn: the monitor names it", run, 3};

}  // namespace

}  // namespace laban::soak
