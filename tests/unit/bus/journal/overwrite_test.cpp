// tests/unit/bus/journal/overwrite_test.cpp - records that say something else afterwards, in a log that is otherwise as it was.
#include "bus/journal/overwrite.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "bus/journal/crc32c.hpp"
#include "bus/journal/verify.hpp"
#include "tests/support/erased_log.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

TEST_CASE("journal: four bytes anywhere in a batch give it any checksum (G252)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> batch(72 + random() % 3000);
    for (auto& byte : batch) byte = static_cast<std::byte>(random());
    const auto wanted = static_cast<std::uint32_t>(random());
    const std::size_t at = 64 + random() % (batch.size() - 67);
    auto changed = batch;
    set_checksum(changed, at, wanted);
    CHECK(crc32c(std::span{changed}.subspan(8), crc32c(std::span{changed}.first(4))) == wanted);
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (i < at || i >= at + 4) REQUIRE(batch[i] == changed[i]);
  }
}

TEST_CASE("journal: what is overwritten stands in no file any more, and the rest of the log is as it was (G252)") {
  LABAN_SEED(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    FaultyFiles files;
    ErasedLog work(random);
    auto log = open_log(files);
    work.fill(*log);
    CHECK(work.secrets_in(files));
    const auto before = work.all_of(*log);
    const auto position = log->position();
    REQUIRE(work.erase(*log) == "");
    CHECK_FALSE(work.secrets_in(files));
    CHECK(log->position() == position);
    CHECK(work.all_of(*log) == work.without_secrets(before));
    append(*log, "goes on");
    REQUIRE(commit(*log));
    log.reset();
    CHECK_FALSE(verify(files, log_directory).damage);
    log = open_log(files);
    CHECK(work.all_of(*log).at(log->head()) == "goes on");
    CHECK(log->latest_checkpoint().has_value());
  }
}

TEST_CASE("journal: nothing is overwritten while a backup is copied, and a copy made before says what it said") {
  std::mt19937_64 random(7);
  FaultyFiles files;
  ErasedLog work(random);
  const auto log = open_log(files);
  work.fill(*log);
  {
    const auto plan = log->plan_backup();
    CHECK(work.erase(*log).find("backup") != std::string::npos);
    copy_backup(files, plan, "/copy");
  }
  CHECK(work.erase(*log) == "");
  CHECK(work.secrets_in(files));  // in the copy
  for (const auto& path : files.paths())
    if (path.starts_with("/copy")) files.remove(path);
  CHECK_FALSE(work.secrets_in(files));
}
