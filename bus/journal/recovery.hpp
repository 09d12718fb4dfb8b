// bus/journal/recovery.hpp - reads a log directory and says where its log ends, without changing anything.
//
// How damage is told from a write that never finished: a batch that cannot be read is damage where something
// follows that was written when it was already on the disk (a later segment, a batch or a mark that says so,
// a checkpoint). Every sync is followed by such a mark, so only a write that no sync covered is ever cut.
//
// Threads: one call, one thread. Errors: throws Error(storage) for damage and for what cannot be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bus/journal/appender.hpp"
#include "bus/journal/checkpoints.hpp"
#include "bus/journal/journal.hpp"
#include "bus/journal/segments.hpp"

namespace laban::journal {

struct Recovered {
  Head head;
  Recovery report;
  std::optional<StoredCheckpoint> checkpoint;       // the newest that fits
  std::vector<std::uint64_t> checkpoint_positions;  // of all that fit, the newest first
  std::vector<CarriedEntry> carried;                // sorted by offset
};

// Reads the headers of all segments into `segments`, in order. Nothing where there are none: no log yet.
std::optional<Damage> list_segments(FileSystem& files, const std::string& directory, Segments& segments);

// The rest of the work, for a log that has segments.
Recovered recover(FileSystem& files, const std::string& directory, Segments& segments, std::uint64_t check_bytes);

// What a walk over one segment found.
struct SegmentWalk {
  std::optional<Damage> damage;
  std::uint64_t end = 0;        // behind the last whole batch
  std::uint64_t cut_bytes = 0;  // of an unfinished write behind it
  std::uint64_t synced = 0;     // proven by what was read
  bool closed = false;
  std::uint32_t previous = 0;
  std::uint64_t next_offset = 0;
  std::int64_t recordedtime = 0;
  std::uint64_t batches = 0, records = 0, events = 0;
};

// Where a segment ends: where the next one begins; where its batches end, since it is the newest one; or nobody knows,
// since the header of the next one cannot be read.
enum class SegmentEnd { sealed, newest, unknown };

// Checks every byte of a segment. In the newest one, what does not go on is cut or, where it was synced, damage.
// `on_batch` sees each whole batch.
using OnBatch = std::function<void(const BatchHeader&, std::span<const std::byte>)>;
SegmentWalk walk_segment(const Segments& segments, Segment& segment, SegmentEnd end, const OnBatch& on_batch = {});

// Merges entries that were found later into a table that is sorted by offset; a later one of the same offset
// wins.
void merge_carried(std::vector<CarriedEntry>& table, std::vector<CarriedEntry> found);

[[noreturn]] void refuse(const Damage& damage, const std::string& directory);

}  // namespace laban::journal
