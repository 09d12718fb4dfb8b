// tests/unit/bus/journal/reading_test.cpp - by offset, by time, from a position; what an index and a cache may cost.
#include <doctest/doctest.h>

#include "bus/journal/journal.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

using namespace laban::journal;
using namespace laban::test;

TEST_CASE("journal: a read keeps to its budgets, brings at least one event, and says where to go on") {
  FaultyFiles files;
  const auto log = open_log(files, small_options(1 << 16));
  for (int i = 0; i < 30; ++i) append(*log, std::string(100, 'x'));
  REQUIRE(commit(*log));
  CHECK(log->read(1, 0).events.size() == 1);
  CHECK(log->read(1, 250).events.size() == 2);
  CHECK(log->read(1, 300).events.size() == 3);
  CHECK(log->read(1, 1 << 20, 7).events.size() == 7);
  const auto result = log->read(11, 500);
  CHECK(result.events.front().offset == 11);
  CHECK(result.events.size() == 5);
  CHECK(result.next == 16);
  CHECK(log->read(29, 1 << 20).next == 31);
  CHECK(log->read(31, 1 << 20).events.empty());
  CHECK(log->read(31, 1 << 20).next == 31);
}

TEST_CASE("journal: the bodies of a read outlive later appends, reads and rotations") {
  FaultyFiles files;
  const auto log = open_log(files);
  append(*log, "first");
  REQUIRE(commit(*log));
  const auto kept = log->read(1, 100);
  for (int i = 0; i < 200; ++i) {
    append(*log, std::string(900, 'x'));
    REQUIRE(commit(*log));
    log->read(1 + log->head() / 2, 5000);
  }
  CHECK(text_of(kept.events.at(0).body) == "first");
}

TEST_CASE("journal: the newest page is read anew when it has grown") {
  FaultyFiles files;
  const auto log = open_log(files, small_options(1 << 20));
  for (int i = 1; i < 300; ++i) {
    const auto text = "event " + std::to_string(i);
    append(*log, text);
    REQUIRE(commit(*log));
    const auto result = log->get(log->head());
    REQUIRE(result.events.size() == 1);
    CHECK(text_of(result.events[0].body) == text);
  }
}

TEST_CASE("journal: an uncommitted event cannot be read, a written one can") {
  FaultyFiles files;
  const auto log = open_log(files);
  append(*log, "a");
  CHECK(log->get(1).events.empty());
  REQUIRE(commit(*log, 1, Durability::written));
  CHECK(log->get(1).events.size() == 1);
}

TEST_CASE("journal: finds the first event recorded at or after a time") {
  FaultyFiles files;
  auto log = open_log(files);
  CHECK(log->offset_at(at_second(5)) == 1);
  for (int second = 10; second <= 400; second += 10) {
    append(*log, std::string(300, 'x'));
    append(*log, std::string(300, 'y'));
    REQUIRE(commit(*log, second));
    if (second % 50 == 0) {
      log->append_note(1, {});
      REQUIRE(commit(*log, second));
    }
  }
  const auto check = [&] {
    CHECK(log->offset_at(at_second(0)) == 1);
    for (int second = 1; second <= 400; ++second) {
      const auto batch = (second + 9) / 10;
      CHECK(log->offset_at(at_second(second)) == static_cast<std::uint64_t>(2 * batch - 1));
    }
    CHECK(log->offset_at(at_second(401)) == 81);
  };
  check();
  log.reset();
  auto options = small_options();
  options.check_bytes = 0;
  log = open_log(files, options);
  check();
}

TEST_CASE("journal: a scan begins at the position of any record and of any commit") {
  FaultyFiles files;
  const auto log = open_log(files);
  std::vector<std::uint64_t> positions{0};
  for (int i = 1; i <= 25; ++i) {
    append(*log, std::to_string(i) + std::string(400, 'x'));
    positions.push_back(commit(*log, i).position);
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    std::uint64_t next = i + 1;
    log->scan(positions[i], [&](const Record& record) { CHECK(record.offset == next++); });
    CHECK(next == 26);
  }
  log->scan(0, [&](const Record& record) {
    std::uint64_t first = 0;
    log->scan(record.position, [&](const Record& again) {
      if (first == 0) first = again.offset;
    });
    CHECK(first == record.offset);
  });
}

TEST_CASE("journal: one index entry covers at least 64 KiB, so a large log needs little memory (G22)") {
  FaultyFiles files;
  auto options = small_options(1 << 20);
  options.cache_bytes = 1 << 20;
  auto log = open_log(files, options);
  const std::string body(256, 'x');
  constexpr int events = 40'000;
  for (int i = 0; i < events; ++i) {
    append(*log, body);
    if (i % 10 == 9) REQUIRE(commit(*log, i));
  }
  const auto check = [&] {
    for (std::uint64_t offset = 1; offset <= events; offset += 997) CHECK(log->get(offset).events.size() == 1);
    const auto stats = log->stats();
    CHECK(stats.log_bytes > 10 << 20);
    CHECK(stats.index_bytes < stats.log_bytes / 500);
  };
  check();
  REQUIRE(log->save_checkpoint(log->position(), {}).empty());
  log.reset();
  options.check_bytes = 0;
  files.forget_calls();
  log = open_log(files, options);
  // With a checkpoint, opening reads the newest segment and the headers of the others.
  std::uint64_t read = 0;
  for (const auto& call : files.calls())
    if (call.kind == FileCall::Kind::read && call.path.ends_with(".log")) read += call.bytes;
  CHECK(read < 4 << 20);
  check();
}

TEST_CASE("journal: pages that were read lately are not read again") {
  FaultyFiles files;
  const auto log = open_log(files, small_options(1 << 20));
  for (int i = 0; i < 100; ++i) append(*log, std::string(100, 'x'));
  REQUIRE(commit(*log));
  log->get(50);
  files.forget_calls();
  log->get(51);
  CHECK(files.calls().empty());
  CHECK(log->stats().cache_hits == 1);
}

TEST_CASE("journal: a disk that cannot be read is told as damage, not as the end of the log (G20)") {
  FaultyFiles files;
  auto options = small_options();
  options.cache_bytes = 0;
  const auto log = open_log(files, options);
  for (int i = 0; i < 10; ++i) {
    append(*log, std::string(1000, 'x'));
    REQUIRE(commit(*log));
  }
  Fault fault;
  fault.at = 1;
  fault.only = [](const FileCall& call) { return call.kind == FileCall::Kind::read; };
  files.inject(fault);
  const auto result = log->read(1, 10);
  REQUIRE(result.damage);
  CHECK(result.damage->text().find("Input/output error") != std::string::npos);
  CHECK(result.events.empty());
  CHECK(log->read(1, 10).events.size() == 1);
}
