// bus/codec/frame.hpp - the bytes of one frame, aligned as Cap'n Proto wants them.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace laban::codec {

inline constexpr std::size_t frame_bytes_max = 64u << 20;
inline constexpr std::size_t envelope_bytes_max = 16u << 20;
inline constexpr std::size_t feed_id_bytes = 16;

using Blob = std::span<const std::byte>;

// Leaves fresh elements as the memory has them: a frame is written once, not zeroed first.
template <class T>
struct UnsetAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = UnsetAllocator<U>;
  };
  template <class U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};
using Words = std::vector<std::uint64_t, UnsetAllocator<std::uint64_t>>;

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
