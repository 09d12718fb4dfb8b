// tests/fault/soak/loss/world.hpp - a hub, workers around it, and everything bad that may happen to processes and wires.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cli/demo/child.hpp"
#include "tests/fault/soak/loss/checker.hpp"
#include "tests/support/forwarder.hpp"

namespace laban::soak::loss {

struct Toll {
  int hub_kills = 0;
  int kills = 0;  // of workers
  int pauses = 0;
  int cuts = 0;
  int hold_ups = 0;  // nothing passes, nothing breaks
  std::string text() const;
};

// Threads: belongs to the thread that made it.
class World {
 public:
  World(const std::filesystem::path& directory, std::uint64_t seed);

  // What clients use; the direct one goes past the forwarder.
  std::string endpoint() const;
  std::string direct_endpoint() const;
  std::uint16_t feeds_port() const { return static_cast<std::uint16_t>(port_ + 1); }
  std::uint16_t ingest_port() const { return static_cast<std::uint16_t>(port_ + 2); }
  std::uint16_t http_port() const { return static_cast<std::uint16_t>(port_ + 3); }
  pid_t hub_pid() const { return members_.front().child->pid(); }
  const std::filesystem::path& histories() const { return histories_; }

  void start(const std::string& name, std::vector<std::string> arguments);
  // Another program, which ends by itself and is not started again.
  std::unique_ptr<demo::Child> program(const std::string& name, const std::vector<std::string>& arguments) const;

  // About a second of faults.
  void round();
  void kill_hub();  // and starts it soon
  // Lets time pass: starts what was killed, wakes what was paused.
  void live(std::chrono::milliseconds time);
  // No more faults; everyone runs and nothing is held up.
  void calm();
  // Asks all whose name begins so to end; wrong where one does not in time, or ends badly.
  void end(const std::string& prefix, std::chrono::seconds wait);
  // The same without asking: those end by themselves, from let_end() on.
  void let_end(const std::string& prefix);
  void wait_for_end(const std::string& prefix, std::chrono::seconds wait);

  const Toll& toll() const { return toll_; }
  std::vector<std::string>& wrongs() { return wrongs_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Member {
    std::unique_ptr<demo::Child> child;
    std::optional<Clock::time_point> start_at;     // it was killed
    std::optional<Clock::time_point> continue_at;  // it was stopped
    bool leaving = false;                          // it may end
    bool ended = false;
  };

  void tend();
  void fault();
  void kill(Member& member, std::chrono::milliseconds dead);
  void pause(Member& member, std::chrono::milliseconds time);
  void hold_up(std::uint16_t port, std::chrono::milliseconds time);
  Member& any_worker();
  std::chrono::milliseconds between(int from, int to);

  std::filesystem::path logs_;
  std::filesystem::path histories_;
  std::mt19937_64 random_;
  std::uint16_t port_;
  std::unique_ptr<test::Forwarder> forwarder_;
  std::vector<Member> members_;  // the first is the hub
  std::vector<std::pair<std::uint16_t, Clock::time_point>> held_up_;
  Toll toll_;
  std::vector<std::string> wrongs_;
};

// Publishes the last event that subscribers wait for.
void publish_end(const World& world);

struct QueueFigures {
  std::string name;
  std::uint64_t enqueued = 0, acknowledged = 0, ready = 0, unacknowledged = 0, delayed = 0, parked = 0, moved = 0,
                ledgered = 0;
};
std::vector<QueueFigures> queue_figures(const World& world);
// Nothing waits any more, parked or not.
bool are_drained(const std::vector<QueueFigures>& queues);
// Until nothing waits, or nothing moves for so long, which is wrong.
void wait_until_drained(World& world, std::chrono::seconds wait);

// `laban queues --check`, and enqueued against what the log says was bound to each queue.
void check_queues(const World& world, const Log& log, const std::vector<QueueRule>& rules,
                  std::vector<std::string>& wrongs);

// Ends producers, listeners and consumers, in this order and each when there is no more for it, and judges what they saw.
Tally end_and_judge(World& world, const std::vector<QueueRule>& rules, std::vector<std::string>& wrongs);

}  // namespace laban::soak::loss
