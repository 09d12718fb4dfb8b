// tests/unit/bus/journal/crc32c_test.cpp - the checksum against published values and against its portable
// twin.
#include "bus/journal/crc32c.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "tests/support/journal_log.hpp"
#include "tests/support/seed.hpp"

using laban::journal::crc32c;
using laban::journal::crc32c_portable;

TEST_CASE("crc32c: gives the values of RFC 3720") {
  std::vector<std::byte> bytes(32, std::byte{0});
  CHECK(crc32c(bytes) == 0x8a9136aau);
  CHECK(crc32c_portable(bytes) == 0x8a9136aau);
  std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
  CHECK(crc32c(bytes) == 0x62a8ab43u);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  CHECK(crc32c(bytes) == 0x46dd794eu);
  CHECK(crc32c(laban::test::bytes_of("123456789")) == 0xe3069283u);
  CHECK(crc32c({}) == 0u);
}

TEST_CASE("crc32c: the instruction and the tables agree on every length, and pieces join") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  std::vector<std::byte> bytes(20'000);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t length = 0; length < bytes.size(); length += 1 + random() % 97) {
    const auto part = std::span{bytes}.first(length);
    const auto whole = crc32c_portable(part);
    CHECK(crc32c(part) == whole);
    const auto cut = length == 0 ? 0 : random() % length;
    CHECK(crc32c(part.subspan(cut), crc32c(part.first(cut))) == whole);
  }
}
