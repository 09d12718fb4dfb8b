// bus/journal/descriptors.cpp - the descriptors that are kept back.
#include "bus/journal/descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

namespace laban::journal {
namespace {

// Another thread that accepts connections may take what was made room for: then the next one.
constexpr std::size_t kept_max = 16;

class Kept {
 public:
  void fill() {
    const std::lock_guard lock{mutex_};
    while (count_ < kept_.size()) {
      const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (fd < 0) return;
      kept_[count_++] = fd;
    }
  }
  bool give_one() {
    const std::lock_guard lock{mutex_};
    if (count_ == 0) return false;
    ::close(kept_[--count_]);
    return true;
  }

 private:
  std::mutex mutex_;
  std::array<int, kept_max> kept_{};
  std::size_t count_ = 0;  // guarded by mutex_
};

Kept& kept() {
  static Kept some;
  return some;
}

bool is_exhausted(int error) {
  return error == EMFILE || error == ENFILE;
}

}  // namespace

int open_descriptor(const char* path, int flags, mode_t mode) {
  int fd = ::open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && is_exhausted(errno) && kept().give_one()) fd = ::open(path, flags | O_CLOEXEC, mode);
  const int error = errno;
  if (fd >= 0) kept().fill();
  errno = error;
  return fd;
}

bool files_exhausted() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return is_exhausted(errno);
  ::close(fd);
  return false;
}

}  // namespace laban::journal
