// bench/journal_bench.hpp - the log's append beside the least that could do the same work.
#pragma once

#include <string>

#include "bench/measurement.hpp"

namespace laban::bench {

// Settings: count and size of the records, window is how many of them share a sync. All run in a directory of their own
// below the working directory.

// The journal (group, header, chain of checksums, index, fdatasync a group) and a bare file (sixteen bytes and a CRC32C a
// record, fdatasync a group), both filled with zeros before the time runs, as a log has it ready. They take turns group by
// group, so that a disk whose speed changes from second to second changes it for both.
struct AppendPair {
  Measurement journal;
  Measurement raw;

  double ratio() const { return raw.per_second() > 0 ? journal.per_second() / raw.per_second() : 0; }
};
AppendPair append_pair(const Settings& settings);

// The journal with segments of the default size, filled by its helper thread while the time runs.
Measurement journal_append_segments(const Settings& settings);

// How long a start takes that finds this many records, with a checkpoint at the last tenth and a cold index.
Measurement journal_open(const Settings& settings);

// Bytes that reach the disk of the working directory, by the kernel's count, for each byte of payload that the journal
// appends; zero-filling is not in it. The whole disk counts, so the machine should be idle.
double journal_bytes_to_disk(const Settings& settings);

}  // namespace laban::bench
