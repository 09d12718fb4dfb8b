// bus/journal/walker.cpp - reads a segment forwards in large pieces.
#include "bus/journal/walker.hpp"

#include <algorithm>
#include <cstring>

namespace laban::journal {
namespace {

constexpr std::size_t read_ahead = 1 << 20;
constexpr std::size_t read_ahead_headers = 4096;

bool belongs(const BatchHeader& header, const SegmentHeader& segment, std::uint64_t position) {
  return header.log_id == segment.log_id && header.generation == segment.generation && header.position == position &&
         header.version <= format_version;
}

}  // namespace

BatchWalker::BatchWalker(File& file, const SegmentHeader& segment, std::uint64_t from, std::uint64_t limit,
                         std::optional<std::uint32_t> previous, Check check)
    : file_(file), segment_(segment), position_(from), next_(from), limit_(limit), previous_(previous), check_(check) {
  const auto first = segment.base + segment_header_bytes;
  if (from <= first) {
    position_ = next_ = first;
    previous_ = segment.previous;
  }
}

// Makes `bytes` from position_ on readable in the buffer; false at the end of the file or on an error.
bool BatchWalker::fill(std::size_t bytes) {
  if (position_ + bytes > limit_) return false;
  if (position_ >= buffer_position_ && position_ + bytes <= buffer_position_ + filled_) return true;
  const std::size_t ahead = check_ == Check::headers ? read_ahead_headers : read_ahead;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(bytes, ahead), limit_ - position_));
  if (wanted > capacity_) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(wanted);
    capacity_ = wanted;
  }
  const auto got = read_fully(file_, position_ - segment_.base, {buffer_.get(), wanted});
  buffer_position_ = position_;
  filled_ = got.bytes;
  error_ = got.error;
  return got.bytes >= bytes;
}

BatchWalker::Step BatchWalker::refuse(const char* reason) {
  reason_ = reason;
  return error_ != 0 ? Step::error : Step::invalid;
}

BatchWalker::Step BatchWalker::next() {
  position_ = next_;
  bytes_ = {};
  if (position_ == limit_) return Step::end;
  if (!fill(batch_header_bytes)) return refuse("the file ends in the middle of a batch");
  const auto* at = buffer_.get() + (position_ - buffer_position_);
  const auto header = decode_batch(std::span<const std::byte, batch_header_bytes>{at, batch_header_bytes});
  if (!header) return refuse("there is no batch header");
  if (!belongs(*header, segment_, position_)) return refuse("the batch header is not of this place in this log");
  if (header->length > limit_ - position_) return refuse("the batch is longer than what is left of the segment");
  if (check_ == Check::everything) {
    if (!fill(header->length)) return refuse("the file ends in the middle of a batch");
    bytes_ = {buffer_.get() + (position_ - buffer_position_), header->length};
    if (!batch_intact(bytes_, *header)) return refuse("the batch does not match its checksum");
  }
  if (previous_ && header->previous != *previous_) return refuse("the batch does not follow the one before it");
  header_ = *header;
  if ((header->flags & batch_mark) != 0) return Step::mark;
  previous_ = header->crc;
  next_ = position_ + header->length;
  return Step::batch;
}

bool visit_records(const BatchHeader& header, std::span<const std::byte> batch,
                   const std::function<void(const Record&)>& visit) {
  std::size_t at = batch_header_bytes;
  std::uint64_t next_offset = header.first_offset;
  for (std::uint32_t i = 0; i < header.count; ++i) {
    if (batch.size() - at < record_header_bytes) return false;
    const auto record = decode_record(batch.data() + at);
    const bool carried = (record.flags & record_carried) != 0;
    at += record_header_bytes + (carried ? carried_bytes : 0);
    if (at > batch.size() || record.length > batch.size() - at) return false;
    Record seen;
    seen.position = header.position;
    seen.recordedtime = Timestamp{std::chrono::nanoseconds{header.recordedtime}};
    seen.kind = record.kind;
    seen.carried = carried;
    if (carried) {
      std::int64_t time;
      std::memcpy(&seen.offset, batch.data() + at - 16, 8);
      std::memcpy(&time, batch.data() + at - 8, 8);
      seen.recordedtime = Timestamp{std::chrono::nanoseconds{time}};
    } else if ((record.flags & record_event) != 0) {
      seen.offset = next_offset++;
    }
    seen.body = batch.subspan(at, record.length);
    at += padded(record.length);
    if (at > batch.size()) return false;
    visit(seen);
  }
  return at == batch.size();
}

Proof was_synced(File& file, const SegmentHeader& segment, std::uint64_t position) {
  constexpr std::size_t window = 1 << 20;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(window + batch_header_bytes);
  const std::uint64_t end = file.size();
  for (std::uint64_t begin = position - segment.base + 8; begin + batch_header_bytes <= end; begin += window) {
    const auto wanted = std::min<std::uint64_t>(window + batch_header_bytes, end - begin);
    const auto [got, error] = read_fully(file, begin, {buffer.get(), static_cast<std::size_t>(wanted)});
    if (error != 0) return {false, error};
    for (std::size_t at = 0; at < window && at + batch_header_bytes <= got; at += 8) {
      const auto header =
          decode_batch(std::span<const std::byte, batch_header_bytes>{buffer.get() + at, batch_header_bytes});
      if (!header || !belongs(*header, segment, segment.base + begin + at)) continue;
      if (header->synced <= position || header->length > end - begin - at) continue;
      const auto batch = std::make_unique_for_overwrite<std::byte[]>(header->length);
      const std::span<std::byte> bytes{batch.get(), header->length};
      if (read_fully(file, begin + at, bytes).bytes == bytes.size() && batch_intact(bytes, *header)) return {true, 0};
    }
  }
  return {};
}

}  // namespace laban::journal
