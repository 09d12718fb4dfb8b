// bus/journal/group.hpp - collects the records of one batch in memory, laid out as they go to the disk.
//
// Threads: belongs to one thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

#include "bus/journal/format.hpp"
#include "bus/journal/record.hpp"

namespace laban::journal {

class Group {
 public:
  using Parts = std::initializer_list<std::span<const std::byte>>;

  void add(std::uint8_t kind, std::uint8_t flags, Parts parts);
  void add_carried(const Record& event);
  void clear();

  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
  std::uint32_t events() const { return events_; }
  std::uint64_t body_bytes() const { return size_ - batch_header_bytes; }
  std::span<std::byte> batch() { return {buffer_.get(), size_}; }  // the header's place in front

  // The batch and a header of zeros behind it: nothing that lay there before can be taken for what comes next.
  std::span<const std::byte> terminated();

 private:
  std::byte* grow(std::size_t bytes);

  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t size_ = batch_header_bytes;
  std::uint32_t count_ = 0;
  std::uint32_t events_ = 0;
};

}  // namespace laban::journal
