// cli/demo/supervisor.cpp - a process that dies is started again, a process that cannot live is reported.
#include "cli/demo/supervisor.hpp"

#include <signal.h>

#include <algorithm>
#include <thread>

#include "laban/error.hpp"

namespace laban::demo {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto quick_end = 2s;  // a process that ended by itself so soon did not live
constexpr int quick_ends_max = 4;
constexpr auto pause_first = 50ms;
constexpr auto pause_longest = 2'000ms;
constexpr auto polite_wait = 5s;

}  // namespace

Supervisor::Supervisor(std::filesystem::path logs) : logs_(std::move(logs)) {
  std::filesystem::create_directories(logs_);
}

Supervisor::~Supervisor() {
  stop();
}

void Supervisor::start(Program program) {
  const auto log = logs_ / (program.name + ".log");
  auto child = std::make_unique<Child>(std::move(program), log);
  child->start();
  Kept one;
  one.child = std::move(child);
  children_.push_back(std::move(one));
}

void Supervisor::died(Kept& one, const Ending& ending) {
  // Killed from outside is bad luck; an exit of its own is a reason, and the same reason will be there again.
  const bool own_fault = ending.signal == 0 && Clock::now() - one.child->started_at() < quick_end;
  one.quick_ends = own_fault ? one.quick_ends + 1 : 0;
  if (one.quick_ends > quick_ends_max)
    throw Error(Errc::refused, one.child->program().name + " does not start (" + one.child->last_log_line() +
                                   "): see " + one.child->log().string());
  one.pause = own_fault ? std::min<std::chrono::milliseconds>(std::max(one.pause * 2, pause_first * 2), pause_longest)
                        : pause_first;
  one.start_again_at = Clock::now() + one.pause;
}

void Supervisor::tend() {
  for (auto& one : children_) {
    if (const auto ending = one.child->ended()) died(one, *ending);
    if (one.child->is_running() || Clock::now() < one.start_again_at) continue;
    one.child->start();
    ++restarts_;
  }
}

bool Supervisor::wait_until_ready(std::string_view name, std::chrono::milliseconds wait) {
  const auto end = Clock::now() + wait;
  while (!kept(name).child->is_ready()) {
    if (Clock::now() > end) return false;
    tend();
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

bool Supervisor::kill(std::string_view name, int signal) {
  auto& child = *kept(name).child;
  if (!child.is_running()) return false;
  child.signal(signal);
  return true;
}

void Supervisor::retire(std::string_view name) {
  const auto found = std::find_if(children_.begin(), children_.end(),
                                  [&](const Kept& one) { return one.child->program().name == name; });
  if (found == children_.end()) return;
  found->child->signal(SIGTERM);
  if (!found->child->wait_for_end(polite_wait)) found->child->signal(SIGKILL);
  children_.erase(found);
}

void Supervisor::stop() {
  while (!children_.empty()) {
    auto& child = *children_.back().child;
    child.signal(SIGTERM);
    if (!child.wait_for_end(polite_wait)) child.signal(SIGKILL);
    children_.pop_back();
  }
}

std::vector<pid_t> Supervisor::running() const {
  std::vector<pid_t> pids;
  for (const auto& one : children_)
    if (one.child->is_running()) pids.push_back(one.child->pid());
  return pids;
}

Supervisor::Kept& Supervisor::kept(std::string_view name) {
  for (auto& one : children_)
    if (one.child->program().name == name) return one;
  throw Error(Errc::usage, "there is no process " + std::string{name} + ": the supervisor did not start one");
}

}  // namespace laban::demo
