// tests/fault/soak/loss/worker.cpp - laban_loss_worker: one producer, subscriber or consumer of a loss trial, which may be
// killed at any instant and goes on from its histories when it is started again.
#include <CLI/CLI.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>

#include "laban/bus.hpp"
#include "laban/stop.hpp"
#include "laban/subscriber.hpp"
#include "tests/fault/soak/loss/history.hpp"

namespace laban::soak::loss {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto patience = 120s;  // of a process at its end

struct Options {
  std::string role, name, hub;
  std::filesystem::path histories;
  std::uint64_t seed = 1;
  bool named = false;
  int rate = 100;
  int keys = 300;
  std::string mode = "live";
  std::vector<std::string> patterns;
  bool slow = false;
  std::string queue;
  std::uint32_t prefetch = 16;
  int renew = 0;
  bool harsh = false;
};

std::uint64_t hash_of(std::uint64_t seed, std::string_view text) {
  std::mt19937_64 mix{seed ^ std::hash<std::string_view>{}(text)};
  return mix();
}

BusOptions bus_options(const Options& options) {
  BusOptions bus;
  bus.service = options.name;
  bus.hub.endpoint = options.hub;
  bus.window_events = 300;  // small, so that a hub that is away pushes back
  bus.linger = 0ms;
  return bus;
}

// --- producer

class Producer {
 public:
  explicit Producer(const Options& options)
      : options_(options), history_(options.histories, options.name), bus_(make(options)) {
    history_.write("producer " + options.name);
    bus_.on_confirm([this](const Confirm& confirm) { write(confirm); });
  }

  int run(std::stop_token stop) {
    if (options_.named && !resume(stop)) return 0;
    std::mt19937_64 random{options_.seed + static_cast<std::uint64_t>(history_.run())};
    auto next = Clock::now();
    while (!stop.stop_requested()) {
      for (auto burst = 1 + random() % 8; burst > 0; --burst) {
        const auto sequence = options_.named ? ++sequence_ : 0;
        const auto id = options_.named
                            ? options_.name + "-" + std::to_string(sequence)
                            : options_.name + "-" + std::to_string(history_.run()) + "-" + std::to_string(++sequence_);
        history_.write("a " + std::to_string(sequence) + " " + id);
        if (!publish(sequence, id, stop)) break;
        next += std::chrono::microseconds{1'000'000 / options_.rate};
      }
      bus_.poll(0ms);
      next = std::max(next, Clock::now() - 50ms);  // what a pause took is not caught up with
      while (Clock::now() < next && !stop.stop_requested()) {
        bus_.poll(0ms);
        std::this_thread::sleep_for(2ms);
      }
    }
    if (bus_.flush(patience)) return 0;
    std::cerr << options_.name << ": " << bus_.stats().unconfirmed << " events are not confirmed" << std::endl;
    return 1;
  }

 private:
  static BusOptions make(const Options& options) {
    auto bus = bus_options(options);
    if (options.named) bus.producer = options.name;
    return bus;
  }

  // The histories are the outbox: what the hub does not have is said again.
  bool resume(std::stop_token stop) {
    std::optional<std::uint64_t> last;
    while (!last && !stop.stop_requested()) last = bus_.last_sequence(100ms);
    if (!last) return false;
    history_.write("L " + std::to_string(*last));
    for (int run = 1; run < history_.run(); ++run) {
      const auto file = options_.histories / (options_.name + "." + std::to_string(run));
      for (const auto& line : whole_lines(file)) {
        std::istringstream words{line};
        std::string what, id;
        std::uint64_t sequence = 0;
        words >> what >> sequence >> id;
        if (what != "a") continue;
        sequence_ = std::max(sequence_, sequence);
        if (sequence > *last && !publish(sequence, id, stop)) return false;
      }
    }
    if (sequence_ >= *last) return true;
    throw Error(Errc::refused, "the hub has sequence " + std::to_string(*last) + " of " + options_.name +
                                   ", which said " + std::to_string(sequence_) + " at most: look at the trial");
  }

  bool publish(std::uint64_t sequence, const std::string& id, std::stop_token stop) {
    const auto hash = hash_of(7, id);
    NewEvent event;
    event.id = id;
    event.type = "loss";
    event.exchange = exchange;
    event.routingkey = std::string{"loss."} + "abc"[hash % 3] + '.' + "xyz"[hash / 8 % 3];
    event.sequence = sequence;
    event.priority = static_cast<std::uint8_t>(hash >> 48U) % 4;
    event.partitionkey = "k" + std::to_string(hash / 64 % static_cast<std::uint64_t>(options_.keys));
    const auto body = body_of(id);
    event.datacontenttype = "text/plain";
    const auto* bytes = reinterpret_cast<const std::byte*>(body.data());
    event.data.assign(bytes, bytes + body.size());
    while (!bus_.try_publish(event)) {
      if (stop.stop_requested()) return false;
      bus_.poll(5ms);
    }
    return true;
  }

  void write(const Confirm& confirm) {
    if (confirm.refused) {
      std::cerr << confirm.id << " was refused: " << confirm.reason << std::endl;
      history_.write("r " + confirm.id);
    } else {
      history_.write("c " + confirm.id + ' ' + std::to_string(confirm.offset) + ' ' +
                     (confirm.level == Level::synced ? '1' : '0') + ' ' + (confirm.duplicate ? '1' : '0'));
    }
  }

  const Options& options_;
  HistoryWriter history_;
  Bus bus_;
  std::uint64_t sequence_ = 0;
};

// --- subscriber

// Ends by itself when it has seen the end.
class Listener {
 public:
  explicit Listener(const Options& options)
      : options_(options),
        history_(options.histories, options.name),
        subscriber_({options.name, {options.hub, {}, {}}}) {
    std::string line = "subscriber";
    for (const auto& pattern : options_.patterns) line += " " + pattern;
    history_.write(line);
  }

  int run(std::stop_token stop) {
    SubscriptionOptions wish;
    wish.patterns = options_.patterns;
    wish.patterns.emplace_back(end_key);
    wish.exchange = exchange;
    if (options_.slow) wish.buffer_events = 32;
    choose_start(wish);
    subscriber_.on_miss([this](const Miss& miss) {
      history_.write("m " + std::to_string(miss.from) + " to " + std::to_string(miss.to) + " " + miss.reason);
    });
    subscriber_.subscribe(wish, [this](const Event& event) { see(event); });
    while (!stop.stop_requested() && !subscriber_.wait_until_ready(100ms)) continue;
    if (!stop.stop_requested()) history_.write("s " + std::to_string(subscriber_.progress().position));
    while (!stop.stop_requested() && !ended_) subscriber_.poll(100ms);
    return 0;
  }

 private:
  void choose_start(SubscriptionOptions& wish) {
    using From = SubscriptionOptions::From;
    if (options_.mode == "live") return;
    std::uint64_t last = 0;
    for (int run = 1; run < history_.run(); ++run) {
      for (const auto& line : whole_lines(options_.histories / (options_.name + "." + std::to_string(run)))) {
        std::istringstream words{line};
        char what = 0;
        std::uint64_t offset = 0;
        words >> what >> offset;
        if (what == 'e' || what == 's') last = std::max(last, offset);
      }
    }
    wish.from = last == 0 ? From::first : From::offset;
    wish.offset = last + 1;
    if (options_.mode == "roam" && last != 0)
      wish.offset = 1 + hash_of(options_.seed, std::to_string(history_.run())) % last;
  }

  void see(const Event& event) {
    if (event.routingkey() == end_key) {
      ended_ = true;
      return;
    }
    if (!has_its_body(event)) history_.write("x " + std::string{event.id()});
    history_.write("e " + std::to_string(event.offset()) + ' ' + std::string{event.id()});
    if (options_.slow && event.offset() % 64 == 0) std::this_thread::sleep_for(40ms);
  }

  const Options& options_;
  HistoryWriter history_;
  Subscriber subscriber_;
  bool ended_ = false;
};

// --- consumer

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::acknowledge:
      return "acknowledge";
    case Verdict::give_back:
      return "give_back";
    case Verdict::fail:
      return "fail";
    case Verdict::reject:
      return "reject";
  }
  return "";
}

// A harsh consumer has events that always fail, and moods.
Verdict verdict_of(const Options& options, const Event& event, const Delivery& delivery) {
  if (!options.harsh) return Verdict::acknowledge;
  const auto nature = hash_of(11, event.id()) % 100;
  if (nature < 1) return Verdict::fail;
  if (nature < 2) return Verdict::reject;
  const auto mood = hash_of(options.seed + delivery.attempts, event.id()) / 128 % 100;
  if (mood < 5) return Verdict::fail;
  if (mood < 8 && !delivery.redelivered) return Verdict::give_back;
  return Verdict::acknowledge;
}

int consume(const Options& options, std::stop_token stop) {
  HistoryWriter history{options.histories, options.name};
  history.write("consumer " + options.queue);
  Bus bus{bus_options(options)};
  std::mt19937_64 random{options.seed + static_cast<std::uint64_t>(history.run())};
  ConsumeOptions from;
  from.queue = options.queue;
  from.prefetch = options.prefetch;
  from.declare = false;
  from.renew_every = std::chrono::milliseconds{options.renew};
  bus.consume(from, [&](const Event& event, const Delivery& delivery) {
    const auto verdict = verdict_of(options, event, delivery);
    std::ostringstream line;
    line << "d " << event.offset() << ' ' << event.id() << ' ' << event.partitionkey() << ' ' << delivery.attempts
         << ' ' << delivery.redelivered << ' ' << Clock::now().time_since_epoch().count() << ' ' << name_of(verdict)
         << ' ' << !has_its_body(event);
    history.write(line.str());
    if (random() % 200 == 0) std::this_thread::sleep_for(std::chrono::milliseconds{random() % 30});
    // Longer than a redelivery time-out, if there is one.
    if (options.harsh && random() % 1'000 == 0) std::this_thread::sleep_for(300ms);
    return Settlement{verdict};
  });
  // A commit that takes its time: a kill finds events that were handled and not acknowledged, which must come again.
  bus.before_acknowledge([&] { std::this_thread::sleep_for(std::chrono::milliseconds{random() % 12}); });
  bus.run(stop);
  return 0;
}

int main_of(int argc, char** argv) {
  CLI::App program{"One process of a loss trial.", "laban_loss_worker"};
  Options options;
  program.add_option("ROLE", options.role)->required()->check(CLI::IsMember({"producer", "subscriber", "consumer"}));
  program.add_option("NAME", options.name)->required();
  program.add_option("--hub", options.hub)->required();
  program.add_option("--histories", options.histories)->required();
  program.add_option("--seed", options.seed);
  program.add_flag("--named", options.named);
  program.add_option("--rate", options.rate);
  program.add_option("--keys", options.keys);
  program.add_option("--mode", options.mode)->check(CLI::IsMember({"live", "resume", "roam"}));
  program.add_option("--pattern", options.patterns);
  program.add_flag("--slow", options.slow);
  program.add_option("--queue", options.queue);
  program.add_option("--prefetch", options.prefetch);
  program.add_option("--renew", options.renew, "Milliseconds");
  program.add_flag("--harsh", options.harsh);
  CLI11_PARSE(program, argc, argv);
  const auto stop = stop_on_signal();
  try {
    if (options.role == "producer") return Producer{options}.run(stop);
    if (options.role == "subscriber") return Listener{options}.run(stop);
    return consume(options, stop);
  } catch (const Error& error) {
    std::cerr << options.name << ": " << error.what() << std::endl;
    return 3;
  }
}

}  // namespace
}  // namespace laban::soak::loss

int main(int argc, char** argv) {
  return laban::soak::loss::main_of(argc, argv);
}
