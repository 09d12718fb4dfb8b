// bus/journal/overwrite.hpp - bytes of the log that are overwritten in their place, all of them or none, through any crash.
//
// The log is append-only but for this: what has to be unreadable everywhere. A batch keeps its length and its checksum, so that
// nothing before or behind it changes. What is to be written is first written aside and synced; a log that is opened is
// overwritten to the end before anything else.
//
// Threads: belongs to the journal's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bus/journal/file.hpp"

namespace laban::journal {

struct Patch {
  std::uint64_t base = 0;  // of the segment
  std::uint64_t at = 0;    // in its file
  std::vector<std::byte> bytes;
};

// Sets the four bytes at `at` so that the batch has this checksum.
void set_checksum(std::span<std::byte> batch, std::size_t at, std::uint32_t checksum);

struct OverwriteOutcome {
  std::string problem;  // empty: done
  bool begun = false;   // the log may be half overwritten: nothing may be read until it was opened again
};
OverwriteOutcome overwrite(FileSystem& files, const std::string& directory, std::uint64_t log_id,
                           const std::vector<Patch>& patches);

// Ends what a crash interrupted. Throws Error(storage).
void finish_overwrite(FileSystem& files, const std::string& directory);

}  // namespace laban::journal
