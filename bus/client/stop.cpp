// bus/client/stop.cpp - turns a signal into a stop request.
#include "laban/stop.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

#include "laban/error.hpp"

namespace laban {

namespace {

// A handler may do next to nothing: it writes here, and a thread of its own does the rest. Handlers and not a blocked
// mask, because a mask is inherited by the processes that we start.
int wake = -1;

extern "C" void on_signal(int) {
  const std::uint64_t one = 1;
  (void)!write(wake, &one, sizeof one);
  signal(SIGINT, SIG_DFL);  // the second one ends the process
  signal(SIGTERM, SIG_DFL);
}

std::stop_source install() {
  wake = eventfd(0, EFD_CLOEXEC);
  if (wake < 0) throw Error(Errc::storage, "no more files can be opened: raise the limit (ulimit -n)");
  std::stop_source source;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread{[source]() mutable {
    std::uint64_t count = 0;
    while (read(wake, &count, sizeof count) != static_cast<ssize_t>(sizeof count)) {
    }
    source.request_stop();
  }}.detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return source;
}

}  // namespace

std::stop_token stop_on_signal() {
  static std::stop_source source = install();
  return source.get_token();
}

}  // namespace laban
