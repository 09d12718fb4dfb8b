// bench/scratch.hpp - a directory for one benchmark run, removed with it; and how the roles' results become one.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "bench/processes.hpp"

namespace laban::bench {

// In the working directory, so that the disk that is measured is the one the caller chose.
class Scratch {
 public:
  Scratch() {
    std::string name = "laban-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("cannot make a directory here: run in a writable one");
    path_ = std::filesystem::absolute(name);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// Waits for the receivers in the slots from `first`; the run lasts from the speaker's start to the last receiver's end, and
// its latency is the slowest receiver's.
inline Measurement collect(Processes& processes, const Slot& speaker, std::size_t first, const Settings& settings,
                           const char* name) {
  Measurement result;
  result.name = name;
  result.settings = settings;
  std::uint64_t finished = 0;
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    Slot& receiver = processes.slot(first + i);
    processes.await(receiver.done, 300);
    finished = std::max(finished, receiver.finished_ns.load());
    if (receiver.latency.p50 > result.latency.p50) result.latency = receiver.latency;
    result.events = receiver.events;
  }
  result.seconds = static_cast<double>(finished - speaker.started_ns) / 1e9;
  return result;
}

}  // namespace laban::bench
