// tests/support/crash_at/crash_at.cpp - preloaded into a program under test: kills it with -9 in front of its n-th write to
// a file or socket (LABAN_CRASH_AT=n), so that a test can crash a service at every step without a hook in the service. With
// LABAN_FAIL_AT=n its disk is full from the n-th write to a file on instead.
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace {

std::atomic<long> steps{0}, file_steps{0};

long given(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::strtol(text, nullptr, 10) : 0L;
}

long crash_step() {
  static const long step = given("LABAN_CRASH_AT");
  return step;
}

long fail_step() {
  static const long step = given("LABAN_FAIL_AT");
  return step;
}

// Wake-ups between threads are no steps: nobody outside sees them.
bool counts(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && (S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode));
}

void step(int descriptor) {
  const long at = crash_step();
  if (at > 0 && counts(descriptor) && ++steps == at) ::kill(::getpid(), SIGKILL);
}

// Terminal and pipes are no disk.
bool is_full(int descriptor) {
  struct stat status {};
  if (fail_step() == 0 || ::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (++file_steps < fail_step()) return false;
  errno = ENOSPC;
  return true;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  step(descriptor);
  if (is_full(descriptor)) return -1;
  return ::syscall(SYS_write, descriptor, bytes, size);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t at) {
  step(descriptor);
  if (is_full(descriptor)) return -1;
  return ::syscall(SYS_pwrite64, descriptor, bytes, size, at);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t at) {
  step(descriptor);
  if (is_full(descriptor)) return -1;
  return ::syscall(SYS_pwrite64, descriptor, bytes, size, at);
}

int fsync(int descriptor) {
  step(descriptor);
  if (is_full(descriptor)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int fdatasync(int descriptor) {
  step(descriptor);
  if (is_full(descriptor)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}

int ftruncate(int descriptor, off_t size) noexcept {
  step(descriptor);
  return static_cast<int>(::syscall(SYS_ftruncate, descriptor, size));
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  step(descriptor);
  return static_cast<int>(::syscall(SYS_ftruncate, descriptor, size));
}

ssize_t send(int socket, const void* bytes, size_t size, int flags) {
  step(socket);
  return ::syscall(SYS_sendto, socket, bytes, size, flags, nullptr, 0);
}

ssize_t sendmsg(int socket, const struct msghdr* message, int flags) {
  step(socket);
  return ::syscall(SYS_sendmsg, socket, message, flags);
}

}  // extern "C"
