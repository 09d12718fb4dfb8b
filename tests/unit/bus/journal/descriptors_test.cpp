// tests/unit/bus/journal/descriptors_test.cpp - the log where connections have taken every open file that there may be.
#include "bus/journal/descriptors.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "tests/support/journal_log.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

// Takes every descriptor below a limit, as connections would.
class Crowd {
 public:
  Crowd() {
    getrlimit(RLIMIT_NOFILE, &before_);
    auto few = before_;
    few.rlim_cur = 128;
    setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY)) >= 0;) taken_.push_back(fd);
  }
  ~Crowd() {
    for (const int fd : taken_) ::close(fd);
    setrlimit(RLIMIT_NOFILE, &before_);
  }
  void one_leaves() {
    ::close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

}  // namespace

TEST_CASE("journal: where every open file is taken the log goes on in its next file, and says so (G302)") {
  const TemporaryDirectory directory;
  const auto path = (directory / "log").string();
  auto options = small_options(4096);
  const auto log = open_log(posix_file_system(), options, path);
  REQUIRE(append(*log, "first") == 1);
  REQUIRE(commit(*log));
  CHECK_FALSE(files_exhausted());
  std::uint64_t head = 1;
  std::string trouble;  // told once files can be opened again: a sanitizer's check of a message opens some
  {
    Crowd crowd;
    CHECK(files_exhausted());
    CHECK(::open("/dev/null", O_RDONLY) < 0);
    while (trouble.empty() && log->stats().segments < 4) {
      append(*log, std::string(900, 'x'));
      const auto result = commit(*log, static_cast<std::int64_t>(++head));
      if (!result) trouble = "not stored: " + result.reason;
    }
    crowd.one_leaves();
    CHECK_FALSE(files_exhausted());
  }
  CHECK(trouble == "");
  CHECK(log->head() == head);
  CHECK(events_of(*log).size() == head);
}
