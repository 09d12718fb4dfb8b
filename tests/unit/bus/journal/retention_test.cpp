// tests/unit/bus/journal/retention_test.cpp - what goes, what stays, and under which number.
#include <doctest/doctest.h>

#include "bus/journal/journal.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

using namespace laban::journal;
using namespace laban::test;

namespace {

std::string body(int i) {
  return std::to_string(i) + ":" + std::string(600, 'r');
}

// Forty events, one a second, some six a segment; everything covered by a checkpoint.
std::unique_ptr<Journal> forty(FileSystem& files, bool checkpoint = true) {
  auto log = open_log(files);
  for (int i = 1; i <= 40; ++i) {
    append(*log, body(i));
    REQUIRE(commit(*log, i));
  }
  if (checkpoint) REQUIRE(log->save_checkpoint(log->position(), bytes_of("forty")).empty());
  return log;
}

RetentionResult retain_all(Journal& log, const Retention& retention) {
  RetentionResult all;
  for (int i = 0; i < 100; ++i) {
    const auto one = log.retain(retention);
    all.segments += one.segments;
    all.carried += one.carried;
    if (all.first_lost == 0) all.first_lost = one.first_lost;
    if (one.last_lost != 0) all.last_lost = one.last_lost;
    all.reason = one.reason;
    if (!one.more) return all;
  }
  FAIL("retention does not end");
  return all;
}

}  // namespace

TEST_CASE("journal: retention by size drops the oldest segments and says which events went (G21)") {
  FaultyFiles files;
  auto log = forty(files);
  const auto before = log->stats().log_bytes;
  Retention retention;
  retention.bytes_max = before / 2;
  const auto result = retain_all(*log, retention);
  CHECK(result.segments > 1);
  CHECK(result.reason.empty());
  CHECK(result.first_lost == 1);
  CHECK(result.last_lost + 1 == log->first_offset());
  CHECK(log->stats().log_bytes <= before / 2);
  const auto check = [&] {
    const auto read = log->read(1, 100);
    CHECK(read.lost_to == log->first_offset() - 1);
    CHECK(read.events.at(0).offset == log->first_offset());
    CHECK(text_of(read.events.at(0).body) == body(static_cast<int>(log->first_offset())));
    CHECK(log->get(1).events.empty());
    CHECK(log->get(1).lost_to == 1);
    CHECK(log->head() == 40);
  };
  check();
  log.reset();
  log = open_log(files);
  check();
}

TEST_CASE("journal: retention by age drops what was recorded before") {
  FaultyFiles files;
  const auto log = forty(files);
  Retention retention;
  retention.before = at_second(20);
  retain_all(*log, retention);
  CHECK(log->first_offset() > 10);
  CHECK(log->first_offset() <= 20);
}

TEST_CASE("journal: retention never drops what no checkpoint covers, nor what a cursor wants (G21)") {
  FaultyFiles files;
  Retention retention;
  retention.bytes_max = 1;
  SUBCASE("no checkpoint") {
    const auto log = forty(files, false);
    const auto result = log->retain(retention);
    CHECK(result.segments == 0);
    CHECK(result.reason == "no checkpoint covers it yet");
    CHECK(log->first_offset() == 1);
  }
  SUBCASE("the older of two checkpoints holds, should the newer one get damaged") {
    const auto log = forty(files, false);
    REQUIRE(log->save_checkpoint(0, bytes_of("early")).empty());
    REQUIRE(log->save_checkpoint(log->position(), bytes_of("late")).empty());
    CHECK(log->retain(retention).segments == 0);
    REQUIRE(log->save_checkpoint(log->position(), bytes_of("late")).empty());
    append(*log, "more");
    REQUIRE(commit(*log, 41));
    REQUIRE(log->save_checkpoint(log->position(), bytes_of("later")).empty());
    CHECK(log->retain(retention).segments == 1);
  }
  SUBCASE("a durable cursor") {
    const auto log = forty(files);
    retention.floor = 15;
    const auto result = retain_all(*log, retention);
    CHECK(log->first_offset() <= 15);
    CHECK(log->first_offset() > 1);
    CHECK(result.reason == "event 15 is still wanted");
  }
}

TEST_CASE("journal: a live event moves forward under its offset with its time, as often as needed (G21)") {
  FaultyFiles files;
  auto log = forty(files);
  const auto is_live = [](std::uint64_t offset) { return offset == 2 || offset == 17; };
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = is_live;
  retain_all(*log, retention);
  const auto check = [&] {
    CHECK(log->first_offset() > 17);
    for (const int offset : {2, 17}) {
      const auto found = log->get(static_cast<std::uint64_t>(offset));
      REQUIRE(found.events.size() == 1);
      CHECK(found.events[0].carried);
      CHECK(text_of(found.events[0].body) == body(offset));
      CHECK(found.events[0].recordedtime == at_second(offset));
      CHECK(reinterpret_cast<std::uintptr_t>(found.events[0].body.data()) % 8 == 0);
    }
    CHECK(log->get(3).events.empty());
    for (const auto& [offset, text] : events_of(*log))
      if (offset <= 40) CHECK(text == body(static_cast<int>(offset)));
  };
  check();
  log.reset();
  log = open_log(files);
  check();
  // Again and again: the carried copies are carried on when their own segment goes.
  for (int i = 41; i <= 80; ++i) {
    append(*log, body(i));
    REQUIRE(commit(*log, i));
    if (i % 10 == 0) {
      REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
      retain_all(*log, retention);
      check();
    }
  }
  log.reset();
  log = open_log(files);
  check();
  CHECK(log->head() == 80);
}

TEST_CASE("journal: a pending group is untouched by retention") {
  FaultyFiles files;
  const auto log = forty(files);
  CHECK(append(*log, "pending") == 41);
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = [](std::uint64_t offset) { return offset % 2 == 0; };
  retain_all(*log, retention);
  CHECK(log->head() == 40);
  REQUIRE(commit(*log, 50));
  CHECK(text_of(log->get(41).events.at(0).body) == "pending");
}

TEST_CASE("journal: where everything is live retention stops instead of copying in circles") {
  FaultyFiles files;
  const auto log = forty(files);
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = [](std::uint64_t) { return true; };
  CHECK_FALSE(log->retain(retention).more);
}

TEST_CASE("journal: a dropped segment serves again as a spare, and nothing old shows through") {
  FaultyFiles files;
  auto log = forty(files);
  Retention retention;
  retention.bytes_max = 1;
  REQUIRE(log->retain(retention).segments == 1);
  std::map<std::uint64_t, std::string> expected;
  for (int i = 41; i <= 60; ++i) {
    append(*log, body(i));
    REQUIRE(commit(*log, i));
    log.reset();  // each time as after a crash
    log = open_log(files);
    CHECK(log->head() == static_cast<std::uint64_t>(i));
  }
  for (int i = static_cast<int>(log->first_offset()); i <= 60; ++i) expected[static_cast<std::uint64_t>(i)] = body(i);
  CHECK(events_of(*log) == expected);
}

TEST_CASE("journal: retention on a full disk drops nothing that it could not move") {
  FaultyFiles files;
  const auto log = forty(files);
  std::uint64_t used = 0;
  for (const auto& path : files.paths()) used += files.contents(path).size();
  files.set_capacity(used);
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = [](std::uint64_t offset) { return offset % 2 == 0; };
  for (int i = 0; i < 5; ++i) log->retain(retention);
  for (std::uint64_t offset = 2; offset <= 40; offset += 2) CHECK(log->get(offset).events.size() == 1);
  CHECK_FALSE(log->failed());
}
