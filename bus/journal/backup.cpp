// bus/journal/backup.cpp - a consistent copy of a live log: segments never change below what is synced.
#include <algorithm>
#include <array>

#include "bus/journal/impl.hpp"
#include "bus/journal/verify.hpp"
#include "laban/error.hpp"

namespace laban::journal {
namespace {

[[noreturn]] void give_up(const std::string& path, int error) {
  throw Error{Errc::storage, "the backup cannot go on at " + path + ": " + error_text(error) +
                                 ": make room or choose another directory; the log is as it was"};
}

void copy(FileSystem& files, const BackupPlan::Source& source, const std::string& target) {
  const auto from = files.open(source.path, OpenMode::read);
  if (!from.value) give_up(source.path, from.error);
  const auto to = files.open(target, OpenMode::create);
  if (!to.value) give_up(target, to.error);
  std::vector<std::byte> piece(1 << 20);
  for (std::uint64_t at = 0; at < source.bytes;) {
    const auto part =
        std::span{piece}.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), source.bytes - at)));
    const auto got = read_fully(*from.value, at, part);
    if (got.error != 0 || got.bytes != part.size()) give_up(source.path, got.error != 0 ? got.error : EIO);
    if (const int error = write_fully(*to.value, at, part)) give_up(target, error);
    at += part.size();
  }
  if (const int error = to.value->sync_data()) give_up(target, error);
}

}  // namespace

BackupPlan Journal::plan_backup() {
  auto& appender = impl_->appender;
  if (!impl_->closed && appender.sync() != Appender::Outcome::ok) throw Error{Errc::storage, appender.reason()};
  const auto& head = appender.head();
  BackupPlan plan;
  plan.hold = std::shared_ptr<void>{impl_->backups};
  plan.head = head.next_offset - 1;
  // Checkpoints first: a copy that was broken off has no log that could be taken for a whole one.
  for (const auto position : impl_->checkpoint_positions) {
    const auto path = checkpoint_path(impl_->directory, position);
    const auto file = impl_->files.open(path, OpenMode::read);
    if (!file.value)
      throw Error{Errc::storage, "cannot read " + path + ": " + error_text(file.error) + ": check the disk"};
    plan.sources.push_back({path, checkpoint_name(position), file.value->size()});
  }
  for (std::size_t i = 0; i < impl_->segments.size(); ++i) {
    const auto& segment = impl_->segments[i];
    plan.sources.push_back({impl_->segments.path(segment), segment.name(), segment.end - segment.header.base});
  }
  SegmentHeader next;
  next.previous = head.previous;
  next.log_id = head.log_id;
  next.generation = head.generation + 1;
  next.base = head.position;
  next.next_offset = head.next_offset;
  next.recordedtime = head.recordedtime;
  std::array<std::byte, segment_header_bytes> bytes;
  encode(next, bytes);
  plan.continuation_name = segment_name(next.base);
  plan.continuation.assign(bytes.begin(), bytes.end());
  return plan;
}

BackupResult copy_backup(FileSystem& files, const BackupPlan& plan, const std::string& directory) {
  if (const int error = files.make_directories(directory)) give_up(directory, error);
  std::vector<std::string> there;
  if (const int error = files.list(directory, there)) give_up(directory, error);
  if (!there.empty()) throw Error{Errc::storage, directory + " is not empty: give the backup a new directory"};
  BackupResult result;
  for (const auto& source : plan.sources) {
    copy(files, source, directory + "/" + source.name);
    ++result.files;
    result.bytes += source.bytes;
  }
  const auto path = directory + "/" + plan.continuation_name;
  const auto last = files.open(path, OpenMode::create);
  if (!last.value) give_up(path, last.error);
  if (const int error = write_fully(*last.value, 0, plan.continuation)) give_up(path, error);
  if (const int error = last.value->sync_data()) give_up(path, error);
  if (const int error = files.sync_directory(directory)) give_up(directory, error);
  ++result.files;
  result.bytes += plan.continuation.size();
  result.head = plan.head;
  const auto report = verify(files, directory);
  if (report.damage)
    throw Error{Errc::storage, "the copy is not whole: " + report.damage->text() +
                                   ": the log itself may be damaged, check it with `laban hub --verify`"};
  return result;
}

}  // namespace laban::journal
