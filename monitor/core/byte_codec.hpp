// monitor/core/byte_codec.hpp - numbers and texts as bytes and back, for what the fold keeps. Numbers take seven bits a byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace laban::monitor {

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  void time(std::chrono::sys_time<std::chrono::nanoseconds> value) {
    number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  }
  template <class List>
  void numbers(const List& list) {
    number(list.size());
    for (const auto one : list) number(one);
  }

 private:
  std::string& out_;
};

// After a mistake everything reads as zero and good() is false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  bool good() const { return good_; }
  bool at_end() const { return in_.empty(); }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; good_ && shift < 64; shift += 7) {
      if (in_.empty()) break;
      const auto byte = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  std::uint32_t small() { return static_cast<std::uint32_t>(number()); }
  std::uint64_t at_most(std::uint64_t most) {
    const std::uint64_t value = number();
    if (value <= most) return value;
    good_ = false;
    return 0;
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (!good_ || size > in_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view value = in_.substr(0, size);
    in_.remove_prefix(size);
    return value;
  }
  std::chrono::sys_time<std::chrono::nanoseconds> time() {
    return std::chrono::sys_time<std::chrono::nanoseconds>{
        std::chrono::nanoseconds{static_cast<std::int64_t>(number())}};
  }
  // A count that the rest of the bytes can hold.
  std::size_t count() { return static_cast<std::size_t>(at_most(in_.size())); }
  template <class List>
  void numbers(List& list) {
    list.resize(count());
    for (auto& one : list) one = static_cast<typename List::value_type>(number());
  }

 private:
  std::string_view in_;
  bool good_ = true;
};

}  // namespace laban::monitor
