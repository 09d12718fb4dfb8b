// bench/processes.cpp - fork, share, wait, end.
#include "bench/processes.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <stdexcept>
#include <thread>

namespace laban::bench {

using namespace std::chrono_literals;

static double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Processes::Processes() {
  void* page = mmap(nullptr, sizeof(Slot) * slots_max, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("cannot map a page to share with the benchmark's processes");
  slots_ = new (page) Slot[slots_max]{};
}

Processes::~Processes() {
  std::erase_if(children_, [](const Child& child) { return child.ended; });
  for (const auto& child : children_) kill(child.id, SIGTERM);
  for (const auto& child : children_) {
    const auto patience = std::chrono::steady_clock::now() + 10s;
    while (waitpid(child.id, nullptr, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > patience) kill(child.id, SIGKILL);
      std::this_thread::sleep_for(5ms);
    }
  }
  munmap(slots_, sizeof(Slot) * slots_max);
}

void Processes::start(const std::string& name, std::function<void()> role) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork a process of the benchmark");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGTERM, SIG_DFL);  // a test's handler would take its end for a failure
    try {
      role();
      std::_Exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "benchmark: %s\n", error.what());
      std::_Exit(1);
    }
  }
  children_.push_back({name, child, false, 0});
}

void Processes::await(const std::atomic<bool>& flag, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>{seconds};
  while (!flag) {
    for (auto& child : children_) {
      int status = 0;
      rusage used{};
      if (child.ended || wait4(child.id, &status, WNOHANG, &used) != child.id) continue;
      child.ended = true;
      child.cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
      if (status != 0) throw std::runtime_error("a process of the benchmark died");
    }
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the benchmark did not finish in time");
    std::this_thread::sleep_for(1ms);
  }
}

void Processes::kill_now(const std::string& name) {
  for (auto& child : children_) {
    if (child.ended || child.name != name) continue;
    kill(child.id, SIGKILL);
    waitpid(child.id, nullptr, 0);
    child.ended = true;
  }
}

std::uint64_t Processes::resident_bytes(const std::string& name) const {
  std::uint64_t sum = 0;
  for (const auto& child : children_) {
    if (child.ended || child.name != name) continue;
    std::ifstream statm{"/proc/" + std::to_string(child.id) + "/statm"};
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    if (statm >> total >> resident) sum += resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  return sum;
}

std::vector<std::pair<std::string, double>> Processes::cpu() const {
  std::vector<std::pair<std::string, double>> sums;
  for (const auto& child : children_) {
    double seconds = child.cpu_seconds;
    clockid_t clock{};
    timespec now{};
    if (!child.ended && clock_getcpuclockid(child.id, &clock) == 0 && clock_gettime(clock, &now) == 0)
      seconds = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    const auto known = std::find_if(sums.begin(), sums.end(), [&](const auto& sum) { return sum.first == child.name; });
    if (known == sums.end()) {
      sums.emplace_back(child.name, seconds);
    } else {
      known->second += seconds;
    }
  }
  return sums;
}

Measurement collect(Processes& processes, const Slot& speaker, std::size_t first, const Settings& settings,
                    const char* name) {
  Measurement result;
  result.name = name;
  result.settings = settings;
  const auto before = processes.cpu();
  std::uint64_t finished = 0;
  for (std::uint32_t i = 0; i < settings.subscribers; ++i) {
    Slot& receiver = processes.slot(first + i);
    processes.await(receiver.done, 300);
    finished = std::max(finished, receiver.finished_ns.load());
    if (receiver.latency.p50 > result.latency.p50) result.latency = receiver.latency;
    result.events = receiver.events;
  }
  result.cpu = processes.cpu();  // the same roles in the same order, since all have been started
  for (std::size_t i = 0; i < before.size(); ++i) result.cpu[i].second -= before[i].second;
  result.seconds = static_cast<double>(finished - speaker.started_ns) / 1e9;
  return result;
}

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / 1ns);
}

Pacer::Pacer(double rate) : step_ns_(static_cast<std::uint64_t>(1e9 / rate)), next_ns_(steady_ns()) {}

void Pacer::wait() {
  next_ns_ += step_ns_;
  const auto now = steady_ns();
  if (now < next_ns_) std::this_thread::sleep_for(std::chrono::nanoseconds{next_ns_ - now});
}

}  // namespace laban::bench
