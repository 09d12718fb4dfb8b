// tests/fault/journal/disk_fault_test.cpp - the disk fails at the 1st, 2nd, 3rd ... operation, until a run gets through.
#include <cerrno>

#include "tests/fault/journal/workload.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

constexpr int steps = 40;

// One fault, then a healthy disk: with the power cut meanwhile or not, what was promised is there and the log goes on.
void fail_at_each_operation(Fault fault, std::uint64_t seed) {
  bool met = true;
  for (std::uint64_t n = 1; met; ++n) {
    CAPTURE(n);
    FaultyFiles files;
    Workload work{seed};
    fault.at = n;
    files.inject(fault);
    work.run(files, steps);
    met = files.fault_was_met();
    files.heal();
    files.set_capacity(~0ull);

    Workload after_cut = work;
    const auto other = files.copy();  // everything that was written: the hub died, the machine did not
    work.check(*other, false);
    CHECK_FALSE(verify(*other, log_directory).damage);
    work.run(*other, 10);
    work.check(*other, false);

    std::mt19937_64 some{seed + n};
    files.power_cut(n % 3 == 0 ? nullptr : &some);
    after_cut.check(files, true);
    after_cut.run(files, 10);
    after_cut.check(files, false);
    CHECK_FALSE(verify(files, log_directory).damage);
    REQUIRE(n < 10'000);
  }
}

}  // namespace

TEST_CASE("journal: an EIO at any operation loses nothing confirmed and is never retried into success (G15)") {
  LABAN_SEED(seed);
  Fault fault;
  fault.error = EIO;
  SUBCASE("once") {}
  SUBCASE("and from then on") {
    fault.how_often = ~0ull >> 1;
  }
  fail_at_each_operation(fault, seed);
}

TEST_CASE("journal: a write that breaks off in the middle, at any operation, loses nothing confirmed (G15)") {
  LABAN_SEED(seed);
  Fault fault;
  fault.kind = Fault::Kind::torn_write;
  fault.only = [](const FileCall& call) { return call.kind == FileCall::Kind::write; };
  SUBCASE("EIO") {
    fault.error = EIO;
  }
  SUBCASE("ENOSPC") {
    fault.error = ENOSPC;
  }
  fail_at_each_operation(fault, seed);
}

TEST_CASE("journal: a short write at any operation is completed") {
  LABAN_SEED(seed);
  Fault fault;
  fault.kind = Fault::Kind::short_write;
  fault.only = [](const FileCall& call) { return call.kind == FileCall::Kind::write; };
  fail_at_each_operation(fault, seed);
}

TEST_CASE("journal: a full disk at any operation loses nothing confirmed (G16)") {
  LABAN_SEED(seed);
  Fault fault;
  fault.error = ENOSPC;
  SUBCASE("once") {}
  SUBCASE("for ten operations") {
    fault.how_often = 10;
  }
  fail_at_each_operation(fault, seed);
}

TEST_CASE("journal: a read that fails while the log is opened refuses the start and cuts nothing (G20)") {
  FaultyFiles origin;
  auto log = open_log(origin);
  for (int i = 0; i < 10; ++i) {
    append(*log, std::string(1000, 'x'));
    REQUIRE(commit(*log));
  }
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  append(*log, "last");
  REQUIRE(commit(*log));
  const auto expected = events_of(*log);
  log.reset();
  bool met = true;
  int refused = 0;
  for (std::uint64_t n = 1; met; ++n) {
    CAPTURE(n);
    const auto files = origin.copy();
    Fault fault;
    fault.at = n;
    fault.only = [](const FileCall& call) { return call.kind == FileCall::Kind::read; };
    files->inject(fault);
    try {
      log = open_log(*files);
      CHECK(log->head() == expected.size());
    } catch (const Error& error) {
      CHECK(error.code() == Errc::storage);
      ++refused;
    }
    log.reset();
    met = files->fault_was_met();
    files->heal();
    log = open_log(*files);
    CHECK(events_of(*log) == expected);
    log.reset();
  }
  CHECK(refused > 3);
}

TEST_CASE("journal: a failed sync fails the log until it is opened again (G15)") {
  // Longer than a sector and a page, so that no later write carries it to the disk by chance.
  const std::string unknown(9000, 'u');
  for (const int error : {EIO, ENOSPC}) {
    CAPTURE(error);
    FaultyFiles files;
    auto log = open_log(files, small_options(1 << 16));
    append(*log, "kept");
    REQUIRE(commit(*log));
    Fault fault;
    fault.error = error;
    fault.at = 1;
    fault.only = [](const FileCall& call) { return call.kind == FileCall::Kind::sync; };
    files.inject(fault);
    append(*log, unknown);
    const auto result = commit(*log);
    CHECK(result.status == CommitResult::Status::failed);
    CHECK(log->failed());
    CHECK_FALSE(log->failure().empty());
    append(*log, "refused");
    CHECK(commit(*log).status == CommitResult::Status::failed);
    CHECK_FALSE(log->close());
    log.reset();
    log = open_log(files);
    append(*log, "after");
    REQUIRE(commit(*log));
    log.reset();
    // What the failed sync left in memory was written again, so a later power cut takes nothing.
    files.power_cut();
    log = open_log(files);
    CHECK(events_of(*log) == std::map<std::uint64_t, std::string>{{1, "kept"}, {2, unknown}, {3, "after"}});
  }
}

TEST_CASE("journal: a full disk refuses groups, and takes them again when there is room (G16)") {
  FaultyFiles files;
  auto log = open_log(files);
  files.set_capacity(10'000);
  std::map<std::uint64_t, std::string> confirmed;
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    const auto text = std::to_string(i) + std::string(1000, 'x');
    const auto offset = append(*log, text);
    const auto result = commit(*log);
    if (result) {
      confirmed[offset] = text;
    } else {
      REQUIRE(result.status == CommitResult::Status::no_space);
      CHECK(result.reason.find("make room") != std::string::npos);
      ++refused;
      if (refused == 5) files.set_capacity(1 << 20);
    }
  }
  CHECK(refused == 5);
  CHECK_FALSE(log->failed());
  CHECK(events_of(*log) == confirmed);
  log.reset();
  files.power_cut();
  log = open_log(files);
  CHECK(events_of(*log) == confirmed);
  CHECK(log->head() == confirmed.size());
}
