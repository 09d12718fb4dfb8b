// bus/journal/file.hpp - the file layer under the log, small enough that tests can replace it and break every
// call.
//
// Threads: a FileSystem may be used from several threads at once; one File belongs to one thread at a time,
// except that
//          read_at is safe beside write_at and sync_data.
// Errors:  values. `error` is an errno, 0 for success; nothing here throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace laban::journal {

struct IoResult {
  std::size_t bytes = 0;  // done before the error, or before the end of the file
  int error = 0;
};

class File {
 public:
  virtual ~File() = default;

  // Both may do less than asked, as POSIX allows; read_at of nothing without an error is the end of the file.
  virtual IoResult read_at(std::uint64_t at, std::span<std::byte> into) = 0;
  virtual IoResult write_at(std::uint64_t at, std::span<const std::byte> bytes) = 0;

  // Makes the file at least so long and reserves the space; what was not written reads as zeros.
  virtual int allocate(std::uint64_t size) = 0;

  // Returns once what was written is on the disk. After an error nothing is known about what is there, also
  // after a later success: the kernel reports a lost page once and then forgets it.
  virtual int sync_data() = 0;

  virtual std::uint64_t size() = 0;
};

// Holds a directory until it is destroyed.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode { read, write, create };  // create: a new, empty file in place of an old one

template <class T>
struct Opened {
  std::unique_ptr<T> value;  // empty on an error
  int error = 0;
};

struct FreeSpace {
  std::uint64_t bytes = 0;  // that this user may still write
  int error = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Opened<File> open(const std::string& path, OpenMode mode) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual int remove(const std::string& path) = 0;
  virtual int list(const std::string& directory, std::vector<std::string>& names) = 0;
  virtual int make_directories(const std::string& path) = 0;

  // Makes creations, renames and removals in the directory durable.
  virtual int sync_directory(const std::string& directory) = 0;
  virtual FreeSpace free_space(const std::string& directory) = 0;

  // EWOULDBLOCK where another process, or another lock of this one, holds it.
  virtual Opened<DirectoryLock> lock(const std::string& directory) = 0;
};

// The files of the operating system. One for the whole program; it has no state.
FileSystem& posix_file_system();

// "No space left on device" for ENOSPC.
std::string error_text(int error);

// These go on after a short read or write until it is all done.
IoResult read_fully(File& file, std::uint64_t at, std::span<std::byte> into);
int write_fully(File& file, std::uint64_t at, std::span<const std::byte> bytes);

}  // namespace laban::journal
