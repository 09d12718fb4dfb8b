// tests/fault/journal/power_cut_test.cpp - the power goes at any operation.
#include "tests/fault/journal/workload.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

TEST_CASE(
    "journal: a power cut at any operation takes nothing that was confirmed as synced, and leaves a prefix (G14)") {
  LABAN_SEED(seed);
  bool met = true;
  for (std::uint64_t n = 1; met; ++n) {
    CAPTURE(n);
    FaultyFiles files;
    Workload work{seed};
    Fault fault;
    fault.kind = Fault::Kind::power_cut;
    fault.at = n;
    files.inject(fault);
    work.run(files, 40);
    met = files.fault_was_met();
    std::mt19937_64 some{seed + n};
    files.power_cut(n % 3 == 0 ? nullptr : &some);
    work.check(files, true);
    CHECK_FALSE(verify(files, log_directory).damage);
    REQUIRE(n < 10'000);
  }
}

TEST_CASE(
    "journal: power cut after power cut, also during recovery, takes nothing that was confirmed as synced (G14)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    FaultyFiles files;
    Workload work{random()};
    for (int life = 0; life < 8; ++life) {
      CAPTURE(life);
      Fault fault;
      fault.kind = Fault::Kind::power_cut;
      fault.at = 1 + random() % 60;
      files.inject(fault);
      work.run(files, 40);
      files.power_cut(random() % 3 == 0 ? nullptr : &random);
      if (random() % 2 == 0) {
        // The machine dies again while the log is being recovered.
        Fault again = fault;
        again.at = 1 + random() % 4;
        files.inject(again);
        try {
          open_log(files);
        } catch (const Error& error) {
          CHECK(error.code() == Errc::storage);
        }
        files.power_cut(&random);
      }
      work.check(files, true);
    }
  }
}
