// bus/journal/verify.cpp - every segment, every batch, every checkpoint.
#include "bus/journal/verify.hpp"

#include <algorithm>
#include <cerrno>

#include "bus/journal/overwrite.hpp"
#include "bus/journal/recovery.hpp"
#include "laban/error.hpp"

namespace laban::journal {
namespace {

// Without creating anything: a directory that no hub has had open has no lock file.
std::unique_ptr<DirectoryLock> hold(FileSystem& files, const std::string& directory) {
  std::vector<std::string> names;
  if (const int error = files.list(directory, names))
    throw Error{Errc::storage,
                "cannot read " + directory + ": " + error_text(error) + ": give the directory of a hub's log"};
  if (std::none_of(names.begin(), names.end(), [](const auto& name) { return segment_base(name).has_value(); }))
    throw Error{Errc::storage, "there is no log in " + directory + ": give the directory of a hub's log"};
  if (std::find(names.begin(), names.end(), "lock") == names.end()) return nullptr;
  auto lock = files.lock(directory);
  if (lock.error == EWOULDBLOCK)
    throw Error{Errc::in_use, "a hub has " + directory + " open: stop it, or verify a backup of it"};
  return std::move(lock.value);
}

void check_checkpoints(FileSystem& files, const std::string& directory, const Segments& segments,
                       VerifyReport& report) {
  for (const auto position : list_checkpoints(files, directory)) {
    std::string why;
    const auto checkpoint = load_checkpoint(files, directory, position, why);
    if (checkpoint) {
      ++report.checkpoints;
      const auto& newest = segments.newest();
      if (!report.damage && checkpoint->header.log_id == report.log_id &&
          checkpoint->header.generation == report.generation && position > newest.end)
        report.damage =
            segments.damage(newest, newest.end, report.head + 1, "the log ends here, and a checkpoint was saved later");
    } else if (!report.damage) {
      const auto after = report.head + 1;
      report.damage =
          Damage{checkpoint_path(directory, position), 0, position, after, "the checkpoint cannot be read: " + why};
    }
  }
  if (!report.damage && report.checkpoints == 0 && segments.oldest().header.base > 0)
    report.damage = segments.damage(segments.oldest(), segments.oldest().header.base, report.first_offset,
                                    "the log begins here and no checkpoint says what was before");
}

}  // namespace

VerifyReport verify(FileSystem& files, const std::string& directory,
                    const std::function<void(std::uint64_t)>& progress) {
  const auto lock = hold(files, directory);
  finish_overwrite(files, directory);
  VerifyReport report;
  Segments segments{files, directory, 0};
  report.damage = list_segments(files, directory, segments);
  if (segments.empty()) return report;
  report.log_id = segments.oldest().header.log_id;
  report.generation = segments.newest().header.generation;
  report.first_offset = segments.oldest().header.next_offset;
  report.head = report.first_offset - 1;
  const auto unlisted = std::move(report.damage);
  report.damage.reset();
  for (std::size_t i = 0; i < segments.size() && !report.damage; ++i) {
    auto& segment = segments[i];
    if (const int error = segments.open(segment)) {
      report.damage = segments.damage(segment, segment.header.base, report.head + 1, error_text(error));
      break;
    }
    const bool last = i + 1 == segments.size();
    const auto end = !last ? SegmentEnd::sealed : unlisted ? SegmentEnd::unknown : SegmentEnd::newest;
    auto walk = walk_segment(segments, segment, end);
    ++report.segments;
    report.batches += walk.batches;
    report.records += walk.records;
    report.events += walk.events;
    report.bytes += walk.end - segment.header.base;
    report.head = walk.next_offset - 1;
    report.damage = std::move(walk.damage);
    if (end == SegmentEnd::newest) {
      report.torn_bytes = walk.cut_bytes;
      report.clean = walk.closed;
    } else if (!report.damage && !last) {
      const auto& next = segments[i + 1].header;
      if (next.previous != walk.previous || next.next_offset != walk.next_offset)
        report.damage = segments.damage(segments[i + 1], next.base, walk.next_offset,
                                        "the segment does not follow the one before it");
    }
    if (progress) progress(report.bytes);
  }
  if (!report.damage) report.damage = unlisted;
  check_checkpoints(files, directory, segments, report);
  return report;
}

}  // namespace laban::journal
