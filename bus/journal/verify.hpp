// bus/journal/verify.hpp - checks every byte of a log offline, for `laban hub --verify DIR`. Changes nothing.
//
// Threads: one call, one thread. Errors: throws Error(in_use) where a hub has the log open, Error(storage)
// where there is no log to be read; what is wrong in a log is a value.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "bus/journal/file.hpp"
#include "bus/journal/record.hpp"

namespace laban::journal {

struct VerifyReport {
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  std::uint64_t segments = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_offset = 0;
  std::uint64_t head = 0;
  std::uint64_t torn_bytes = 0;  // an unfinished write at the end, which the next start of the hub cuts: no damage
  bool clean = false;            // closed by its hub
  std::uint64_t checkpoints = 0;
  std::optional<Damage> damage;  // the first one
};

// `progress` is told the bytes checked so far, now and then.
VerifyReport verify(FileSystem& files, const std::string& directory,
                    const std::function<void(std::uint64_t)>& progress = {});

}  // namespace laban::journal
