// bus/journal/group.cpp - records behind each other, each at a multiple of 8.
#include "bus/journal/group.hpp"

#include <cassert>
#include <cstring>

#include "bus/journal/journal.hpp"

namespace laban::journal {
namespace {

constexpr std::size_t first_capacity = 64 << 10;
constexpr std::size_t kept_capacity = 8 << 20;  // a rare large group does not hold its memory for ever

}  // namespace

std::byte* Group::grow(std::size_t bytes) {
  if (size_ + bytes > capacity_) {
    auto capacity = capacity_ == 0 ? first_capacity : capacity_;
    while (capacity < size_ + bytes) capacity *= 2;
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (buffer_) std::memcpy(larger.get(), buffer_.get(), size_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  auto* at = buffer_.get() + size_;
  size_ += bytes;
  assert(size_ <= group_bytes_max + body_bytes_max + 4096 && "commit before the group grows past group_bytes_max");
  return at;
}

void Group::add(std::uint8_t kind, std::uint8_t flags, Parts parts) {
  std::size_t length = 0;
  for (const auto part : parts) length += part.size();
  assert(length <= body_bytes_max && "bound the size of what comes from outside before it reaches the log");
  auto* at = grow(record_header_bytes + padded(length));
  encode(RecordHeader{static_cast<std::uint32_t>(length), kind, flags}, at);
  at += record_header_bytes;
  for (const auto part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  std::memset(at, 0, padded(length) - length);
  ++count_;
  if ((flags & record_event) != 0) ++events_;
}

void Group::add_carried(const Record& event) {
  const std::int64_t time = event.recordedtime.time_since_epoch().count();
  auto* at = grow(record_header_bytes + carried_bytes + padded(event.body.size()));
  encode(RecordHeader{static_cast<std::uint32_t>(event.body.size()), event.kind, record_carried}, at);
  std::memcpy(at + 8, &event.offset, 8);
  std::memcpy(at + 16, &time, 8);
  at += record_header_bytes + carried_bytes;
  if (!event.body.empty()) std::memcpy(at, event.body.data(), event.body.size());
  std::memset(at + event.body.size(), 0, padded(event.body.size()) - event.body.size());
  ++count_;
}

std::span<const std::byte> Group::terminated() {
  std::memset(grow(batch_header_bytes), 0, batch_header_bytes);
  size_ -= batch_header_bytes;
  return {buffer_.get(), size_ + batch_header_bytes};
}

void Group::clear() {
  size_ = batch_header_bytes;
  count_ = events_ = 0;
  if (capacity_ == 0) grow(0);
  if (capacity_ > kept_capacity) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(first_capacity);
    capacity_ = first_capacity;
  }
}

}  // namespace laban::journal
