// bus/journal/crc32c.cpp - CRC-32C by tables, and by the SSE4.2 instruction on three streams at once.
#include "bus/journal/crc32c.hpp"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace laban::journal {
namespace {

static_assert(std::endian::native == std::endian::little, "the log is little-endian and read in place");

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][i] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t)
    for (std::size_t i = 0; i < 256; ++i) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
  return tables;
}

constexpr Tables tables = make_tables();

std::uint64_t load64(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint32_t step(std::uint32_t crc, std::byte byte) {
  return (crc >> 8) ^ tables[0][(crc ^ static_cast<std::uint8_t>(byte)) & 0xff];
}

#if defined(__x86_64__)
// The instruction takes three cycles and starts every cycle, so three independent streams keep it busy. Their
// checksums are joined by "what would so many zero bytes do to this one", which is linear in the checksum's
// bits.
constexpr std::size_t stream_bytes = 1024;
using Shift = std::array<std::array<std::uint32_t, 256>, 4>;

Shift make_shift() {
  std::array<std::uint32_t, 32> basis{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint32_t crc = 1u << bit;
    for (std::size_t i = 0; i < stream_bytes; ++i) crc = (crc >> 8) ^ tables[0][crc & 0xff];
    basis[bit] = crc;
  }
  Shift shift{};
  for (std::size_t byte = 0; byte < 4; ++byte)
    for (std::size_t value = 0; value < 256; ++value)
      for (std::size_t bit = 0; bit < 8; ++bit)
        if ((value >> bit & 1) != 0) shift[byte][value] ^= basis[byte * 8 + bit];
  return shift;
}

std::uint32_t shifted(const Shift& shift, std::uint32_t crc) {
  return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::span<const std::byte> bytes, std::uint32_t before) {
  static const Shift shift = make_shift();
  std::uint64_t crc = ~before;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  while (left >= 3 * stream_bytes) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < stream_bytes; i += 8) {
      crc = _mm_crc32_u64(crc, load64(at + i));
      second = _mm_crc32_u64(second, load64(at + stream_bytes + i));
      third = _mm_crc32_u64(third, load64(at + 2 * stream_bytes + i));
    }
    crc = shifted(shift, static_cast<std::uint32_t>(crc)) ^ second;
    crc = shifted(shift, static_cast<std::uint32_t>(crc)) ^ third;
    at += 3 * stream_bytes;
    left -= 3 * stream_bytes;
  }
  for (; left >= 8; at += 8, left -= 8) crc = _mm_crc32_u64(crc, load64(at));
  auto result = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) result = step(result, *at);
  return ~result;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = load64(at) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= tables[7 - i][word >> (8 * i) & 0xff];
  }
  for (; left > 0; ++at, --left) crc = step(crc, *at);
  return ~crc;
}

// The highest byte of a table's entry tells which entry it is.
std::uint32_t crc32c_before(std::span<const std::byte> bytes, std::uint32_t after) {
  static const auto entry_of = [] {
    std::array<std::uint8_t, 256> out{};
    for (std::size_t i = 0; i < 256; ++i) out[tables[0][i] >> 24] = static_cast<std::uint8_t>(i);
    return out;
  }();
  std::uint32_t crc = ~after;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    const std::uint32_t entry = entry_of[crc >> 24];
    crc = (crc ^ tables[0][entry]) << 8 | (entry ^ static_cast<std::uint8_t>(*byte));
  }
  return ~crc;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return by_instruction(bytes, before);
#endif
  return crc32c_portable(bytes, before);
}

}  // namespace laban::journal
