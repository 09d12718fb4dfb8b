// bus/journal/format.hpp - what lies on the disk, byte by byte. docs/log-format.md tells it as a page; golden
// files hold it.
//
// Pure: no file is touched here. All numbers are little-endian; every structure begins at a multiple of 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace laban::journal {

inline constexpr std::uint16_t format_version = 1;
inline constexpr std::size_t segment_header_bytes = 64;
inline constexpr std::size_t batch_header_bytes = 64;
inline constexpr std::size_t checkpoint_header_bytes = 64;
inline constexpr std::size_t record_header_bytes = 8;
inline constexpr std::size_t carried_bytes = 16;  // offset and time of a carried event, between header and body

inline constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 7) & ~std::size_t{7};
}

// The first bytes of a segment file.
struct SegmentHeader {
  std::uint16_t version = format_version;
  std::uint32_t previous = 0;  // checksum of the last batch before this segment
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  std::uint64_t base = 0;         // the log position of the segment's first byte
  std::uint64_t next_offset = 1;  // the offset of its first event
  std::int64_t recordedtime = 0;  // of the last batch before it
};

enum BatchFlag : std::uint8_t {
  batch_mark = 1,    // no records: says how far the log is synced; the next batch overwrites it
  batch_closed = 2,  // a mark that was written when the log was closed
  batch_sealed = 4,  // a mark that was written when the log went on in another segment
};

// A batch is a group of records that was committed together: this header, then the records.
struct BatchHeader {
  std::uint8_t version = format_version;
  std::uint8_t flags = 0;
  std::uint32_t crc = 0;       // over everything of the batch but these four bytes
  std::uint32_t length = 0;    // with the header; a multiple of 8
  std::uint32_t previous = 0;  // checksum of the batch before
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  std::uint32_t count = 0;         // of records
  std::uint64_t position = 0;      // of this batch in the log
  std::uint64_t first_offset = 0;  // of its first event; what the next event gets, where it has none
  std::int64_t recordedtime = 0;
  std::uint64_t synced = 0;  // everything before this position was on the disk when this was written
};

enum RecordFlag : std::uint8_t {
  record_event = 1,    // consumes an offset
  record_carried = 2,  // an event copied forward: its offset and time follow the header
};

struct CheckpointHeader {
  std::uint16_t version = format_version;
  std::uint32_t previous = 0;  // checksum of the last batch before the position: ties the checkpoint to this log
  std::uint64_t log_id = 0;
  std::uint32_t generation = 0;
  std::uint64_t position = 0;
  std::uint64_t carried = 0;  // entries of the table of carried events
  std::uint64_t state_bytes = 0;
};

void encode(const SegmentHeader& header, std::span<std::byte, segment_header_bytes> into);
// Nothing where magic or checksum are wrong. A version that this program does not know comes back as it is.
std::optional<SegmentHeader> decode_segment(std::span<const std::byte, segment_header_bytes> bytes);

// Writes header and checksum into the front of a whole batch and returns the checksum.
std::uint32_t seal_batch(BatchHeader header, std::span<std::byte> batch);
// The header's fields without checking the checksum; nothing where magic or length cannot be.
std::optional<BatchHeader> decode_batch(std::span<const std::byte, batch_header_bytes> bytes);
bool batch_intact(std::span<const std::byte> batch, const BatchHeader& header);

struct RecordHeader {
  std::uint32_t length = 0;  // of the body, without padding
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
};

void encode(const RecordHeader& header, std::byte* into);
RecordHeader decode_record(const std::byte* bytes);

// Header, table and state as one file's bytes; the checksum covers all of it.
void encode(const CheckpointHeader& header, std::span<std::byte> file);
std::optional<CheckpointHeader> decode_checkpoint(std::span<const std::byte> file);

// 00000000000000000064.log: twenty digits of the position that the file begins with.
std::string segment_name(std::uint64_t base);
std::string checkpoint_name(std::uint64_t position);
std::optional<std::uint64_t> segment_base(const std::string& name);
std::optional<std::uint64_t> checkpoint_position(const std::string& name);

}  // namespace laban::journal
