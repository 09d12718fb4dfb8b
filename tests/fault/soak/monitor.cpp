// tests/fault/soak/monitor.cpp - kill -9 of the monitor at any instant and in front of any write, and a disk that is full, again
// and again while events move. In the end it answers byte for byte as one that was never disturbed, flags and forecasts too; a
// store that is damaged is refused by name, or gives the same answers.
#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "laban/bus.hpp"
#include "tests/fault/soak/trial.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace laban::soak {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto patience = 60s;
constexpr int events_a_round = 12;

// Two definitions that share types, and one that finds its instances by a payload field and may run again.
const std::vector<std::pair<const char*, const char*>> definitions{
    {"order.yaml",
     "process: order\nwithin: 30m\nsteps:\n  - order.placed\n  - one of:\n      good:\n        - payment.taken: "
     "{within: "
     "200ms, by: payment, undo: payment.refunded}\n        - one of:\n            sent:\n              - "
     "parcel.shipped\n"
     "              - end: completed\n            lost:\n              - shipment.failed\n              - undo: all\n"
     "              - order.cancelled\n              - end: compensated\n      bad:\n        - payment.refused\n       "
     " - "
     "order.cancelled\n        - end: failed\n"},
    {"money.yaml",
     "process: money\nsteps:\n  - payment.taken\n  - payment.refunded: {optional: true}\n  - end: completed\n"},
    {"visit.yaml",
     "process: visit\ncorrelation: guest\nreruns: true\nsteps:\n  - guest.came\n  - guest.left\n  - end: completed\n"},
};

const std::vector<std::vector<std::string>> stories{
    {"order.placed", "payment.taken", "parcel.shipped"},
    {"order.placed", "payment.refused", "order.cancelled"},
    {"order.placed", "payment.taken", "shipment.failed", "payment.refunded", "order.cancelled"},
    {"order.placed", "parcel.shipped"},
    {"order.placed", "payment.taken", "payment.taken", "parcel.shipped"},
    {"payment.taken", "order.placed", "parcel.shipped", "order.cancelled"},
    {"order.placed", "payment.taken"},
    {"guest.came", "guest.left", "guest.came"},
};

// Says stories in random interleaving.
class Speaker {
 public:
  Speaker(const std::string& endpoint, std::uint64_t seed) : random_(seed), bus_(options(endpoint)) {}

  void say_some(int events) {
    for (int i = 0; i < events; ++i) {
      while (open_.size() < 6)
        open_.push_back({"one-" + std::to_string(number_++), stories[random_() % stories.size()], 0});
      auto& one = open_[random_() % open_.size()];
      NewEvent event;
      event.type = one.story[one.at];
      event.source = random_() % 40 == 0 ? "stranger" : "payment";
      event.correlationid = one.key;
      if (event.type.starts_with("guest")) {
        const std::string text =
            R"({"guest":["g)" + std::to_string(random_() % 9) + R"(","h)" + std::to_string(random_() % 9) + "\"]}";
        event.datacontenttype = std::string(json_content_type);
        event.data.assign(reinterpret_cast<const std::byte*>(text.data()),
                          reinterpret_cast<const std::byte*>(text.data()) + text.size());
      }
      bus_.publish(std::move(event));
      ++said_;
      if (++one.at < one.story.size()) continue;
      std::swap(one, open_.back());
      open_.pop_back();
    }
    if (!bus_.flush(patience)) throw std::runtime_error("the hub took no events for a minute");
  }
  std::uint64_t said() const { return said_; }

 private:
  struct Story {
    std::string key;
    std::vector<std::string> story;
    std::size_t at;
  };
  static BusOptions options(const std::string& endpoint) {
    BusOptions out;
    out.service = "soak";
    out.hub.endpoint = endpoint;
    return out;
  }

  std::mt19937_64 random_;
  Bus bus_;
  std::vector<Story> open_;
  std::uint64_t number_ = 0, said_ = 0;
};

// A monitor as a process, on a directory of its own.
class Watcher {
 public:
  Watcher(const test::HubProcess& hub, std::filesystem::path data, std::string address,
          const std::vector<std::string>& environment = {})
      : data_(std::move(data)),
        address_(std::move(address)),
        child_({"monitor", environment.empty() ? (demo::own_directory() / "laban").string() : "/usr/bin/env",
                arguments(hub, environment), "monitor: "},
               hub / (data_.filename().string() + ".log")) {
    child_.start();
  }

  demo::Child& child() { return child_; }
  const std::filesystem::path& data() const { return data_; }

  std::optional<json> ask(const std::string& path) const {
    httplib::Client client("http://" + address_);
    return ask(client, path);
  }

  // It has seen everything that was said.
  bool has_caught_up() {
    try {
      const auto status = ask("/api/v1/status");
      return status && status->at("offset") == status->at("head") && ask("/readyz").has_value();
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  // Everything that can be asked of the present, without the payloads, which are the hub's. Throws what an answer says instead.
  std::string everything() const {
    httplib::Client client("http://" + address_);
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    std::string out;
    const auto get = [&](const std::string& path) {
      const auto answer = ask(client, path);
      if (!answer) throw std::runtime_error("the monitor is gone");
      return *answer;
    };
    for (const auto& definition : get("/api/v1/definitions"))
      out += get("/api/v1/definitions/" + definition["id"].get<std::string>()).dump() + "\n";
    std::string cursor;
    do {
      const auto page = get("/api/v1/instances?sort=newest&limit=500" + (cursor.empty() ? "" : "&cursor=" + cursor));
      out += page["total"].dump() + "\n";
      for (const auto& row : page["instances"]) {
        out += row.dump() + "\n";
        out += get("/api/v1/instances/" + row["id"].get<std::string>() + "?data=no").dump() + "\n";
      }
      cursor = page["next"].is_string() ? page["next"].get<std::string>() : "";
    } while (!cursor.empty());
    return out;
  }

 private:
  std::vector<std::string> arguments(const test::HubProcess& hub, const std::vector<std::string>& environment) const {
    std::vector<std::string> out = environment;
    if (!environment.empty()) out.push_back((demo::own_directory() / "laban").string());
    const std::vector<std::string> own{
        "monitor", "--hub",        hub.endpoint(), "--definitions", (hub / "definitions").string(),
        "--data",  data_.string(), "--http",       address_};
    out.insert(out.end(), own.begin(), own.end());
    return out;
  }
  static std::optional<json> ask(httplib::Client& client, const std::string& path) {
    client.set_read_timeout(30);
    const auto answer = client.Get(path);
    if (!answer) return std::nullopt;
    if (answer->status != 200) throw std::runtime_error(answer->body);
    return json::parse(answer->body, nullptr, false);
  }

  std::filesystem::path data_;
  std::string address_;
  demo::Child child_;
};

std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string one, other;
  while (std::getline(left, one) && std::getline(right, other))
    if (one != other) {
      const auto from = static_cast<std::size_t>(
          std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first - one.begin());
      const auto before = from - std::min<std::size_t>(from, 200);
      return "... " + one.substr(before, 400) + "  instead of  ... " + other.substr(before, 400);
    }
  return "one has more lines";
}

// What is answered of silence follows the hub's clock: it is stopped, so that both have heard the same of it. A heartbeat may have
// been underway to one of them only, then it is tried again.
std::string difference_between(Watcher& one, Watcher& other, const test::HubProcess& hub) {
  std::string a, b;
  for (int tries = 0; tries < 20; ++tries) {
    for (Watcher* watcher : {&one, &other})
      if (!test::eventually(patience, [&] { return watcher->has_caught_up(); }))
        throw std::runtime_error("a monitor does not catch up: " + watcher->child().last_log_line());
    const test::HubProcess::Pause pause(hub);
    if (test::eventually(10s, [&] { return (a = one.everything()) == (b = other.everything()); })) return {};
  }
  return first_difference(a, b);
}

class Trials {
 public:
  Trials(const TrialOptions& options, TrialResult& result)
      : options_(options), result_(result), random_(options.seed), hub_(directory_.path()) {
    std::filesystem::create_directory(directory_ / "definitions");
    for (const auto& [name, text] : definitions) std::ofstream(directory_ / "definitions" / name) << text;
  }

  void run() {
    Speaker speaker(hub_.endpoint(), options_.seed);
    const auto start = std::chrono::steady_clock::now();
    for (; rounds_ < options_.rounds && result_.wrongs.empty(); ++rounds_) {
      if (options_.time > 0min && std::chrono::steady_clock::now() - start > options_.time) break;
      round(speaker);
      if (rounds_ % 100 == 99) say(std::to_string(rounds_ + 1) + " rounds");
    }
    speaker.say_some(events_a_round);
    if (result_.wrongs.empty()) compare();
    result_.line = std::to_string(rounds_) + " rounds, " + std::to_string(kills_) + " kills at any instant, " +
                   std::to_string(crashes_) + " in front of a write, " + std::to_string(full_) + " full disks (" +
                   std::to_string(asserted_) + " ended by RocksDB itself), " + std::to_string(damages_) +
                   " damaged stores (" + std::to_string(refused_) + " refused), " + std::to_string(speaker.said()) +
                   " events";
    if (!result_.wrongs.empty())
      result_.line += ", data kept in " + keep(directory_.path(), "laban-monitor", options_.seed);
  }

 private:
  std::filesystem::path data() const { return directory_ / "monitor"; }

  // A port stays claimed as long as this process lives, so thousands of monitors in turn share one.
  static std::string some_address() { return "127.0.0.1:" + std::to_string(demo::free_port(0)); }

  // Small ones as often as large ones.
  int some_step() { return static_cast<int>(std::exp2(std::uniform_real_distribution{0.0, 9.0}(random_))); }

  void round(Speaker& speaker) {
    [[maybe_unused]] const auto dice = random_() % 10;
    std::vector<std::string> environment;
#ifdef LABAN_CRASH_AT_LIBRARY
    if (dice >= 5) {
      const std::string how = dice < 8 ? "LABAN_CRASH_AT=" : "LABAN_FAIL_AT=";
      environment = {"LD_PRELOAD=" LABAN_CRASH_AT_LIBRARY, how + std::to_string(some_step())};
    }
#endif
    Watcher watcher(hub_, data(), address_, environment);
    speaker.say_some(events_a_round);
    std::this_thread::sleep_for(std::chrono::milliseconds{std::uniform_int_distribution{0, 160}(random_)});
    const auto ended = watcher.child().ended();
    if (!ended) {
      watcher.child().signal(SIGKILL);
      if (!watcher.child().wait_for_end(patience)) result_.wrongs.push_back("a killed monitor does not end");
      ++kills_;
    } else if (ended->signal == SIGKILL) {
      ++crashes_;
    } else {
      ++full_;
      check_refusal(watcher, *ended);
    }
  }

  void check_refusal(const Watcher& watcher, const demo::Ending& ending) {
    const std::string said = const_cast<Watcher&>(watcher).child().last_log_line();
    if (ending.exit_code == 2 && said.starts_with("laban monitor: ") && said.find(data().string()) != std::string::npos)
      return;
    // Debian builds RocksDB with its assertions: a write that fails inside an opening or a flush ends the process there.
    if (ending.signal == SIGABRT && said.find("rocksdb::") != std::string::npos) return void(++asserted_);
    result_.wrongs.push_back("a monitor ended with " + ending.text() + " and said: " + said);
  }

  void compare() {
    {
      Watcher killed(hub_, data(), address_), quiet(hub_, directory_ / "quiet", some_address());
      const auto difference = difference_between(killed, quiet, hub_);
      if (!difference.empty()) result_.wrongs.push_back("after the kills: " + difference);
      killed.child().signal(SIGKILL);
      killed.child().wait_for_end(patience);
      const int damages = std::clamp(options_.rounds / 25, 2, 40);
      for (int i = 0; i < damages && result_.wrongs.empty(); ++i) damage(quiet);
    }
  }

  // One file of a copy of the store is changed.
  void damage(Watcher& quiet) {
    const auto copy = directory_ / "monitor-damaged";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(data(), copy, std::filesystem::copy_options::recursive);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(copy))
      if (entry.is_regular_file() && entry.file_size() > 0 && entry.path().filename().string().find("LOG") != 0)
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    const auto& file = files[random_() % files.size()];
    const auto size = std::filesystem::file_size(file);
    std::string what;
    if (random_() % 4 == 0) {
      std::filesystem::resize_file(file, random_() % size);
      what = file.filename().string() + " cut";
    } else {
      const auto at = random_() % size;
      std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
      bytes.seekg(static_cast<std::streamoff>(at));
      const int byte = bytes.get();
      bytes.seekp(static_cast<std::streamoff>(at));
      bytes.put(static_cast<char>(byte ^ (1 << random_() % 8)));
      what = file.filename().string() + " changed at byte " + std::to_string(at);
    }
    ++damages_;
    Watcher watcher(hub_, copy, address_);
    std::optional<demo::Ending> ended;
    test::eventually(patience,
                     [&] { return (ended = watcher.child().ended()).has_value() || watcher.has_caught_up(); });
    const auto is_named = [&](const std::string& said) {
      return said.find("damaged") != std::string::npos || said.find(copy.string()) != std::string::npos;
    };
    if (ended) {
      ++refused_;
      if (ended->exit_code != 2 || !is_named(watcher.child().last_log_line()))
        result_.wrongs.push_back(what + ": it ended with " + ended->text() +
                                 " and said: " + watcher.child().last_log_line());
      return;
    }
    try {
      const auto difference = difference_between(watcher, quiet, hub_);
      if (!difference.empty()) result_.wrongs.push_back(what + ", and it answers: " + difference);
    } catch (const std::runtime_error& error) {
      ++refused_;
      const std::string said = error.what();
      if (!is_named(said) && !is_named(watcher.child().last_log_line()))
        result_.wrongs.push_back(what + ", and it says: " + said);
    }
  }

  const TrialOptions& options_;
  TrialResult& result_;
  std::mt19937_64 random_;
  test::TemporaryDirectory directory_;
  test::HubProcess hub_;
  const std::string address_ = some_address();  // of all that do not live beside the undisturbed one
  int rounds_ = 0, kills_ = 0, crashes_ = 0, full_ = 0, asserted_ = 0, damages_ = 0, refused_ = 0;
};

TrialResult run(const TrialOptions& options) {
  TrialResult result;
  Trials(options, result).run();
  return result;
}

const Registered monitor{"monitor", "kill -9, full disks and damaged stores of the monitor while events move", run,
                         1'000};

}  // namespace

}  // namespace laban::soak
