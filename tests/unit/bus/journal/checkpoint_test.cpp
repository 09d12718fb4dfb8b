// tests/unit/bus/journal/checkpoint_test.cpp - a checkpoint fits the log or is ignored.
#include <doctest/doctest.h>

#include "bus/journal/checkpoints.hpp"
#include "bus/journal/journal.hpp"
#include "laban/error.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

void add_events(Journal& log, int count, std::size_t bytes = 500) {
  for (int i = 0; i < count; ++i) {
    append(log, std::string(bytes, 'x'));
    REQUIRE(commit(log, 1));
  }
}

std::string state_of(const std::optional<Checkpoint>& checkpoint) {
  return checkpoint ? text_of(checkpoint->state) : "none";
}

}  // namespace

TEST_CASE("journal: the state that was saved comes back with its position, and the scan goes on there (G23)") {
  FaultyFiles files;
  auto log = open_log(files);
  CHECK(state_of(log->latest_checkpoint()) == "none");
  add_events(*log, 12);
  const auto position = log->position();
  REQUIRE(log->save_checkpoint(position, bytes_of("twelve")).empty());
  add_events(*log, 5);
  const auto check = [&] {
    const auto checkpoint = log->latest_checkpoint();
    REQUIRE(checkpoint);
    CHECK(text_of(checkpoint->state) == "twelve");
    CHECK(checkpoint->position == position);
    CHECK(reinterpret_cast<std::uintptr_t>(checkpoint->state.data()) % 8 == 0);
    std::uint64_t next = 13;
    log->scan(checkpoint->position, [&](const Record& record) { CHECK(record.offset == next++); });
    CHECK(next == 18);
  };
  check();
  log.reset();
  log = open_log(files);
  check();
}

TEST_CASE("journal: a checkpoint may be saved for an earlier position, and for no place between groups' ends") {
  FaultyFiles files;
  auto log = open_log(files);
  std::vector<std::uint64_t> positions{log->position()};
  for (int i = 0; i < 20; ++i) {
    add_events(*log, 1);
    positions.push_back(log->position());
  }
  for (const auto position : positions) {
    CHECK(log->save_checkpoint(position, bytes_of(std::to_string(position))).empty());
    CHECK_FALSE(log->save_checkpoint(position + 8, bytes_of("x")).empty());
  }
  log.reset();
  log = open_log(files);
  CHECK(state_of(log->latest_checkpoint()) == std::to_string(positions.back()));
  CHECK(log->recovery().checkpoints_ignored == 0);
}

TEST_CASE("journal: a damaged checkpoint is ignored and the one before serves (G23)") {
  FaultyFiles origin;
  auto log = open_log(origin);
  add_events(*log, 3);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("older")).empty());
  add_events(*log, 3);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("newer")).empty());
  log.reset();
  const auto path = checkpoint_path(log_directory, list_checkpoints(origin, log_directory).at(0));
  const auto whole = origin.contents(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const auto files = origin.copy();
    auto bytes = whole;
    bytes[at] ^= static_cast<std::byte>(1u << at % 8);
    files->set_contents(path, bytes);
    log = open_log(*files);
    CHECK(state_of(log->latest_checkpoint()) == "older");
    CHECK(log->recovery().checkpoints_ignored == 1);
    REQUIRE(log->recovery().remarks.size() == 1);
    CHECK(log->recovery().remarks[0].find(path) != std::string::npos);
  }
}

TEST_CASE("journal: a checkpoint of another log, or of another past of this one, is ignored (G23)") {
  FaultyFiles files;
  FaultyFiles others;
  auto options = small_options();
  auto log = open_log(files, options);
  add_events(*log, 4);
  const auto position = log->position();
  SUBCASE("another log") {
    options.new_log_id = 77;
    const auto other = open_log(others, options);
    add_events(*other, 4);
    REQUIRE(other->save_checkpoint(other->position(), bytes_of("foreign")).empty());
  }
  SUBCASE("another past") {
    const auto other = open_log(others, options);
    for (int i = 0; i < 4; ++i) {
      append(*other, std::string(500, 'y'));
      REQUIRE(commit(*other, 1));
    }
    REQUIRE(other->save_checkpoint(other->position(), bytes_of("foreign")).empty());
  }
  log.reset();
  const auto path = checkpoint_path(log_directory, position);
  REQUIRE_FALSE(others.contents(path).empty());
  files.set_contents(path, others.contents(path));
  log = open_log(files);
  CHECK(state_of(log->latest_checkpoint()) == "none");
  CHECK(log->recovery().checkpoints_ignored == 1);
  CHECK(log->head() == 4);
}

TEST_CASE("journal: a log that ends before its own checkpoint lost something and is refused (G20)") {
  FaultyFiles files;
  auto log = open_log(files, small_options(1 << 16));
  add_events(*log, 3);
  const auto early = files.contents("/log/00000000000000000000.log");
  add_events(*log, 3);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("six")).empty());
  log.reset();
  files.set_contents("/log/00000000000000000000.log", early);
  CHECK_THROWS_WITH_AS(open_log(files), doctest::Contains("was saved later"), Error);
}

TEST_CASE("journal: two checkpoints are kept, older files go") {
  FaultyFiles files;
  const auto log = open_log(files);
  for (int i = 0; i < 6; ++i) {
    add_events(*log, 2);
    REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  }
  CHECK(list_checkpoints(files, log_directory).size() == 2);
}

TEST_CASE("journal: a checkpoint that cannot be written is told and harms nothing") {
  FaultyFiles files;
  const auto log = open_log(files);
  add_events(*log, 2);
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("kept")).empty());
  add_events(*log, 2);
  Fault fault;
  fault.error = 28;  // ENOSPC
  fault.at = 1;
  fault.only = [](const FileCall& call) { return call.path.find("checkpoint") != std::string::npos; };
  files.inject(fault);
  const auto problem = log->save_checkpoint(log->position(), bytes_of("lost"));
  CHECK(problem.find("make room") != std::string::npos);
  CHECK_FALSE(log->failed());
  CHECK(state_of(log->latest_checkpoint()) == "kept");
}

TEST_CASE("journal: a checkpoint ahead of the last sync syncs the log first") {
  FaultyFiles files;
  auto log = open_log(files);
  append(*log, "written");
  REQUIRE(commit(*log, 1, Durability::written));
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  CHECK(log->synced_head() == 1);
  log.reset();
  files.power_cut();
  log = open_log(files);
  CHECK(log->head() == 1);
  CHECK(state_of(log->latest_checkpoint()) == "state");
}
