// tests/unit/bus/journal/backup_test.cpp - a copy of a log that goes on.
#include <doctest/doctest.h>

#include "bus/journal/journal.hpp"
#include "bus/journal/verify.hpp"
#include "laban/error.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

void add(Journal& log, int from, int to) {
  for (int i = from; i <= to; ++i) {
    append(log, std::to_string(i) + std::string(500, 'b'));
    REQUIRE(commit(log, i));
  }
}

}  // namespace

TEST_CASE("journal: a backup is the log as it was when it was planned, of the next generation (G24)") {
  FaultyFiles files;
  auto log = open_log(files);
  add(*log, 1, 20);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("twenty")).empty());
  add(*log, 21, 25);
  const auto expected = events_of(*log);
  const auto plan = log->plan_backup();
  add(*log, 26, 40);  // the log goes on before and while it is copied
  const auto result = copy_backup(files, plan, "/copy");
  CHECK(result.head == 25);
  CHECK(result.files == plan.sources.size() + 1);
  CHECK(log->head() == 40);
  CHECK(log->generation() == 1);

  auto copy = open_log(files, small_options(), "/copy");
  CHECK(events_of(*copy) == expected);
  CHECK(copy->log_id() == log->log_id());
  CHECK(copy->generation() == 2);
  REQUIRE(copy->latest_checkpoint());
  CHECK(text_of(copy->latest_checkpoint()->state) == "twenty");
  add(*copy, 26, 45);
  copy.reset();
  copy = open_log(files, small_options(), "/copy");
  CHECK(copy->head() == 45);
  CHECK(copy->generation() == 2);
  copy.reset();
  CHECK_FALSE(verify(files, "/copy").damage);
}

TEST_CASE("journal: retention waits for a backup, and goes on afterwards (G24)") {
  FaultyFiles files;
  const auto log = open_log(files);
  add(*log, 1, 30);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  Retention retention;
  retention.bytes_max = 1;
  {
    const auto plan = log->plan_backup();
    const auto held = log->retain(retention);
    CHECK(held.segments == 0);
    CHECK(held.reason == "a backup is being copied");
    add(*log, 31, 31);
    for (int i = 0; i < 4; ++i) REQUIRE(log->save_checkpoint(log->position(), bytes_of("newer")).empty());
    copy_backup(files, plan, "/copy");
  }
  CHECK(log->retain(retention).segments == 1);
}

TEST_CASE("journal: a backup of an empty log, and of one that lost its front, opens") {
  FaultyFiles files;
  const auto log = open_log(files);
  copy_backup(files, log->plan_backup(), "/empty");
  CHECK(open_log(files, small_options(), "/empty")->head() == 0);
  add(*log, 1, 30);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = [](std::uint64_t offset) { return offset == 1; };
  while (log->retain(retention).more) continue;
  copy_backup(files, log->plan_backup(), "/later");
  const auto copy = open_log(files, small_options(), "/later");
  CHECK(copy->first_offset() == log->first_offset());
  CHECK(copy->get(1).events.size() == 1);
  CHECK(events_of(*copy) == events_of(*log));
}

TEST_CASE("journal: a backup into a directory that is not empty, or onto a full disk, is refused in one line") {
  FaultyFiles files;
  const auto log = open_log(files);
  add(*log, 1, 5);
  const auto plan = log->plan_backup();
  CHECK_THROWS_WITH_AS(copy_backup(files, plan, log_directory), doctest::Contains("not empty"), Error);
  files.set_capacity(1);
  CHECK_THROWS_WITH_AS(copy_backup(files, plan, "/copy"), doctest::Contains("make room"), Error);
  CHECK_FALSE(log->failed());
}
