// bench/processes.hpp - the roles of a benchmark as processes of their own, which share one page of results.
//
// Fork before any thread starts: a benchmark's parent only forks, waits and reads.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/measurement.hpp"

namespace laban::bench {

// What one role tells the others.
struct Slot {
  std::atomic<bool> ready;
  std::atomic<bool> done;
  std::atomic<std::uint64_t> events;
  std::atomic<std::uint64_t> started_ns;  // steady clock
  std::atomic<std::uint64_t> finished_ns;
  Latency latency;
  char endpoint[128];
};

inline constexpr std::size_t slots_max = 16;

// The shared page and the children that write it; ends its children when it goes.
class Processes {
 public:
  Processes();
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  Slot& slot(std::size_t index) { return slots_[index]; }

  // Runs the role in a child; it dies with the parent. What it throws is printed and ends it with 1.
  void start(const std::string& name, std::function<void()> role);

  // Waits until the flag is set; throws when a child died first or it took longer than `seconds`.
  void await(const std::atomic<bool>& flag, double seconds);

  // Ends the children of this name at once, as a power cut would.
  void kill_now(const std::string& name);

  // What the children of this name hold in memory.
  std::uint64_t resident_bytes(const std::string& name) const;

  // User and system time that children of each name have used so far, in seconds.
  std::vector<std::pair<std::string, double>> cpu() const;

 private:
  struct Child {
    std::string name;
    pid_t id = 0;
    bool ended = false;
    double cpu_seconds = 0;  // once it has ended
  };

  Slot* slots_;
  std::vector<Child> children_;
};

// Waits for the receivers in the slots from `first`; the run lasts from the speaker's start to the last receiver's end, and
// its latency is the slowest receiver's.
Measurement collect(Processes& processes, const Slot& speaker, std::size_t first, const Settings& settings,
                    const char* name);

std::uint64_t steady_ns();

// Sleeps until the next event of a paced run is due.
class Pacer {
 public:
  explicit Pacer(double rate);
  void wait();

 private:
  std::uint64_t step_ns_;
  std::uint64_t next_ns_;
};

}  // namespace laban::bench
