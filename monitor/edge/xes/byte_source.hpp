// monitor/edge/xes/byte_source.hpp - the bytes of a file, unpacked where they are gzip.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace laban::monitor {

// Errors: laban::Error, naming the file.
class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  std::size_t read(char* into, std::size_t most);  // 0 at the end
  std::uint64_t taken() const;                     // bytes of the file, packed
  std::uint64_t total() const { return total_; }

 private:
  std::string name_;
  gzFile file_ = nullptr;
  std::uint64_t total_ = 0;
};

}  // namespace laban::monitor
