// bus/client/backup_files.cpp - plain files, synced.
#include "bus/client/backup_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "laban/error.hpp"

namespace laban::client {
namespace {

constexpr mode_t file_rights = 0640;

bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && name.find('/') == std::string_view::npos;
}

}  // namespace

BackupFiles::BackupFiles(std::string directory) : directory_(std::move(directory)) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  const bool empty = std::filesystem::is_empty(directory_, error);
  if (error) {
    throw Error(Errc::storage, "cannot write to " + directory_ + ": " + error.message() +
                                   ": choose a directory that this user may make");
  }
  if (!empty) throw Error(Errc::storage, directory_ + " is not empty: give the backup a new directory");
}

BackupFiles::~BackupFiles() {
  if (file_ >= 0) ::close(file_);
}

void BackupFiles::give_up(const std::string& path) const {
  throw Error(Errc::storage, "the backup cannot go on at " + path + ": " + std::strerror(errno) +
                                 ": make room, or choose another directory; the hub is as it was");
}

void BackupFiles::begin(std::string_view name) {
  if (!is_plain(name)) throw Error(Errc::malformed, "the hub names a file that no log has: do not trust this hub");
  path_ = directory_ + "/" + std::string{name};
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_rights);
  if (file_ < 0) give_up(path_);
}

void BackupFiles::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto done = ::write(file_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) give_up(path_);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
}

void BackupFiles::end() {
  if (::fdatasync(file_) != 0) give_up(path_);
  if (::close(std::exchange(file_, -1)) != 0) give_up(path_);
}

void BackupFiles::finish() {
  const int directory = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) give_up(directory_);
  const bool synced = ::fsync(directory) == 0;
  ::close(directory);
  if (!synced) give_up(directory_);
}

}  // namespace laban::client
