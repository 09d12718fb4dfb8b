// bus/codec/frame.hpp - the bytes of one frame, aligned as Cap'n Proto wants them.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

namespace laban::codec {

inline constexpr std::size_t frame_bytes_max = 64u << 20;
inline constexpr std::size_t envelope_bytes_max = 16u << 20;
inline constexpr std::size_t feed_id_bytes = 16;

using Blob = std::span<const std::byte>;

// Words in a row, left as the memory has them until somebody writes them: a frame is written once, not zeroed first.
class Words {
 public:
  Words() = default;
  explicit Words(std::size_t size) { resize(size); }
  Words(std::initializer_list<std::uint64_t> words) { append(words.begin(), words.size()); }
  Words(const Words& other) { append(other.data(), other.size()); }
  Words(Words&& other) noexcept
      : words_(std::move(other.words_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Words& operator=(Words other) noexcept {
    words_ = std::move(other.words_);
    size_ = other.size_;
    capacity_ = other.capacity_;
    return *this;
  }

  std::uint64_t* data() { return words_.get(); }
  const std::uint64_t* data() const { return words_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::uint64_t& operator[](std::size_t index) { return words_[index]; }
  std::uint64_t operator[](std::size_t index) const { return words_[index]; }
  std::uint64_t* begin() { return words_.get(); }
  std::uint64_t* end() { return words_.get() + size_; }
  const std::uint64_t* begin() const { return words_.get(); }
  const std::uint64_t* end() const { return words_.get() + size_; }

  void clear() { size_ = 0; }
  void resize(std::size_t size) {
    if (size > capacity_) grow(std::max(size, capacity_ * 2));
    size_ = size;
  }
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }
  void append(const std::uint64_t* words, std::size_t count) {
    if (count == 0) return;
    resize(size_ + count);
    std::memcpy(end() - count, words, count * sizeof *words);
  }

 private:
  void grow(std::size_t capacity) {
    auto larger = std::make_unique_for_overwrite<std::uint64_t[]>(capacity);
    if (size_ != 0) std::memcpy(larger.get(), words_.get(), size_ * sizeof(std::uint64_t));
    words_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<std::uint64_t[]> words_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// One frame as bytes. Half of what a socket hands out is not 8-byte aligned and is copied; the rest can be adopted.
// Everything inside an aligned frame (envelopes, payloads) is aligned too and can be read in place.
class Frame {
 public:
  Frame() = default;
  explicit Frame(Blob received) { assign(received); }
  explicit Frame(Words words) : words_(std::move(words)), size_(words_.size() * 8) {}

  // Replaces the content and keeps the memory.
  void assign(Blob received) {
    owner_.reset();
    size_ = received.size();
    words_.resize((size_ + 7) / 8);
    if (size_ != 0) std::memcpy(words_.data(), received.data(), size_);
  }

  // Replaces the content by bytes that lie elsewhere, 8-byte aligned, for as long as their owner lives. Nobody writes to them.
  void adopt(Blob bytes, std::shared_ptr<const void> owner) {
    assert(is_aligned(bytes));
    owner_ = std::move(owner);
    adopted_ = bytes.data();
    size_ = bytes.size();
  }
  static bool is_aligned(Blob bytes) { return reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 == 0; }

  Blob bytes() const { return {owner_ ? adopted_ : reinterpret_cast<const std::byte*>(words_.data()), size_}; }
  // Ends the frame's use.
  Words take_words() { return std::move(words_); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  Words words_;
  std::size_t size_ = 0;
  std::shared_ptr<const void> owner_;
  const std::byte* adopted_ = nullptr;
};

}  // namespace laban::codec
