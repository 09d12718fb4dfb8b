// bus/queue/bytes.hpp - the few encodings that a queue's changes and snapshots are made of.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "laban/error.hpp"

namespace laban::queue {

static_assert(std::endian::native == std::endian::little, "stored numbers are little-endian");

inline std::uint64_t number_from(std::chrono::sys_time<std::chrono::nanoseconds> time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
inline std::chrono::sys_time<std::chrono::nanoseconds> time_from(std::uint64_t nanoseconds) {
  return std::chrono::sys_time<std::chrono::nanoseconds>{
      std::chrono::nanoseconds{static_cast<std::int64_t>(nanoseconds)}};
}

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& out) : out_(out) {}

  void byte(std::uint8_t value) { out_.push_back(std::byte{value}); }
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      byte(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    byte(static_cast<std::uint8_t>(value));
  }
  void difference(std::uint64_t value, std::uint64_t from) {  // small either way
    const auto delta = static_cast<std::int64_t>(value - from);
    number((static_cast<std::uint64_t>(delta) << 1) ^ static_cast<std::uint64_t>(delta >> 63));
  }
  void fixed(std::uint64_t value) {
    const auto at = out_.size();
    out_.resize(at + sizeof value);
    std::memcpy(out_.data() + at, &value, sizeof value);
  }
  void text(std::string_view text) {
    number(text.size());
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    out_.insert(out_.end(), data, data + text.size());
  }

 private:
  std::vector<std::byte>& out_;
};

// Throws Error(malformed) at the end of the bytes and on numbers that do not fit.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> in) : in_(in) {}

  bool done() const { return in_.empty(); }
  std::size_t left() const { return in_.size(); }
  std::uint8_t byte() {
    need(1);
    const auto value = std::to_integer<std::uint8_t>(in_[0]);
    in_ = in_.subspan(1);
    return value;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= std::uint64_t{next & 0x7FU} << shift;
      if ((next & 0x80) == 0) return value;
    }
    fail();
  }
  std::uint32_t small() {
    const std::uint64_t value = number();
    if (value > 0xFFFF'FFFF) fail();
    return static_cast<std::uint32_t>(value);
  }
  std::uint64_t difference(std::uint64_t from) {
    const std::uint64_t zigzag = number();
    return from + ((zigzag >> 1) ^ (~(zigzag & 1) + 1));
  }
  std::uint64_t fixed() {
    need(8);
    std::uint64_t value;
    std::memcpy(&value, in_.data(), sizeof value);
    in_ = in_.subspan(8);
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    need(size);
    std::string result(reinterpret_cast<const char*>(in_.data()), size);
    in_ = in_.subspan(size);
    return result;
  }
  // A count of things that take at least one byte each: more cannot follow.
  std::size_t count() {
    const std::uint64_t value = number();
    need(value);
    return value;
  }
  [[noreturn]] static void fail() {
    throw Error(Errc::malformed, "a queue's stored state cannot be read: run laban hub --verify on the log");
  }

 private:
  void need(std::uint64_t size) const {
    if (size > in_.size()) fail();
  }
  std::span<const std::byte> in_;
};

}  // namespace laban::queue
