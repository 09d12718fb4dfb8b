// cli/demo/child.cpp - fork, exec, and the kernel's promise to end the child with its parent.
#include "cli/demo/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "laban/error.hpp"

namespace laban::demo {

namespace {

constexpr int cannot_execute = 127;

// Only what is allowed between fork and exec in a process with threads.
[[noreturn]] void become(const char* file, char* const* arguments, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(cannot_execute);  // the parent ended before the line above
  ::setpgid(0, 0);                                     // Ctrl-C is for the demo, which ends its children in order
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) ::signal(number, SIG_DFL);
  const int input = ::open("/dev/null", O_RDONLY);
  ::dup2(input, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(file, arguments);
  ::_exit(cannot_execute);
}

std::string text_from(const std::filesystem::path& file, std::uintmax_t start) {
  std::ifstream stream{file, std::ios::binary};
  stream.seekg(static_cast<std::streamoff>(start));
  return {std::istreambuf_iterator<char>{stream}, {}};
}

}  // namespace

std::string Ending::text() const {
  if (signal != 0) return std::string{"ended by signal "} + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  return "ended with exit code " + std::to_string(exit_code);
}

Child::Child(Program program, std::filesystem::path log) : program_(std::move(program)), log_(std::move(log)) {}

Child::~Child() {
  if (!is_running()) return;
  signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

void Child::start() {
  if (::access(program_.file.c_str(), X_OK) != 0)
    throw Error(Errc::usage, program_.file.string() + " is missing: build it, or put it beside the laban program");
  const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0)
    throw Error(Errc::storage, "cannot write " + log_.string() + " (" + std::strerror(errno) +
                                   "): give a directory that this user may write");
  std::error_code no_file;
  log_start_ = std::filesystem::file_size(log_, no_file);

  std::vector<char*> arguments;
  const std::string file = program_.file.string();
  arguments.push_back(const_cast<char*>(file.c_str()));
  for (const auto& argument : program_.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(file.c_str(), arguments.data(), log, parent);
  const int reason = errno;
  ::close(log);
  if (pid_ < 0)
    throw Error(Errc::storage, std::string{"cannot start a process ("} + std::strerror(reason) + "): end others first");
  ready_ = program_.ready_line.empty();
  started_at_ = std::chrono::steady_clock::now();
}

bool Child::is_ready() {
  if (!ready_) ready_ = text_from(log_, log_start_).find(program_.ready_line) != std::string::npos;
  return ready_ && is_running();
}

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

std::optional<Ending> Child::ended() {
  if (pid_ <= 0) return {};
  int status = 0;
  const pid_t found = ::waitpid(pid_, &status, WNOHANG);
  if (found != pid_) return {};
  pid_ = 0;
  if (WIFSIGNALED(status)) return Ending{0, WTERMSIG(status)};
  return Ending{WEXITSTATUS(status), 0};
}

bool Child::wait_for_end(std::chrono::milliseconds wait) {
  const auto end = std::chrono::steady_clock::now() + wait;
  while (is_running() && !ended()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

std::string Child::last_log_line() const {
  auto text = text_from(log_, log_start_);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto end_of_previous = text.rfind('\n');
  return end_of_previous == std::string::npos ? text : text.substr(end_of_previous + 1);
}

}  // namespace laban::demo
