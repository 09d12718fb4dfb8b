// bus/client/backup_files.hpp - the side of a backup that writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace laban::client {

// Writes file by file. Each is on the disk before the next one begins, and all names are at the end.
//
// Errors: throws Error(storage).
class BackupFiles {
 public:
  // The directory is made, or must be empty.
  explicit BackupFiles(std::string directory);
  ~BackupFiles();
  BackupFiles(const BackupFiles&) = delete;
  BackupFiles& operator=(const BackupFiles&) = delete;

  // Throws Error(malformed) for a name that would lead out of the directory.
  void begin(std::string_view name);
  void write(std::span<const std::byte> bytes);
  void end();
  void finish();

 private:
  [[noreturn]] void give_up(const std::string& path) const;

  const std::string directory_;
  std::string path_;
  int file_ = -1;
};

}  // namespace laban::client
