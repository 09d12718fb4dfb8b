// tests/unit/bus/journal/format_test.cpp - headers to bytes and back, and no other bytes.
#include "bus/journal/format.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace laban::journal;

TEST_CASE("log format: a segment header comes back, and no flipped bit passes") {
  SegmentHeader header;
  header.previous = 7;
  header.log_id = 0xabcdef0123456789;
  header.generation = 3;
  header.base = 4096;
  header.next_offset = 42;
  header.recordedtime = -5;
  std::array<std::byte, segment_header_bytes> bytes;
  encode(header, bytes);
  const auto read = decode_segment(bytes);
  REQUIRE(read);
  CHECK(read->previous == 7);
  CHECK(read->log_id == header.log_id);
  CHECK(read->generation == 3);
  CHECK(read->base == 4096);
  CHECK(read->next_offset == 42);
  CHECK(read->recordedtime == -5);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    CHECK_FALSE(decode_segment(flipped));
  }
}

TEST_CASE("log format: a batch comes back, and no flipped bit passes") {
  std::vector<std::byte> batch(batch_header_bytes + 16, std::byte{0x5a});
  BatchHeader header;
  header.log_id = 9;
  header.count = 1;
  header.position = 64;
  header.first_offset = 1;
  header.recordedtime = 123;
  header.synced = 64;
  const auto crc = seal_batch(header, batch);
  const auto intact = [](std::span<const std::byte> bytes) {
    const auto read = decode_batch(bytes.first<batch_header_bytes>());
    return read && read->length == bytes.size() && batch_intact(bytes, *read);
  };
  CHECK(intact(batch));
  const auto read = decode_batch(std::span<const std::byte>{batch}.first<batch_header_bytes>());
  REQUIRE(read);
  CHECK(read->crc == crc);
  CHECK(read->position == 64);
  CHECK(read->recordedtime == 123);
  for (std::size_t bit = 0; bit < batch.size() * 8; ++bit) {
    batch[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    CHECK_FALSE(intact(batch));
    batch[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
}

TEST_CASE("log format: only exact names are segments and checkpoints") {
  CHECK(segment_name(64) == "00000000000000000064.log");
  CHECK(segment_base("00000000000000000064.log") == 64u);
  CHECK(segment_base("18446744073709551615.log") == ~0ull);
  CHECK_FALSE(segment_base("18446744073709551616.log"));
  CHECK_FALSE(segment_base("64.log"));
  CHECK_FALSE(segment_base("00000000000000000064.log~"));
  CHECK_FALSE(segment_base("0000000000000000006x.log"));
  CHECK(checkpoint_position("00000000000000000064.checkpoint") == 64u);
  CHECK_FALSE(checkpoint_position("00000000000000000064.log"));
}
