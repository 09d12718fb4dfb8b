// bench/scratch.hpp - a directory for one benchmark run, removed with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace laban::bench {

// In the working directory, so that the disk that is measured is the one the caller chose.
class Scratch {
 public:
  Scratch() {
    std::string name = "laban-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("cannot make a directory here: run in a writable one");
    path_ = std::filesystem::absolute(name);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace laban::bench
