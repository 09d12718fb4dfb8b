// tests/unit/bus/journal/journal_test.cpp - appending, committing and opening again.
#include "bus/journal/journal.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "bus/journal/format.hpp"
#include "bus/journal/verify.hpp"
#include "laban/error.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

TEST_CASE("journal: a new log has an id, no event and generation 1") {
  FaultyFiles files;
  const auto log = open_log(files);
  CHECK(log->recovery().created);
  CHECK(log->log_id() == 0x1122334455667788);
  CHECK(log->generation() == 1);
  CHECK(log->head() == 0);
  CHECK(log->first_offset() == 1);
  CHECK(log->next_offset() == 1);
  CHECK(log->read(1, 100).events.empty());
}

TEST_CASE("journal: offsets are dense over events, and notes take none (G10)") {
  FaultyFiles files;
  auto log = open_log(files);
  CHECK(append(*log, "one") == 1);
  log->append_note(9, {bytes_of("a note")});
  CHECK(append(*log, "two") == 2);
  CHECK(log->head() == 0);
  const auto first = commit(*log, 10);
  REQUIRE(first);
  CHECK(first.first_offset == 1);
  CHECK(first.last_offset == 2);
  CHECK(log->head() == 2);
  CHECK(log->synced_head() == 2);
  CHECK(append(*log, "three") == 3);
  REQUIRE(commit(*log, 20));
  const auto check = [&] {
    CHECK(events_of(*log) == std::map<std::uint64_t, std::string>{{1, "one"}, {2, "two"}, {3, "three"}});
    std::vector<std::string> all;
    log->scan(0, [&](const Record& record) { all.push_back(std::to_string(record.offset) + text_of(record.body)); });
    CHECK(all == std::vector<std::string>{"1one", "0a note", "2two", "3three"});
  };
  check();
  log.reset();
  log = open_log(files);
  CHECK_FALSE(log->recovery().created);
  CHECK(log->head() == 3);
  CHECK(log->last_recordedtime() == at_second(20));
  check();
}

TEST_CASE("journal: the parts of a body lie one behind the other, and every body begins at a multiple of 8") {
  FaultyFiles files;
  const auto log = open_log(files);
  for (int i = 0; i < 20; ++i) {
    const std::string odd(static_cast<std::size_t>(i), 'x');
    log->append_event(1, {bytes_of(odd), bytes_of("-"), bytes_of(odd)});
    if (i % 3 == 0) commit(*log);
  }
  commit(*log);
  const auto result = log->read(1, 100'000);
  REQUIRE(result.events.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(text_of(result.events[i].body) == std::string(i, 'x') + "-" + std::string(i, 'x'));
    CHECK(reinterpret_cast<std::uintptr_t>(result.events[i].body.data()) % 8 == 0);
  }
  log->scan(0, [](const Record& record) { CHECK(reinterpret_cast<std::uintptr_t>(record.body.data()) % 8 == 0); });
}

TEST_CASE("journal: recorded time never goes back, also over a restart (G11)") {
  FaultyFiles files;
  auto log = open_log(files);
  append(*log, "a");
  CHECK(commit(*log, 100).recordedtime == at_second(100));
  append(*log, "b");
  CHECK(commit(*log, 90).recordedtime == at_second(100));
  log.reset();
  log = open_log(files);
  append(*log, "c");
  CHECK(commit(*log, 50).recordedtime == at_second(100));
  append(*log, "d");
  CHECK(commit(*log, 101).recordedtime == at_second(101));
}

TEST_CASE("journal: a group that was discarded leaves nothing, its offsets are given anew") {
  FaultyFiles files;
  const auto log = open_log(files);
  append(*log, "no");
  log->discard();
  CHECK(log->pending_records() == 0);
  CHECK(append(*log, "yes") == 1);
  REQUIRE(commit(*log));
  CHECK(events_of(*log) == std::map<std::uint64_t, std::string>{{1, "yes"}});
}

TEST_CASE("journal: a group larger than a segment gets a segment of its own") {
  FaultyFiles files;
  auto log = open_log(files);
  const std::string large(20'000, 'L');
  append(*log, "small");
  REQUIRE(commit(*log));
  append(*log, large);
  append(*log, large);
  REQUIRE(commit(*log));
  append(*log, "small again");
  REQUIRE(commit(*log));
  const std::map<std::uint64_t, std::string> expected{{1, "small"}, {2, large}, {3, large}, {4, "small again"}};
  CHECK(events_of(*log) == expected);
  log.reset();
  log = open_log(files);
  CHECK(events_of(*log) == expected);
}

TEST_CASE("journal: a second hub on the same directory is refused and told why (G12)") {
  FaultyFiles files;
  auto log = open_log(files);
  try {
    open_log(files);
    FAIL("opened twice");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::in_use);
    CHECK(std::string{error.what()}.find("another hub") != std::string::npos);
  }
  CHECK_THROWS_AS(verify(files, log_directory), Error);
  append(*log, "still works");
  CHECK(commit(*log));
  log.reset();
  CHECK(open_log(files)->head() == 1);
}

TEST_CASE("journal: close says that nothing was left open, a crash does not") {
  FaultyFiles files;
  auto log = open_log(files);
  append(*log, "a");
  REQUIRE(commit(*log));
  REQUIRE(log->close());
  log.reset();
  CHECK(verify(files, log_directory).clean);
  log = open_log(files);
  CHECK(log->recovery().clean);
  append(*log, "b");
  REQUIRE(commit(*log));
  log.reset();
  CHECK_FALSE(verify(files, log_directory).clean);
  log = open_log(files);
  CHECK_FALSE(log->recovery().clean);
  CHECK(log->recovery().cut_bytes == 0);
  CHECK(log->head() == 2);
}

TEST_CASE("journal: written groups are synced by the next synced commit, an empty one included") {
  FaultyFiles files;
  const auto log = open_log(files);
  append(*log, "a");
  REQUIRE(commit(*log, 1, Durability::written));
  CHECK(log->head() == 1);
  CHECK(log->synced_head() == 0);
  REQUIRE(commit(*log));
  CHECK(log->synced_head() == 1);
  const auto syncs = log->stats().syncs;
  REQUIRE(commit(*log));
  CHECK(log->stats().syncs == syncs);
}

TEST_CASE("journal: free space below the watermark is said before the disk is full (G13)") {
  FaultyFiles files;
  files.set_capacity(1 << 20);
  auto options = small_options();
  options.free_bytes_min = 900 << 10;
  const auto log = open_log(files, options);
  CHECK(log->space().known);
  CHECK_FALSE(log->space().low);
  for (int i = 0; i < 40; ++i) {
    append(*log, std::string(3000, 'x'));
    REQUIRE(commit(*log));
  }
  CHECK(log->space().low);
}

TEST_CASE("journal: refuses what cannot be a log's directory in one line, and touches nothing") {
  FaultyFiles files;
  const auto refused = [&](const std::string& part) {
    try {
      open_log(files);
      FAIL("opened");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::storage);
      const std::string what = error.what();
      CHECK(what.find(part) != std::string::npos);
      CHECK(what.find('\n') == std::string::npos);
    }
  };
  SUBCASE("a segment that was cut short") {
    const auto log = open_log(files);
    files.set_contents("/log/00000000000000000000.log", std::vector<std::byte>(10));
  }
  SUBCASE("a segment of another log") {
    auto options = small_options();
    auto log = open_log(files, options);
    for (int i = 0; i < 3; ++i) {
      append(*log, std::string(3000, 'x'));
      REQUIRE(commit(*log));
    }
    log.reset();
    options.new_log_id = 5;
    FaultyFiles others;
    log = open_log(others, options);
    for (int i = 0; i < 3; ++i) {
      append(*log, std::string(3000, 'x'));
      REQUIRE(commit(*log));
    }
    log.reset();
    const auto path = files.paths()[1];
    files.set_contents(path, others.contents(path));
  }
  SUBCASE("a checkpoint without a log") {
    files.set_contents("/log/00000000000000000064.checkpoint", std::vector<std::byte>(64));
  }
  const auto before = files.paths();
  std::vector<std::vector<std::byte>> contents;
  for (const auto& path : before) contents.push_back(files.contents(path));
  refused("/log");
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(files.contents(before[i]) == contents[i]);
}

TEST_CASE("journal: a log of a newer format is refused by name") {
  FaultyFiles files;
  open_log(files).reset();
  const std::string path = "/log/00000000000000000000.log";
  auto bytes = files.contents(path);
  SegmentHeader header = *decode_segment(std::span<const std::byte>{bytes}.first<segment_header_bytes>());
  header.version = format_version + 1;
  encode(header, std::span{bytes}.first<segment_header_bytes>());
  files.set_contents(path, bytes);
  try {
    open_log(files);
    FAIL("opened");
  } catch (const Error& error) {
    CHECK(std::string{error.what()}.find("use a newer laban") != std::string::npos);
  }
}

namespace {

Options with_helpers() {
  auto options = small_options(1 << 20);
  options.background = true;
  options.spare_segments = 0;
  return options;
}

}  // namespace

TEST_CASE(
    "journal: while a sync is underway the next group is gathered, and it is not on the disk before its own (G17)") {
  FaultyFiles files;
  auto log = open_log(files, with_helpers());
  append(*log, "one");
  REQUIRE(commit(*log, 1, Durability::written));
  std::atomic<bool> held{false};
  std::atomic<bool> go{false};
  files.on_call([&](const FileCall& call) {
    if (call.kind != FileCall::Kind::sync) return;
    held = true;
    while (!go) std::this_thread::yield();
  });
  std::atomic<int> told{0};
  REQUIRE(log->start_sync([&] { ++told; }));
  REQUIRE(eventually(std::chrono::seconds{10}, [&] { return held.load(); }));
  CHECK(log->syncing());
  CHECK_FALSE(log->sync_done());
  CHECK(told == 0);
  CHECK(log->synced_head() == 0);
  CHECK(append(*log, "two") == 2);
  go = true;
  const auto result = log->finish_sync();
  REQUIRE(result);
  CHECK(result.sync_time.count() > 0);
  CHECK_FALSE(log->syncing());
  CHECK(log->synced_head() == 1);
  CHECK(log->head() == 1);
  CHECK(eventually(std::chrono::seconds{10}, [&] { return told == 1; }));
  CHECK_FALSE(log->start_sync([&] { ++told; }));  // all that was written is synced
  files.on_call({});
  REQUIRE(commit(*log, 2));
  log.reset();
  log = open_log(files, with_helpers());
  CHECK(events_of(*log) == std::map<std::uint64_t, std::string>{{1, "one"}, {2, "two"}});
}

TEST_CASE("journal: a sync that fails beside its owner ends the log's writing as any other (G17)") {
  FaultyFiles files;
  const auto log = open_log(files, with_helpers());
  append(*log, "one");
  REQUIRE(commit(*log, 1, Durability::written));
  files.inject({.kind = Fault::Kind::error, .error = 5, .at = 1, .only = [](const FileCall& call) {
                  return call.kind == FileCall::Kind::sync;
                }});
  REQUIRE(log->start_sync([] {}));
  append(*log, "two");
  const auto result = log->finish_sync();
  CHECK(result.status == CommitResult::Status::failed);
  CHECK_FALSE(result.reason.empty());
  CHECK(log->failed());
  files.heal();
  CHECK_FALSE(commit(*log, 2));
  CHECK(log->synced_head() == 0);
}
