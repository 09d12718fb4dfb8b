// bus/codec/frame.hpp - the bytes of one frame, aligned as Cap'n Proto wants them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace laban::codec {

inline constexpr std::size_t frame_bytes_max = 64u << 20;
inline constexpr std::size_t envelope_bytes_max = 16u << 20;
inline constexpr std::size_t feed_id_bytes = 16;

using Blob = std::span<const std::byte>;

// One frame as bytes. A received frame is copied into it once: half of what a socket hands out is not 8-byte
// aligned, and everything inside an aligned frame (envelopes, payloads) is aligned too and can be read in
// place.
class Frame {
 public:
  Frame() = default;
  explicit Frame(Blob received) { assign(received); }
  explicit Frame(std::vector<std::uint64_t> words) : words_(std::move(words)), size_(words_.size() * 8) {}

  // Replaces the content and keeps the memory.
  void assign(Blob received) {
    size_ = received.size();
    words_.resize((size_ + 7) / 8);
    if (size_ != 0) std::memcpy(words_.data(), received.data(), size_);
  }

  Blob bytes() const { return {reinterpret_cast<const std::byte*>(words_.data()), size_}; }
  std::span<std::byte> bytes() { return {reinterpret_cast<std::byte*>(words_.data()), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

}  // namespace laban::codec
