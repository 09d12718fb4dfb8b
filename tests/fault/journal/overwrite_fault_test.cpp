// tests/fault/journal/overwrite_fault_test.cpp - the disk fails, or the power goes, at the 1st, 2nd, 3rd ... operation of an
// erasure, until a run gets through.
#include <doctest/doctest.h>

#include <cerrno>

#include "bus/journal/verify.hpp"
#include "laban/error.hpp"
#include "tests/support/erased_log.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

// What is left reads as it did, each event erased or not, and another erasure ends it.
void check_and_erase(FaultyFiles& files, ErasedLog& work, const std::map<std::uint64_t, std::string>& before) {
  auto log = open_log(files);
  const auto after = work.without_secrets(before);
  for (const auto& [offset, text] : work.all_of(*log)) {
    CAPTURE(offset);
    REQUIRE((text == before.at(offset) || text == after.at(offset)));
  }
  CHECK(log->head() == before.rbegin()->first);
  REQUIRE(work.erase(*log) == "");
  CHECK(work.all_of(*log) == after);
  log.reset();
  CHECK_FALSE(work.secrets_in(files));
  CHECK_FALSE(verify(files, log_directory).damage);
}

void fail_at_each_operation(Fault fault, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  FaultyFiles origin;
  ErasedLog work(random);
  std::map<std::uint64_t, std::string> before;
  {
    const auto log = open_log(origin);
    work.fill(*log);
    before = work.all_of(*log);
  }
  bool met = true;
  for (std::uint64_t n = 1; met; ++n) {
    CAPTURE(n);
    const auto files = origin.copy();
    {
      const auto log = open_log(*files);
      fault.at = n;
      files->inject(fault);
      const auto problem = work.erase(*log);
      met = files->fault_was_met();
      if (!met) CHECK(problem == "");
    }
    files->heal();
    const auto other = files->copy();  // the hub died, the machine did not
    CHECK_FALSE(verify(*other, log_directory).damage);
    check_and_erase(*other, work, before);
    std::mt19937_64 some(seed + n);
    files->power_cut(n % 3 == 0 ? nullptr : &some);
    check_and_erase(*files, work, before);
    REQUIRE(n < 10'000);
  }
}

}  // namespace

TEST_CASE("journal: an erasure that the disk fails at any operation is whole after the next start (G253)") {
  LABAN_SEED(seed);
  Fault fault;
  SUBCASE("EIO") {
    fault.error = EIO;
  }
  SUBCASE("EIO from then on") {
    fault.error = EIO;
    fault.how_often = ~0ull >> 1;
  }
  SUBCASE("ENOSPC") {
    fault.error = ENOSPC;
  }
  SUBCASE("a write that breaks off") {
    fault.kind = Fault::Kind::torn_write;
    fault.error = EIO;
    fault.only = [](const FileCall& call) { return call.kind == FileCall::Kind::write; };
  }
  fail_at_each_operation(fault, seed);
}

TEST_CASE("journal: an erasure that a power cut ends at any operation is whole after the next start (G253)") {
  LABAN_SEED(seed);
  Fault fault;
  fault.kind = Fault::Kind::power_cut;
  fail_at_each_operation(fault, seed);
}
