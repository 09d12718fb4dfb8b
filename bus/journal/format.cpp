// bus/journal/format.cpp - headers to bytes and back.
#include "bus/journal/format.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "bus/journal/crc32c.hpp"

namespace laban::journal {
namespace {

constexpr std::string_view segment_magic = "LABANLOG";
constexpr std::string_view checkpoint_magic = "LABANCKP";
constexpr std::uint16_t batch_magic = 0x424c;  // "LB"

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T take(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool begins_with(std::span<const std::byte> bytes, std::string_view magic) {
  return std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// The checksum of a file header and what belongs to it: everything but the four bytes that hold it.
std::uint32_t checksum_without(std::span<const std::byte> bytes, std::size_t at) {
  return crc32c(bytes.subspan(at + 4), crc32c(bytes.first(at)));
}

std::string numbered(std::uint64_t number, const char* suffix) {
  char text[40];
  std::snprintf(text, sizeof text, "%020llu%s", static_cast<unsigned long long>(number), suffix);
  return text;
}

std::optional<std::uint64_t> number_of(const std::string& name, std::string_view suffix) {
  if (name.size() != 20 + suffix.size() || name.compare(20, suffix.size(), suffix) != 0) return {};
  if (!std::all_of(name.begin(), name.begin() + 20, [](char c) { return c >= '0' && c <= '9'; })) return {};
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 20; ++i) number = number * 10 + static_cast<std::uint64_t>(name[i] - '0');
  return numbered(number, "") == name.substr(0, 20) ? std::optional{number} : std::nullopt;
}

}  // namespace

void encode(const SegmentHeader& header, std::span<std::byte, segment_header_bytes> into) {
  std::byte* at = into.data();
  std::memset(at, 0, into.size());
  std::memcpy(at, segment_magic.data(), segment_magic.size());
  put<std::uint16_t>(at + 8, header.version);
  put<std::uint16_t>(at + 10, segment_header_bytes);
  put(at + 16, header.log_id);
  put(at + 24, header.generation);
  put(at + 28, header.previous);
  put(at + 32, header.base);
  put(at + 40, header.next_offset);
  put(at + 48, header.recordedtime);
  put(at + 12, checksum_without(into, 12));
}

std::optional<SegmentHeader> decode_segment(std::span<const std::byte, segment_header_bytes> bytes) {
  const std::byte* at = bytes.data();
  if (!begins_with(bytes, segment_magic)) return {};
  if (take<std::uint32_t>(at + 12) != checksum_without(bytes, 12)) return {};
  SegmentHeader header;
  header.version = take<std::uint16_t>(at + 8);
  header.log_id = take<std::uint64_t>(at + 16);
  header.generation = take<std::uint32_t>(at + 24);
  header.previous = take<std::uint32_t>(at + 28);
  header.base = take<std::uint64_t>(at + 32);
  header.next_offset = take<std::uint64_t>(at + 40);
  header.recordedtime = take<std::int64_t>(at + 48);
  return header;
}

std::uint32_t seal_batch(BatchHeader header, std::span<std::byte> batch) {
  std::byte* at = batch.data();
  put(at, batch_magic);
  put(at + 2, header.version);
  put(at + 3, header.flags);
  put(at + 8, static_cast<std::uint32_t>(batch.size()));
  put(at + 12, header.previous);
  put(at + 16, header.log_id);
  put(at + 24, header.generation);
  put(at + 28, header.count);
  put(at + 32, header.position);
  put(at + 40, header.first_offset);
  put(at + 48, header.recordedtime);
  put(at + 56, header.synced);
  const auto crc = checksum_without(batch, 4);
  put(at + 4, crc);
  return crc;
}

std::optional<BatchHeader> decode_batch(std::span<const std::byte, batch_header_bytes> bytes) {
  const std::byte* at = bytes.data();
  if (take<std::uint16_t>(at) != batch_magic) return {};
  BatchHeader header;
  header.version = take<std::uint8_t>(at + 2);
  header.flags = take<std::uint8_t>(at + 3);
  header.crc = take<std::uint32_t>(at + 4);
  header.length = take<std::uint32_t>(at + 8);
  header.previous = take<std::uint32_t>(at + 12);
  header.log_id = take<std::uint64_t>(at + 16);
  header.generation = take<std::uint32_t>(at + 24);
  header.count = take<std::uint32_t>(at + 28);
  header.position = take<std::uint64_t>(at + 32);
  header.first_offset = take<std::uint64_t>(at + 40);
  header.recordedtime = take<std::int64_t>(at + 48);
  header.synced = take<std::uint64_t>(at + 56);
  if (header.length < batch_header_bytes || header.length % 8 != 0) return {};
  return header;
}

bool batch_intact(std::span<const std::byte> batch, const BatchHeader& header) {
  return batch.size() == header.length && checksum_without(batch, 4) == header.crc;
}

void encode(const RecordHeader& header, std::byte* into) {
  put(into, header.length);
  put(into + 4, header.kind);
  put(into + 5, header.flags);
  put<std::uint16_t>(into + 6, 0);
}

RecordHeader decode_record(const std::byte* bytes) {
  return {take<std::uint32_t>(bytes), take<std::uint8_t>(bytes + 4), take<std::uint8_t>(bytes + 5)};
}

void encode(const CheckpointHeader& header, std::span<std::byte> file) {
  std::byte* at = file.data();
  std::memset(at, 0, checkpoint_header_bytes);
  std::memcpy(at, checkpoint_magic.data(), checkpoint_magic.size());
  put(at + 8, header.version);
  put<std::uint16_t>(at + 10, checkpoint_header_bytes);
  put(at + 16, header.log_id);
  put(at + 24, header.generation);
  put(at + 28, header.previous);
  put(at + 32, header.position);
  put(at + 40, header.carried);
  put(at + 48, header.state_bytes);
  put(at + 12, checksum_without(file, 12));
}

std::optional<CheckpointHeader> decode_checkpoint(std::span<const std::byte> file) {
  if (file.size() < checkpoint_header_bytes || !begins_with(file, checkpoint_magic)) return {};
  const std::byte* at = file.data();
  CheckpointHeader header;
  header.version = take<std::uint16_t>(at + 8);
  header.log_id = take<std::uint64_t>(at + 16);
  header.generation = take<std::uint32_t>(at + 24);
  header.previous = take<std::uint32_t>(at + 28);
  header.position = take<std::uint64_t>(at + 32);
  header.carried = take<std::uint64_t>(at + 40);
  header.state_bytes = take<std::uint64_t>(at + 48);
  if (header.carried > file.size() / 16 || header.state_bytes > file.size()) return {};
  if (checkpoint_header_bytes + header.carried * 16 + header.state_bytes != file.size()) return {};
  if (take<std::uint32_t>(at + 12) != checksum_without(file, 12)) return {};
  return header;
}

std::string segment_name(std::uint64_t base) {
  return numbered(base, ".log");
}
std::string checkpoint_name(std::uint64_t position) {
  return numbered(position, ".checkpoint");
}
std::optional<std::uint64_t> segment_base(const std::string& name) {
  return number_of(name, ".log");
}
std::optional<std::uint64_t> checkpoint_position(const std::string& name) {
  return number_of(name, ".checkpoint");
}

}  // namespace laban::journal
