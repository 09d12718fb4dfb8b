// tests/unit/bus/journal/posix_file_test.cpp - the log on real files, with its helper thread.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "bus/journal/journal.hpp"
#include "bus/journal/verify.hpp"
#include "laban/error.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/journal_log.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

Options real_options() {
  Options options;
  options.segment_bytes = 256 << 10;
  return options;
}

bool has_spare(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::directory_iterator{directory})
    if (entry.path().extension() == ".spare") return true;
  return false;
}

}  // namespace

TEST_CASE("journal on real files: what was committed is there after a restart, over many segments") {
  const TemporaryDirectory directory;
  const auto path = directory / "data/log";
  std::map<std::uint64_t, std::string> expected;
  for (int life = 0; life < 3; ++life) {
    const auto log = Journal::open(posix_file_system(), path, real_options());
    CHECK(events_of(*log) == expected);
    for (int i = 0; i < 400; ++i) {
      const auto text = std::to_string(i) + std::string(1000, 'x');
      expected[append(*log, text)] = text;
      if (i % 20 == 19) REQUIRE(commit(*log, i));
    }
    if (life == 1) REQUIRE(log->close());
  }
  const auto report = verify(posix_file_system(), path);
  CHECK_FALSE(report.damage);
  CHECK(report.events == 1200);
  CHECK(report.segments > 3);
}

TEST_CASE("journal on real files: the helper thread has a zero-filled segment ready before it is needed") {
  const TemporaryDirectory directory;
  auto log = Journal::open(posix_file_system(), directory.path(), real_options());
  const auto missed = log->stats().spares_missed;
  for (int segment = 0; segment < 4; ++segment) {
    REQUIRE(eventually(std::chrono::seconds{20}, [&] { return has_spare(directory.path()); }));
    append(*log, std::string(200 << 10, 'x'));
    REQUIRE(commit(*log));
  }
  CHECK(log->stats().spares_missed == missed);
  CHECK(log->stats().segments >= 3);
}

TEST_CASE("journal on real files: two openings of one directory exclude each other (G12)") {
  const TemporaryDirectory directory;
  auto log = Journal::open(posix_file_system(), directory.path(), real_options());
  try {
    Journal::open(posix_file_system(), directory.path(), real_options());
    FAIL("opened twice");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::in_use);
  }
  log.reset();
  CHECK_NOTHROW(Journal::open(posix_file_system(), directory.path(), real_options()));
}

TEST_CASE("journal on real files: a directory that cannot be made or written is refused with what to do") {
  const TemporaryDirectory directory;
  std::ofstream{directory / "file"} << "x";
  CHECK_THROWS_AS(Journal::open(posix_file_system(), directory / "file", real_options()), Error);
  CHECK_THROWS_AS(Journal::open(posix_file_system(), directory / "file/log", real_options()), Error);
  CHECK_THROWS_AS(verify(posix_file_system(), directory / "nothing"), Error);
  CHECK_THROWS_AS(verify(posix_file_system(), directory.path()), Error);
  if (::geteuid() == 0) {
    MESSAGE("root may write everywhere: the unwritable directory was not tried");
    return;
  }
  std::filesystem::create_directory(directory / "locked");
  ::chmod((directory / "locked").c_str(), 0500);
  CHECK_THROWS_AS(Journal::open(posix_file_system(), directory / "locked", real_options()), Error);
}

TEST_CASE("journal on real files: a full device refuses to begin, and says so") {
  if (!std::filesystem::exists("/dev/full")) return;
  auto opened = posix_file_system().open("/dev/full", OpenMode::write);
  REQUIRE(opened.value);
  CHECK(write_fully(*opened.value, 0, bytes_of("x")) == ENOSPC);
}
