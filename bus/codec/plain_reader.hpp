// bus/codec/plain_reader.hpp - reads a message in place that lies as we write it ourselves; for the codec's own sources.
//
// That is: one segment, in which every object lies whole. What is not so is not plain, which is not to say malformed: the
// library judges it. Whatever is read is counted against the segment's size, since overlapping objects multiply what a
// reader does; the library counts the same and allows more, so that nothing passes here that it would refuse.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "bus/codec/frame.hpp"
#include "bus/codec/pointer_words.hpp"

namespace laban::codec {

// What a message may be at all; else the library says what is wrong.
inline bool has_words(const Frame& frame) {
  return frame.size() != 0 && frame.size() % sizeof(Word) == 0 && frame.size() <= frame_bytes_max;
}
inline std::span<const Word> words_of(const Frame& frame) {
  return {reinterpret_cast<const Word*>(frame.bytes().data()), frame.size() / sizeof(Word)};
}

// Threads: belongs to one. Views point into the words.
class PlainReader {
 public:
  // Where a struct lies.
  struct Object {
    std::size_t first = 0;
    std::size_t data_words = 0;
    std::size_t pointers = 0;
  };
  struct List {
    std::size_t first = 0;  // word of the first element
    std::size_t count = 0;
  };

  explicit PlainReader(std::span<const Word> words) : words_(words), budget_(words.size() + 32) {}

  // Once false, what was read since is worth nothing.
  bool plain() const { return plain_; }

  Object root() { return object_at(0); }
  Object object(const Object& of, std::size_t index) {
    return index < of.pointers ? object_at(place(of, index)) : not_plain<Object>();
  }

  Word word(const Object& of, std::size_t index) const { return index < of.data_words ? words_[of.first + index] : 0; }
  bool has(const Object& of, std::size_t index) const { return index < of.pointers && words_[place(of, index)] != 0; }

  std::string_view text(const Object& of, std::size_t index) {
    return index < of.pointers ? text_at(place(of, index)) : std::string_view{};
  }
  Blob blob(const Object& of, std::size_t index) { return index < of.pointers ? blob_at(place(of, index)) : Blob{}; }

  // What the pointer at this word leads to.
  std::string_view text_at(std::size_t pointer) {
    const Blob bytes = blob_at(pointer);
    if (bytes.data() == nullptr) return {};
    // A text ends in a zero that is none of it.
    if (bytes.empty() || bytes.back() != std::byte{0}) return not_plain<std::string_view>();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size() - 1};
  }
  Blob blob_at(std::size_t pointer) {
    const Word at = words_[pointer];
    if (at == 0) return {};
    const auto first = target(pointer);
    const std::uint32_t count = count_of(at);
    if (!is_list(at, ElementSize::byte) || !take(first, (std::uint64_t{count} + 7) / 8)) return not_plain<Blob>();
    return {reinterpret_cast<const std::byte*>(words_.data() + first), count};
  }

  // A list of blobs; blob() reads its elements.
  List blobs(const Object& of, std::size_t index) {
    if (!has(of, index)) return {};
    const Word at = words_[place(of, index)];
    const auto first = target(place(of, index));
    if (!is_list(at, ElementSize::pointer) || !take(first, count_of(at))) return not_plain<List>();
    return {static_cast<std::size_t>(first), count_of(at)};
  }
  Blob blob(const List& of, std::size_t index) { return blob_at(of.first + index); }

  // A list of structs of exactly this size; object() gives its elements.
  List objects(const Object& of, std::size_t index, std::uint16_t data_words, std::uint16_t pointers) {
    if (!has(of, index)) return {};
    const Word at = words_[place(of, index)];
    const auto first = target(place(of, index));
    if (!is_list(at, ElementSize::composite) || !take(first, std::uint64_t{count_of(at)} + 1)) return not_plain<List>();
    const Word tag = words_[static_cast<std::size_t>(first)];
    const std::uint64_t count = static_cast<std::uint32_t>(tag) >> 2;
    if ((tag & 3) != 0 || data_words_of(tag) != data_words || pointers_of(tag) != pointers ||
        count * (data_words + pointers) > count_of(at)) {
      return not_plain<List>();
    }
    return {static_cast<std::size_t>(first) + 1, count};
  }
  static Object object(const List& of, std::size_t index, std::uint16_t data_words, std::uint16_t pointers) {
    return {of.first + index * (data_words + pointers), data_words, pointers};
  }

 private:
  static std::size_t place(const Object& of, std::size_t index) { return of.first + of.data_words + index; }
  std::int64_t target(std::size_t pointer) const {
    return static_cast<std::int64_t>(pointer) + 1 + offset_of(words_[pointer]);
  }
  // Whether so many words lie there; counts them.
  bool take(std::int64_t first, std::uint64_t words) {
    if (first < 0 || static_cast<std::uint64_t>(first) + words > words_.size() || words > budget_) return false;
    budget_ -= words;
    return true;
  }
  template <class Nothing>
  Nothing not_plain() {
    plain_ = false;
    return {};
  }

  Object object_at(std::size_t pointer) {
    const Word at = words_[pointer];
    const auto first = target(pointer);
    if (!is_struct(at) || !take(first, std::uint64_t{data_words_of(at)} + pointers_of(at))) return not_plain<Object>();
    return {static_cast<std::size_t>(first), data_words_of(at), pointers_of(at)};
  }

  std::span<const Word> words_;
  std::uint64_t budget_;
  bool plain_ = true;
};

}  // namespace laban::codec
