// bus/journal/recovery.cpp - from files to the state of the log.
#include "bus/journal/recovery.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "laban/error.hpp"

namespace laban::journal {
namespace {

using Step = BatchWalker::Step;

// How much lies at the end of the log that began and did not end. Zeros there: nothing began.
std::uint64_t unfinished_bytes(File& file, std::uint64_t at) {
  std::vector<std::byte> bytes(1 << 16);
  const auto got = read_fully(file, at, bytes).bytes;
  const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
  const auto begin = std::span{bytes}.first(std::min(got, batch_header_bytes));
  if (std::all_of(begin.begin(), begin.end(), is_zero)) return 0;
  if (got >= batch_header_bytes) {
    const auto header = decode_batch(std::span<const std::byte>{bytes}.first<batch_header_bytes>());
    if (header && at + header->length <= file.size()) return header->length;
  }
  const auto last = std::find_if_not(bytes.rend() - static_cast<std::ptrdiff_t>(got), bytes.rend(), is_zero);
  return static_cast<std::uint64_t>(bytes.rend() - last);
}

Damage file_damage(const std::string& path, std::uint64_t base, std::string what) {
  return {path, 0, base, 0, std::move(what)};
}

std::optional<Damage> check_header(const Segments& segments, const Segment& segment, const SegmentHeader* before) {
  const auto& header = segment.header;
  const auto path = segments.path(segment);
  if (!before) return {};
  if (header.log_id != before->log_id) return file_damage(path, header.base, "the segment belongs to another log");
  if (header.next_offset < before->next_offset || header.generation < before->generation)
    return file_damage(path, header.base, "the segment contradicts the one before it");
  return {};
}

}  // namespace

void refuse(const Damage& damage, const std::string& directory) {
  throw Error{Errc::storage, damage.text() + ": nothing was changed; restore " + directory +
                                 " from a backup, or look at it with `laban hub --verify " + directory + "`"};
}

std::optional<Damage> list_segments(FileSystem& files, const std::string& directory, Segments& segments) {
  std::vector<std::string> names;
  if (const int error = files.list(directory, names))
    throw Error{Errc::storage,
                "cannot read " + directory + ": " + error_text(error) + ": check the path and its rights"};
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const auto base = segment_base(name);
    if (!base) continue;
    Segment segment;
    segment.header.base = *base;
    const auto path = segments.path(segment);
    auto opened = files.open(path, OpenMode::read);
    if (!opened.value)
      throw Error{Errc::storage, "cannot open " + path + ": " + error_text(opened.error) + ": check its rights"};
    std::array<std::byte, segment_header_bytes> bytes{};
    const auto got = read_fully(*opened.value, 0, bytes);
    if (got.error != 0) return file_damage(path, *base, error_text(got.error));
    const auto header = decode_segment(bytes);
    if (got.bytes < bytes.size() || !header)
      return file_damage(path, *base, "the segment's header does not match its checksum");
    if (header->version > format_version)
      throw Error{Errc::storage, path + " has format version " + std::to_string(header->version) +
                                     " and this laban reads up to " + std::to_string(format_version) +
                                     ": use a newer laban"};
    if (header->base != *base) return file_damage(path, *base, "the segment was renamed");
    segment.header = *header;
    segment.file_bytes = opened.value->size();
    segment.end = segment.first_position();
    if (auto found = check_header(segments, segment, segments.empty() ? nullptr : &segments.newest().header))
      return found;
    if (!segments.empty()) {
      auto& before = segments.newest();
      before.end = header->base;
      if (before.end < before.first_position() || before.file_bytes < before.end - before.header.base)
        return Damage{segments.path(before), before.file_bytes, before.header.base + before.file_bytes,
                      before.header.next_offset, "the next segment is missing, or this one was cut short"};
    }
    segments.add(std::move(segment));
  }
  return {};
}

SegmentWalk walk_segment(const Segments& segments, Segment& segment, SegmentEnd end, const OnBatch& on_batch) {
  SegmentWalk walk;
  walk.synced = segment.first_position();
  walk.previous = segment.header.previous;
  walk.next_offset = segment.header.next_offset;
  walk.recordedtime = segment.header.recordedtime;
  const auto limit = end == SegmentEnd::sealed ? segment.end : segment.header.base + segment.file_bytes;
  BatchWalker walker{*segment.file, segment.header, segment.first_position(), limit, segment.header.previous};
  segment.index.clear();
  auto step = walker.next();
  for (; step == Step::batch; step = walker.next()) {
    const auto& header = walker.header();
    std::uint64_t events = 0;
    const bool sound =
        header.first_offset == walk.next_offset && visit_records(header, walker.bytes(), [&](const Record& record) {
          if (record.offset != 0 && !record.carried) ++events;
        });
    if (!sound) {
      walk.damage = segments.damage(segment, walker.position(), walk.next_offset, "the batch contradicts its header");
      return walk;
    }
    segment.note(header);
    if (on_batch) on_batch(header, walker.bytes());
    walk.synced = std::max(walk.synced, header.synced);
    walk.previous = header.crc;
    walk.next_offset += events;
    walk.recordedtime = header.recordedtime;
    walk.records += header.count;
    walk.events += events;
    ++walk.batches;
  }
  walk.end = walker.position();
  segment.indexed = true;
  const auto damaged = [&](const std::string& what) {
    walk.damage = segments.damage(segment, walk.end, walk.next_offset, what);
    return walk;
  };
  if (step == Step::error) return damaged(error_text(walker.error()));
  if (step == Step::end) {  // also of the newest one, where its file ends with its last batch
    segment.end = walk.end;
    return walk;
  }
  if (end == SegmentEnd::sealed) return damaged(step == Step::mark ? "batches are missing here" : walker.reason());
  if (step == Step::mark) {
    walk.synced = std::max(walk.synced, walker.header().synced);
    walk.closed = (walker.header().flags & batch_closed) != 0;
    if (end == SegmentEnd::newest && (walker.header().flags & batch_sealed) != 0)
      return damaged("the log went on in another segment, and that is missing");
  }
  const auto proof = was_synced(*segment.file, segment.header, walk.end);
  if (proof.error != 0) return damaged(error_text(proof.error));
  if (proof.synced) return damaged(step == Step::mark ? "batches are missing here" : walker.reason());
  if (step == Step::invalid) walk.cut_bytes = unfinished_bytes(*segment.file, walk.end - segment.header.base);
  segment.end = walk.end;
  return walk;
}

void merge_carried(std::vector<CarriedEntry>& table, std::vector<CarriedEntry> found) {
  table.insert(table.end(), found.begin(), found.end());
  std::stable_sort(table.begin(), table.end(),
                   [](const CarriedEntry& a, const CarriedEntry& b) { return a.offset < b.offset; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (kept > 0 && table[kept - 1].offset == table[i].offset) --kept;
    table[kept++] = table[i];
  }
  table.resize(kept);
}

namespace {

// Checkpoints of this log, the newest first; what does not fit is left out and remarked.
std::vector<StoredCheckpoint> fitting_checkpoints(FileSystem& files, const std::string& directory,
                                                  const Segments& segments, Recovery& report) {
  std::vector<StoredCheckpoint> fitting;
  const auto& oldest = segments.oldest().header;
  for (const auto position : list_checkpoints(files, directory)) {
    std::string why;
    auto checkpoint = load_checkpoint(files, directory, position, why);
    if (checkpoint && checkpoint->header.log_id != oldest.log_id)
      why = "it is of another log";
    else if (checkpoint && position < oldest.base)
      why = "the log begins later";
    else if (checkpoint) {
      fitting.push_back(std::move(*checkpoint));
      continue;
    }
    ++report.checkpoints_ignored;
    report.remarks.push_back("ignored " + checkpoint_path(directory, position) + ": " + why);
  }
  return fitting;
}

std::size_t first_to_check(const Segments& segments, std::uint64_t check_bytes) {
  std::size_t first = segments.size() - 1;
  const auto end = segments.newest().header.base;
  while (first > 0 && end - segments[first - 1].header.base <= check_bytes) --first;
  return first;
}

}  // namespace

Recovered recover(FileSystem& files, const std::string& directory, Segments& segments, std::uint64_t check_bytes) {
  Recovered result;
  auto checkpoints = fitting_checkpoints(files, directory, segments, result.report);
  std::size_t first = first_to_check(segments, check_bytes);
  const auto fold_from = checkpoints.empty() ? segments.oldest().header.base : checkpoints.back().header.position;
  first = std::min(first, segments.at_position(fold_from));

  std::map<std::uint64_t, std::uint32_t> boundaries;  // of the checkpoints' positions: the checksum before each
  for (const auto& checkpoint : checkpoints)
    boundaries.emplace(checkpoint.header.position, checkpoint.header.previous ^ 1u);
  const auto pass = [&](std::uint64_t position, std::uint32_t previous) {
    if (const auto found = boundaries.find(position); found != boundaries.end()) found->second = previous;
  };
  std::vector<CarriedEntry> found;
  SegmentWalk walk;
  for (std::size_t i = first; i < segments.size(); ++i) {
    auto& segment = segments[i];
    if (const int error = segments.open(segment))
      throw Error{Errc::storage,
                  "cannot open " + segments.path(segment) + ": " + error_text(error) + ": check its rights"};
    pass(segment.header.base, segment.header.previous);
    pass(segment.first_position(), segment.header.previous);
    const auto segment_end = i + 1 == segments.size() ? SegmentEnd::newest : SegmentEnd::sealed;
    walk =
        walk_segment(segments, segment, segment_end, [&](const BatchHeader& header, std::span<const std::byte> batch) {
          pass(header.position + header.length, header.crc);
          visit_records(header, batch, [&](const Record& record) {
            if (record.carried) found.push_back({record.offset, record.position});
          });
        });
    if (walk.damage) refuse(*walk.damage, directory);
    if (i + 1 < segments.size()) {
      const auto& next = segments[i + 1].header;
      if (next.previous != walk.previous || next.next_offset != walk.next_offset)
        refuse(segments.damage(segments[i + 1], next.base, walk.next_offset,
                               "the segment does not follow the one before it"),
               directory);
    }
  }
  const auto& newest = segments.newest();
  const bool partly = first > 0;
  for (auto& checkpoint : checkpoints) {
    const auto position = checkpoint.header.position;
    if (position > walk.end && checkpoint.header.generation == newest.header.generation)
      refuse(segments.damage(newest, walk.end, walk.next_offset,
                             "the log ends here, and " + checkpoint_name(position) + " was saved later"),
             directory);
    const bool walked = !partly || position >= segments[first].header.base;
    if (walked && boundaries[position] != checkpoint.header.previous) {
      ++result.report.checkpoints_ignored;
      result.report.remarks.push_back("ignored " + checkpoint_path(directory, position) + ": it does not fit the log");
      continue;
    }
    result.checkpoint_positions.push_back(position);
    if (!result.checkpoint) result.checkpoint = std::move(checkpoint);
  }
  if (!result.checkpoint && partly) return recover(files, directory, segments, ~0ull);  // the fold begins at the front
  if (!result.checkpoint && segments.oldest().header.base > 0)
    throw Error{Errc::storage, "the log in " + directory + " begins at position " +
                                   std::to_string(segments.oldest().header.base) +
                                   " and no checkpoint says what was before: restore it from a backup"};
  if (result.checkpoint) {
    for (const auto& entry : result.checkpoint->carried)
      if (entry.position >= segments.oldest().header.base) result.carried.push_back(entry);
  }
  merge_carried(result.carried, std::move(found));

  result.head = {newest.header.log_id, newest.header.generation, walk.end,    walk.previous,
                 walk.next_offset,     walk.recordedtime,        walk.synced, walk.next_offset};
  result.report.clean = walk.closed;
  result.report.cut_position = walk.cut_bytes > 0 ? walk.end : 0;
  result.report.cut_bytes = walk.cut_bytes;
  if (walk.cut_bytes > 0)
    result.report.remarks.push_back("cut an unfinished write of " + std::to_string(walk.cut_bytes) +
                                    " bytes at log position " + std::to_string(walk.end) +
                                    ": no sync had covered it, so nothing confirmed is lost");
  return result;
}

}  // namespace laban::journal
