// bus/journal/spares.hpp - segment files filled with zeros ahead of time.
//
// A sync after a write into blocks that were written before needs no change of the file's metadata: measured,
// it is two and a half times as fast as into a file that grows. A segment that retention dropped serves again
// for the same reason. A log that is faster than the helper begins a segment in a file that is only allocated.
//
// Threads: take() and recycle() belong to the journal's thread; the helper thread, where there is one, only
// fills.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "bus/journal/file.hpp"

namespace laban::journal {

class Spares {
 public:
  // Takes over the spare files that are there, removes unfinished ones.
  Spares(FileSystem& files, std::string directory, std::uint64_t segment_bytes, std::uint32_t wanted, bool background);
  ~Spares();
  Spares(const Spares&) = delete;
  Spares& operator=(const Spares&) = delete;

  // The path of a filled file, which is then the caller's; empty where none is ready.
  std::string take();

  // Takes a file of exactly the segment size; false where there are enough.
  bool recycle(const std::string& path);

  // Removes what is ready: it may hold what a segment that was dropped said.
  void discard();

  // Fills one file where one is missing; false where the disk did not take it.
  bool fill_one();

 private:
  void run();
  std::string new_name();
  bool fill(const std::string& path);

  FileSystem& files_;
  const std::string directory_;
  const std::uint64_t segment_bytes_;
  const std::uint32_t wanted_;
  const bool background_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> ready_;  // guarded by mutex_, as all below
  std::uint64_t counter_ = 0;
  bool asked_ = true;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace laban::journal
