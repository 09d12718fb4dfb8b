// bus/journal/appender.cpp - write, sync, mark, and go on in the next segment.
#include "bus/journal/appender.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <utility>
#include <vector>

namespace laban::journal {
namespace {

constexpr std::uint64_t mark_distance = 4096;

bool is_full(int error) {
  return error == ENOSPC || error == EDQUOT;
}

bool is_crowded(int error) {
  return error == EMFILE || error == ENFILE;
}

}  // namespace

Appender::Appender(FileSystem& files, std::string directory, std::uint64_t segment_bytes, Segments& segments,
                   Spares& spares, bool background)
    : files_(files),
      directory_(std::move(directory)),
      segment_bytes_(segment_bytes),
      segments_(segments),
      spares_(spares),
      syncer_(background) {}

void Appender::fail(std::string reason) {
  failed_ = true;
  reason_ = std::move(reason);
}

Appender::Outcome Appender::refuse(int error, const std::string& doing) {
  const auto what = doing + " in " + directory_ + " failed: " + error_text(error);
  if (is_full(error)) {
    reason_ = what + ": make room on the disk, what was stored is whole";
    return Outcome::no_space;
  }
  if (is_crowded(error)) {  // no file was touched
    reason_ = what + ": raise the limit on open files, what was stored is whole";
    return Outcome::no_space;
  }
  fail(what + ": check the disk, then start again; nothing more is confirmed until then");
  return Outcome::failed;
}

// The header is on the disk before the file gets its name, so a segment whose header cannot be read is always
// damage.
int Appender::begin_segment(const std::string& path, std::uint64_t size, bool allocate) {
  auto opened = files_.open(path, allocate ? OpenMode::create : OpenMode::write);
  if (!opened.value) return opened.error;
  if (allocate) {
    if (const int error = opened.value->allocate(size)) return error;
  }
  SegmentHeader header;
  header.previous = head_.previous;
  header.log_id = head_.log_id;
  header.generation = head_.generation;
  header.base = head_.position;
  header.next_offset = head_.next_offset;
  header.recordedtime = head_.recordedtime;
  std::array<std::byte, segment_header_bytes + batch_header_bytes> bytes{};  // zeros behind: no batch yet
  encode(header, std::span{bytes}.first<segment_header_bytes>());
  if (const int error = write_fully(*opened.value, 0, bytes)) return error;
  if (const int error = opened.value->sync_data()) return is_full(error) ? EIO : error;
  Segment segment;
  segment.header = header;
  segment.file_bytes = size;
  segment.indexed = true;
  segment.end = segment.first_position();
  if (const int error = files_.rename(path, directory_ + "/" + segment.name())) return error;
  if (const int error = files_.sync_directory(directory_)) return is_full(error) ? EIO : error;

  if (file_) mark(batch_sealed);  // of the old one: should the new one get lost, this tells
  file_ = std::move(opened.value);
  segment.file = file_;
  head_.position = segment.end;
  head_.synced = segment.end;
  head_.synced_offset = head_.next_offset;
  segments_.add(std::move(segment));
  return 0;
}

Appender::Outcome Appender::create(const Head& head) {
  head_ = head;
  return rotate(0);
}

Appender::Outcome Appender::rotate(std::uint64_t bytes_needed) {
  if (dirty()) {
    if (const auto outcome = sync(); outcome != Outcome::ok) return outcome;
  }
  const auto needed = segment_header_bytes + bytes_needed + batch_header_bytes;  // a mark always fits behind
  if (needed <= segment_bytes_) {
    if (const auto spare = spares_.take(); !spare.empty()) {
      const int error = begin_segment(spare, segment_bytes_, false);
      return error == 0 ? Outcome::ok : refuse(error, "beginning a new segment");
    }
  }
  ++counters_.spares_missed;
  const auto path = directory_ + "/next.filling";
  const int error = begin_segment(path, std::max(needed, segment_bytes_), true);
  if (error == 0) return Outcome::ok;
  files_.remove(path);
  return refuse(error, "beginning a new segment");
}

int Appender::resume(const Head& head) {
  head_ = head;
  auto& segment = segments_.newest();
  auto opened = files_.open(segments_.path(segment), OpenMode::write);
  if (!opened.value) return opened.error;
  file_ = std::move(opened.value);
  segment.file = file_;
  std::vector<std::byte> piece(1 << 20);
  for (auto at = std::max(head_.synced, segment.first_position()); at < head_.position;) {
    const auto part =
        std::span{piece}.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), head_.position - at)));
    const auto got = read_fully(*file_, at - segment.header.base, part);
    if (got.bytes != part.size()) return got.error != 0 ? got.error : EIO;
    if (const int error = write_fully(*file_, at - segment.header.base, part)) return error;
    at += part.size();
  }
  if (dirty()) {
    if (const int error = file_->sync_data()) return error;
  }
  head_.synced = head_.position;
  head_.synced_offset = head_.next_offset;
  mark_twice();
  return 0;
}

Appender::Outcome Appender::write(Group& group, std::int64_t recordedtime) {
  assert(!syncer_.underway() && "nothing is written while a sync is underway");
  if (failed_) return Outcome::failed;
  const auto terminated = group.terminated();
  const auto batch = group.batch();
  const auto& segment = segments_.newest();
  if (head_.position - segment.header.base + batch.size() + batch_header_bytes > segment.file_bytes) {
    if (const auto outcome = rotate(batch.size()); outcome != Outcome::ok) return outcome;
  }
  BatchHeader header;
  header.length = static_cast<std::uint32_t>(batch.size());
  header.previous = head_.previous;
  header.log_id = head_.log_id;
  header.generation = head_.generation;
  header.count = group.count();
  header.position = head_.position;
  header.first_offset = head_.next_offset;
  header.recordedtime = std::max(recordedtime, head_.recordedtime);
  header.synced = head_.synced;
  const auto crc = seal_batch(header, batch);

  auto& tail = segments_.newest();
  if (const int error = write_fully(*file_, head_.position - tail.header.base, terminated)) {
    const auto outcome = refuse(error, "writing to the log");
    if (outcome == Outcome::no_space && !dirty()) mark();  // part of the group may lie over the old one
    return outcome;
  }
  head_.position += batch.size();
  head_.previous = crc;
  head_.next_offset += group.events();
  head_.recordedtime = header.recordedtime;
  tail.note(header);
  tail.end = head_.position;
  ++counters_.commits;
  counters_.records += group.count();
  counters_.bytes += batch.size();
  return Outcome::ok;
}

Appender::Outcome Appender::sync() {
  if (failed_) return Outcome::failed;
  if (!dirty()) return Outcome::ok;
  const auto before = std::chrono::steady_clock::now();
  const int error = file_->sync_data();
  sync_time_ = std::chrono::steady_clock::now() - before;
  return synced(error);
}

bool Appender::start_sync(std::function<void()> done) {
  if (failed_ || !dirty()) return false;
  syncer_.start(file_, std::move(done));
  return true;
}

Appender::Outcome Appender::finish_sync() {
  const auto result = syncer_.finish();
  sync_time_ = result.took;
  return synced(result.error);
}

Appender::Outcome Appender::synced(int error) {
  // A full disk at a sync is a failed sync like any other: what the kernel dropped, it will not write later.
  if (error != 0) return refuse(is_full(error) ? EIO : error, "syncing the log");
  ++counters_.syncs;
  head_.synced = head_.position;
  head_.synced_offset = head_.next_offset;
  mark();
  return Outcome::ok;
}

void Appender::mark(std::uint8_t flags, std::uint64_t distance) {
  if (failed_) return;
  const auto& segment = segments_.newest();
  const auto at = head_.position - segment.header.base + distance;
  if (at + batch_header_bytes > segment.file_bytes) return;
  BatchHeader header;
  header.flags = static_cast<std::uint8_t>(batch_mark | flags);
  header.previous = head_.previous;
  header.log_id = head_.log_id;
  header.generation = head_.generation;
  header.position = segment.header.base + at;
  header.first_offset = head_.next_offset;
  header.recordedtime = head_.recordedtime;
  header.synced = head_.position;
  std::array<std::byte, batch_header_bytes> bytes;
  seal_batch(header, bytes);
  // A mark that cannot be written is worth no more than none; the next write meets the same disk and says so.
  if (write_fully(*file_, at, bytes) != 0) return;
}

void Appender::mark_twice(std::uint8_t flags) {
  mark(flags, mark_distance);
  mark(flags);
}

bool Appender::mark_durably() {
  mark_twice(batch_closed);
  if (const int error = file_->sync_data()) {
    refuse(is_full(error) ? EIO : error, "syncing the log");
    return false;
  }
  return true;
}

}  // namespace laban::journal
