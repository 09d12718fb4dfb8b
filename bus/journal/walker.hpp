// bus/journal/walker.hpp - goes through one segment batch by batch and trusts nothing that it reads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "bus/journal/file.hpp"
#include "bus/journal/format.hpp"
#include "bus/journal/record.hpp"

namespace laban::journal {

// Threads: belongs to one thread. Errors: values.
class BatchWalker {
 public:
  enum class Step {
    batch,    // header() and bytes() are the next one
    mark,     // header() says how far the log was synced; nothing written follows
    end,      // exactly at the limit
    invalid,  // what is here is no batch of this log: a torn write, damage, or never written
    error,    // the file cannot be read: error()
  };
  enum class Check { everything, headers };

  // Walks [from, limit), both log positions. The chain of checksums is checked from `previous` on, or, where
  // that is not known, from the second batch on.
  BatchWalker(File& file, const SegmentHeader& segment, std::uint64_t from, std::uint64_t limit,
              std::optional<std::uint32_t> previous, Check check = Check::everything);

  Step next();
  const BatchHeader& header() const { return header_; }
  std::span<const std::byte> bytes() const { return bytes_; }  // until the next call; empty with Check::headers
  std::uint64_t position() const { return position_; }         // of what the last step found
  const char* reason() const { return reason_; }               // why the last step was invalid
  int error() const { return error_; }

 private:
  bool fill(std::size_t bytes);
  Step refuse(const char* reason);

  File& file_;
  SegmentHeader segment_;
  std::uint64_t position_;
  std::uint64_t next_;
  std::uint64_t limit_;
  std::optional<std::uint32_t> previous_;
  Check check_;
  BatchHeader header_;
  std::span<const std::byte> bytes_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t buffer_position_ = 0;
  const char* reason_ = "";
  int error_ = 0;
};

// Visits the records of an intact batch; false where they contradict its header, which no writer of this log
// does.
bool visit_records(const BatchHeader& header, std::span<const std::byte> batch,
                   const std::function<void(const Record&)>& visit);

// Looks behind a batch that cannot be read for one that was written when `position` was already on the disk.
// Where there is one, the unreadable batch was confirmed and is damaged; where there is none, it is a write
// that never finished.
struct Proof {
  bool synced = false;
  int error = 0;  // the file cannot be read
};
Proof was_synced(File& file, const SegmentHeader& segment, std::uint64_t position);

}  // namespace laban::journal
