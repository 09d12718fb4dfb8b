// monitor/edge/xes/byte_source.cpp - zlib reads plain files as they are.
#include "monitor/edge/xes/byte_source.hpp"

#include <cerrno>
#include <cstring>

#include "laban/error.hpp"

namespace laban::monitor {

ByteSource::ByteSource(const std::filesystem::path& path) : name_(path.string()) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw Error(Errc::malformed, name_ + ": there is no such file: check the path");
  if (std::filesystem::is_directory(status))
    throw Error(Errc::malformed, name_ + ": this is a directory: name a log file in it");
  if (std::filesystem::is_regular_file(status)) total_ = std::filesystem::file_size(path, error);
  if (error) total_ = 0;
  file_ = gzopen(name_.c_str(), "rb");
  if (file_ == nullptr)
    throw Error(Errc::storage, name_ + ": it cannot be opened (" + std::strerror(errno) + "): check its permissions");
  gzbuffer(file_, 64u << 10);  // a read of twice this goes past it, straight to its place
}

ByteSource::~ByteSource() {
  if (file_ != nullptr) gzclose_r(file_);
}

std::size_t ByteSource::read(char* into, std::size_t most) {
  const int got = gzread(file_, into, static_cast<unsigned>(most));
  int code = Z_OK;
  const char* text = gzerror(file_, &code);
  if (got < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR)
    throw Error(Errc::malformed, name_ + (code == Z_BUF_ERROR ? ": the gzip data ends early: fetch the whole file"
                                                              : ": it cannot be read (" + std::string(text) +
                                                                    "): fetch the file again"));
  return static_cast<std::size_t>(got);
}

std::uint64_t ByteSource::taken() const {
  const auto offset = gzoffset(file_);
  return offset < 0 ? 0 : static_cast<std::uint64_t>(offset);
}

}  // namespace laban::monitor
