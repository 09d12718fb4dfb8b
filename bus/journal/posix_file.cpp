// bus/journal/posix_file.cpp - the file layer on the operating system.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "bus/journal/descriptors.hpp"
#include "bus/journal/file.hpp"

namespace laban::journal {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  explicit PosixFile(int fd) : fd_(fd) {}

  IoResult read_at(std::uint64_t at, std::span<std::byte> into) override {
    for (;;) {
      const auto n = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(at));
      if (n >= 0) return {static_cast<std::size_t>(n), 0};
      if (errno != EINTR) return {0, errno};
    }
  }

  IoResult write_at(std::uint64_t at, std::span<const std::byte> bytes) override {
    for (;;) {
      const auto n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (n >= 0) return {static_cast<std::size_t>(n), 0};
      if (errno != EINTR) return {0, errno};
    }
  }

  int allocate(std::uint64_t size) override {
    return size == 0 ? 0 : ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
  }

  // No retry on EINTR either: what a failed sync left behind is unknown.
  int sync_data() override { return ::fdatasync(fd_.get()) == 0 ? 0 : errno; }

  std::uint64_t size() override {
    struct stat status {};
    return ::fstat(fd_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

 private:
  Descriptor fd_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Opened<File> open(const std::string& path, OpenMode mode) override {
    int flags = 0;
    if (mode == OpenMode::read) flags |= O_RDONLY;
    if (mode == OpenMode::write) flags |= O_RDWR;
    if (mode == OpenMode::create) flags |= O_RDWR | O_CREAT | O_TRUNC;
    const int fd = open_descriptor(path.c_str(), flags, 0640);
    if (fd < 0) return {nullptr, errno};
    return {std::make_unique<PosixFile>(fd), 0};
  }

  int rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  }

  int remove(const std::string& path) override { return ::unlink(path.c_str()) == 0 ? 0 : errno; }

  int list(const std::string& directory, std::vector<std::string>& names) override {
    const int fd = open_descriptor(directory.c_str(), O_RDONLY | O_DIRECTORY);
    DIR* opened = fd < 0 ? nullptr : ::fdopendir(fd);
    if (!opened) return errno;
    errno = 0;
    while (const dirent* entry = ::readdir(opened)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(opened);
    return error;
  }

  int make_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    return error.value();
  }

  int sync_directory(const std::string& directory) override {
    const Descriptor fd{open_descriptor(directory.c_str(), O_RDONLY | O_DIRECTORY)};
    if (fd.get() < 0) return errno;
    return ::fsync(fd.get()) == 0 ? 0 : errno;
  }

  FreeSpace free_space(const std::string& directory) override {
    struct statvfs status {};
    if (::statvfs(directory.c_str(), &status) != 0) return {0, errno};
    return {static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize, 0};
  }

  // The kernel frees it when the process ends, however it ends. The file stays: removing it would let two
  // hubs each lock a file of that name.
  Opened<DirectoryLock> lock(const std::string& directory) override {
    const int fd = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return {nullptr, errno};
    auto held = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return {nullptr, errno};
    return {std::move(held), 0};
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

IoResult read_fully(File& file, std::uint64_t at, std::span<std::byte> into) {
  IoResult all;
  while (all.bytes < into.size()) {
    const auto part = file.read_at(at + all.bytes, into.subspan(all.bytes));
    all.bytes += part.bytes;
    all.error = part.error;
    if (part.error != 0 || part.bytes == 0) break;
  }
  return all;
}

int write_fully(File& file, std::uint64_t at, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto part = file.write_at(at + done, bytes.subspan(done));
    if (part.error != 0) return part.error;
    if (part.bytes == 0) return EIO;  // a file system that neither writes nor says why
    done += part.bytes;
  }
  return 0;
}

}  // namespace laban::journal
