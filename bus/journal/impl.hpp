// bus/journal/impl.hpp - what a Journal holds; shared by the files that implement it, included by nobody
// else.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bus/journal/appender.hpp"
#include "bus/journal/checkpoints.hpp"
#include "bus/journal/group.hpp"
#include "bus/journal/journal.hpp"
#include "bus/journal/segments.hpp"
#include "bus/journal/spares.hpp"

namespace laban::journal {

struct Journal::Impl {
  Impl(FileSystem& file_system, const std::string& log_directory, const Options& how)
      : files(file_system),
        directory(log_directory),
        options(how),
        segments(files, directory, options.cache_bytes),
        spares(files, directory, options.segment_bytes, options.spare_segments, options.background),
        appender(files, directory, options.segment_bytes, segments, spares, options.background) {
    pending.clear();
  }

  CommitResult answer(Appender::Outcome outcome) const;
  std::optional<std::uint64_t> carried_position(std::uint64_t offset) const;

  FileSystem& files;
  const std::string directory;
  const Options options;
  std::unique_ptr<DirectoryLock> lock;
  Segments segments;
  Spares spares;
  Appender appender;
  Group pending;
  Recovery recovery;
  std::vector<CarriedEntry> carried;                        // sorted by offset
  std::vector<std::uint64_t> checkpoint_positions;          // of those that fit, the newest first
  std::shared_ptr<int> backups = std::make_shared<int>(0);  // use_count() - 1 of them are being copied
  bool closed = false;
};

}  // namespace laban::journal
