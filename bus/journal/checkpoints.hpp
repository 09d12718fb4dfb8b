// bus/journal/checkpoints.hpp - the caller's state as of a position, so that a start need not fold the whole
// log.
//
// A checkpoint is tied to the log by the log's id, its generation, the position and the checksum of the batch
// before it: one that does not fit is ignored, so it can never disagree with the log.
//
// Threads: belongs to one thread. Errors: values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bus/journal/file.hpp"
#include "bus/journal/format.hpp"

namespace laban::journal {

// Where retention put an event whose segment is gone: the position of the batch that holds it now.
struct CarriedEntry {
  std::uint64_t offset = 0;
  std::uint64_t position = 0;
};

struct StoredCheckpoint {
  CheckpointHeader header;
  std::vector<CarriedEntry> carried;
  std::vector<std::byte> state;
};

std::string checkpoint_path(const std::string& directory, std::uint64_t position);

// The positions of all files that are named like checkpoints, the newest first.
std::vector<std::uint64_t> list_checkpoints(FileSystem& files, const std::string& directory);

// Nothing where the file cannot be read whole; `why` says what is wrong.
std::optional<StoredCheckpoint> load_checkpoint(FileSystem& files, const std::string& directory, std::uint64_t position,
                                                std::string& why);

// An errno.
int store_checkpoint(FileSystem& files, const std::string& directory, const CheckpointHeader& header,
                     std::span<const CarriedEntry> carried, std::span<const std::byte> state);

}  // namespace laban::journal
