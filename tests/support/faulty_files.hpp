// tests/support/faulty_files.hpp - a file system in memory that fails where a test wants it to, and forgets
// what was not synced when its power is cut.
//
// What it models: sectors of 512 bytes reach the disk one by one and in any order; a name is durable only
// once its directory was synced; a failed sync loses the dirty pages for good although they still read as
// written.
//
// Threads: safe from several.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "bus/journal/file.hpp"

namespace laban::test {

struct FileCall {
  enum class Kind { open, create, read, write, allocate, sync, rename, remove, list, make_directories, sync_directory };
  Kind kind;
  std::string path;
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
  int error = 0;
};

struct Fault {
  enum class Kind {
    error,        // fails with `error`, nothing done
    torn_write,   // half of a write is done, then `error`
    short_write,  // half of a write is done and said so, as POSIX allows
    power_cut,    // this operation and all later ones fail: the machine is off until power_cut()
  };
  Kind kind = Kind::error;
  int error = 5;                                   // EIO
  std::uint64_t at = 0;                            // the how manieth operation that changes something, from 1; 0: none
  std::uint64_t how_often = 1;                     // from there on
  std::function<bool(const FileCall&)> only = {};  // counts only these, reads included
};

class FaultyFiles final : public journal::FileSystem {
 public:
  FaultyFiles();
  ~FaultyFiles() override;

  journal::Opened<journal::File> open(const std::string& path, journal::OpenMode mode) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& path) override;
  int list(const std::string& directory, std::vector<std::string>& names) override;
  int make_directories(const std::string& path) override;
  int sync_directory(const std::string& directory) override;
  journal::FreeSpace free_space(const std::string& directory) override;
  journal::Opened<journal::DirectoryLock> lock(const std::string& directory) override;

  // --- what a test does to it

  void inject(Fault fault);  // replaces an earlier one and counts anew
  void heal() { inject({}); }
  bool fault_was_met() const;
  std::uint64_t operations() const;  // that changed something, since the last inject()

  // Off and on again: nothing unsynced is left, or, with a generator, a random part of it.
  void power_cut(std::mt19937_64* some = nullptr);

  // The disk holds so much and no more; what is allocated counts.
  void set_capacity(std::uint64_t bytes);

  std::vector<FileCall> calls() const;
  void forget_calls();
  void on_call(std::function<void(const FileCall&)> watcher);

  std::vector<std::string> paths() const;
  std::vector<std::byte> contents(const std::string& path) const;
  void set_contents(const std::string& path, std::vector<std::byte> bytes);  // at once durable
  std::unique_ptr<FaultyFiles> copy() const;                                 // files only

 private:
  struct Node;
  struct Shared;
  class MemoryFile;
  class MemoryLock;
  std::shared_ptr<Shared> shared_;
};

}  // namespace laban::test
