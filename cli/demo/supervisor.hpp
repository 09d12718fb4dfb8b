// cli/demo/supervisor.hpp - keeps the demo's processes running: starts again what dies, ends all in order.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/demo/child.hpp"

namespace laban::demo {

// Threads: belongs to one thread, which calls tend() several times a second.
// Errors:  a program that ends by itself as soon as it is started, several times in a row, is an Error with its last
//          words.
class Supervisor {
 public:
  explicit Supervisor(std::filesystem::path logs);
  ~Supervisor();  // stop()

  void start(Program program);

  // Starts again what died.
  void tend();
  // Tends until the named one is ready; false if it was not within `wait`.
  bool wait_until_ready(std::string_view name, std::chrono::milliseconds wait);

  // Sends a signal to a running child; false if it is just dead.
  bool kill(std::string_view name, int signal);
  // Ends one and does not start it again.
  void retire(std::string_view name);

  // Ends the children, the last started first, each politely and, if it does not listen, by force.
  void stop();

  int restarts() const { return restarts_; }
  std::vector<pid_t> running() const;

 private:
  struct Kept {
    std::unique_ptr<Child> child;
    int quick_ends = 0;  // in a row
    std::chrono::milliseconds pause{0};
    std::chrono::steady_clock::time_point start_again_at{};
  };
  Kept& kept(std::string_view name);
  void died(Kept& one, const Ending& ending);

  std::filesystem::path logs_;
  std::vector<Kept> children_;
  int restarts_ = 0;
};

}  // namespace laban::demo
