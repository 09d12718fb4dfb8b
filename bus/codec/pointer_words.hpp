// bus/codec/pointer_words.hpp - the pointers of Cap'n Proto's encoding as plain words; for the codec's own sources.
//
// Every event passes through four messages: its envelope, the publish frame, the log and the feed batch. Through the library
// each field of them is a chain of calls (measured: 130 ns to read an envelope, 250 to write one); laid out here it is a
// few instructions. What is written by hand is what the library would have written or can read, and what does not look as
// expected is left to the library to judge. Tests hold both against it.
#pragma once

#include <cstdint>

namespace laban::codec {

using Word = std::uint64_t;

enum class ElementSize : std::uint8_t { byte = 2, pointer = 6, composite = 7 };

// `offset` counts words from behind the pointer to what it points at.
constexpr Word pointer_offset(std::int64_t offset) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(offset)) << 2;
}

constexpr Word struct_pointer(std::int64_t offset, std::uint16_t data_words, std::uint16_t pointers) {
  return pointer_offset(offset) | Word{data_words} << 32 | Word{pointers} << 48;
}

constexpr Word list_pointer(std::int64_t offset, ElementSize size, std::uint32_t count) {
  return pointer_offset(offset) | 1 | Word{static_cast<std::uint8_t>(size)} << 32 | Word{count} << 35;
}

constexpr bool is_struct(Word pointer) {
  return pointer != 0 && (pointer & 3) == 0;
}
constexpr bool is_list(Word pointer, ElementSize size) {
  return (pointer & 3) == 1 && (pointer >> 32 & 7) == static_cast<Word>(size);
}
constexpr std::int64_t offset_of(Word pointer) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(pointer)) >> 2;
}
constexpr std::uint16_t data_words_of(Word pointer) {
  return static_cast<std::uint16_t>(pointer >> 32);
}
constexpr std::uint16_t pointers_of(Word pointer) {
  return static_cast<std::uint16_t>(pointer >> 48);
}
constexpr std::uint32_t count_of(Word pointer) {
  return static_cast<std::uint32_t>(pointer >> 35);
}

}  // namespace laban::codec
