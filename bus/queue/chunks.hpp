// bus/queue/chunks.hpp - records in fixed chunks with numbers that are used again; growing never copies.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace laban::queue {

inline constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

// Threads: one thread at a time.
template <class Record>
class Chunks {
 public:
  std::uint32_t add() {
    if (!free_.empty()) {
      const std::uint32_t number = free_.back();
      free_.pop_back();
      (*this)[number] = Record{};
      return number;
    }
    if (end_ == chunks_.size() * chunk_size) chunks_.push_back(std::make_unique<std::array<Record, chunk_size>>());
    return end_++;
  }
  void remove(std::uint32_t number) {
    (*this)[number] = Record{};
    free_.push_back(number);
  }

  Record& operator[](std::uint32_t number) { return (*chunks_[number / chunk_size])[number % chunk_size]; }
  const Record& operator[](std::uint32_t number) const { return (*chunks_[number / chunk_size])[number % chunk_size]; }

  std::uint32_t end() const { return end_; }  // numbers in use are below it
  std::size_t size() const { return end_ - free_.size(); }
  std::size_t memory_bytes() const {
    return chunks_.size() * chunk_size * sizeof(Record) + free_.capacity() * sizeof(std::uint32_t);
  }

  // Gives all memory back; only when nothing is in use.
  void clear() {
    chunks_.clear();
    free_.clear();
    free_.shrink_to_fit();
    end_ = 0;
  }

 private:
  static constexpr std::size_t chunk_size = 1024;
  std::vector<std::unique_ptr<std::array<Record, chunk_size>>> chunks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t end_ = 0;
};

}  // namespace laban::queue
