// bus/journal/record.hpp - a record as a reader of the log meets it, and the memory that it lies in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace laban::journal {

using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

// The bytes of one batch, aligned to at least 8.
using Block = std::shared_ptr<const std::byte[]>;

struct Record {
  std::uint64_t offset = 0;         // of an event; 0 for a note
  std::uint64_t position = 0;       // where its batch begins in the log: a place to scan from
  Timestamp recordedtime{};         // of an event carried forward: the original one
  std::uint8_t kind = 0;            // the caller's own
  bool carried = false;             // an old event, copied forward by retention; a fold has seen it before
  std::span<const std::byte> body;  // begins at a multiple of 8, so that a Cap'n Proto segment can be read in place
};

// What is wrong with the log, and where.
struct Damage {
  std::string file;
  std::uint64_t byte = 0;      // in the file
  std::uint64_t position = 0;  // in the log
  std::uint64_t offset = 0;    // the first event that cannot be read
  std::string what;

  std::string text() const;  // one line, without what to do
};

struct ReadResult {
  std::vector<Record> events;
  std::uint64_t next = 0;        // read on from here
  std::uint64_t lost_to = 0;     // asked for events that retention took: the last one of them, else 0
  std::optional<Damage> damage;  // what ended the read before its budget
  std::vector<Block> blocks;     // keeps the bodies alive
};

}  // namespace laban::journal
