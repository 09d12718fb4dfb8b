// cli/demo/child.hpp - one process that the demo started: it writes to a log file and never outlives the demo.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace laban::demo {

struct Program {
  std::string name;  // for people, and of the log file
  std::filesystem::path file;
  std::vector<std::string> arguments;
  std::string ready_line;  // what it prints when it is ready; empty: ready at once
};

// How a process ended: by an exit code, or by a signal.
struct Ending {
  int exit_code = 0;
  int signal = 0;
  std::string text() const;
};

// Threads: belongs to the thread that started it, because the kernel ends the process with that thread.
class Child {
 public:
  Child(Program program, std::filesystem::path log);
  ~Child();  // kills it
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void start();
  bool is_running() const { return pid_ > 0; }
  bool is_ready();
  pid_t pid() const { return pid_; }
  void signal(int number) const;

  // How it ended, once after each end; nothing while it runs.
  std::optional<Ending> ended();
  bool wait_for_end(std::chrono::milliseconds wait);

  const Program& program() const { return program_; }
  const std::filesystem::path& log() const { return log_; }
  std::string last_log_line() const;
  std::chrono::steady_clock::time_point started_at() const { return started_at_; }

 private:
  Program program_;
  std::filesystem::path log_;
  std::uintmax_t log_start_ = 0;  // where this start's lines begin
  pid_t pid_ = 0;
  bool ready_ = false;
  std::chrono::steady_clock::time_point started_at_{};
};

}  // namespace laban::demo
