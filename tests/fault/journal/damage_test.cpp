// tests/fault/journal/damage_test.cpp - torn tails, flipped bits, missing and shortened files.
#include "bus/journal/checkpoints.hpp"
#include "tests/fault/journal/workload.hpp"
#include "tests/support/seed.hpp"

using namespace laban;
using namespace laban::journal;
using namespace laban::test;

namespace {

constexpr std::uint64_t segment_bytes = 8192;

// Forty synced events over three segments, notes between them; returns what was confirmed.
std::map<std::uint64_t, std::string> small_log(FileSystem& files, bool close, bool checkpoint = false) {
  const auto log = open_log(files, small_options(segment_bytes));
  std::map<std::uint64_t, std::string> confirmed;
  for (int i = 0; i < 40; ++i) {
    const auto text = "event " + std::to_string(i) + std::string(static_cast<std::size_t>(i * 57 % 800), 'b');
    confirmed[append(*log, text)] = text;
    if (i % 4 == 1) log->append_note(3, {bytes_of("n")});
    if (i % 3 != 0) REQUIRE(commit(*log, i));
    if (checkpoint && i == 38) REQUIRE(log->save_checkpoint(log->position(), bytes_of("state")).empty());
  }
  REQUIRE(commit(*log, 50));
  if (close) REQUIRE(log->close());
  return confirmed;
}

std::vector<std::string> segments_of(const FaultyFiles& files) {
  std::vector<std::string> found;
  for (const auto& path : files.paths())
    if (path.size() > 4 && path.substr(path.size() - 4) == ".log") found.push_back(path);
  return found;
}

enum class Found { damage, whole };

// Opens a copy of the log: either it is refused by name, or everything confirmed is there.
Found open_and_compare(FaultyFiles& files, const std::map<std::uint64_t, std::string>& confirmed,
                       const std::string& path) {
  try {
    const auto log = open_log(files, small_options(segment_bytes));
    CHECK(events_of(*log) == confirmed);
    CHECK(log->head() == confirmed.size());
    return Found::whole;
  } catch (const Error& error) {
    CHECK(error.code() == Errc::storage);
    CHECK(std::string{error.what()}.find(path) != std::string::npos);
    CHECK(std::string{error.what()}.find("restore") != std::string::npos);
    return Found::damage;
  }
}

}  // namespace

TEST_CASE("journal: one flipped bit at any byte of a log is named, or lies where nothing was confirmed (G18)") {
  for (const bool closed : {true, false}) {
    CAPTURE(closed);
    FaultyFiles origin;
    const auto confirmed = small_log(origin, closed);
    const auto paths = segments_of(origin);
    REQUIRE(paths.size() >= 3);
    std::uint64_t named = 0;
    std::uint64_t bytes_used = 0;
    for (std::size_t s = 0; s < paths.size(); ++s) {
      const auto whole = origin.contents(paths[s]);
      const auto base = *segment_base(paths[s].substr(5));
      const auto end =
          s + 1 < paths.size() ? *segment_base(paths[s + 1].substr(5)) : verify(*origin.copy(), log_directory).bytes;
      bytes_used += end - base;
      for (std::size_t at = 0; at < whole.size(); ++at) {
        if (at > end - base + 200 && at % 61 != 0) continue;  // zeros behind the log: a few are enough
        CAPTURE(at);
        const auto files = origin.copy();
        auto bytes = whole;
        bytes[at] ^= static_cast<std::byte>(1u << (at * 7 % 8));
        files->set_contents(paths[s], bytes);
        const auto report = verify(*files, log_directory);
        if (report.damage) {
          CHECK(report.damage->file == paths[s]);
          CHECK(report.damage->byte <= at);
        }
        const auto found = open_and_compare(*files, confirmed, paths[s]);
        CHECK((found == Found::damage) == report.damage.has_value());
        if (found == Found::damage) ++named;
        if (at < end - base) CHECK(found == Found::damage);
      }
    }
    CHECK(named == bytes_used);
  }
}

TEST_CASE("journal: damage names the file, the byte, the position and the first event that cannot be read (G20)") {
  FaultyFiles files;
  const auto confirmed = small_log(files, true);
  const auto path = segments_of(files)[0];
  auto bytes = files.contents(path);
  // The last byte of the body of event 2: it is in the first segment, in the second batch.
  const auto log = open_log(files, small_options(segment_bytes));
  const auto second = log->get(2).events.at(0);
  auto position = second.position;
  bytes[position + batch_header_bytes + record_header_bytes + 3] ^= std::byte{1};
  const auto broken = files.copy();
  broken->set_contents(path, bytes);
  const auto report = verify(*broken, log_directory);
  REQUIRE(report.damage);
  CHECK(report.damage->file == path);
  CHECK(report.damage->byte == position);
  CHECK(report.damage->position == position);
  CHECK(report.damage->offset <= 2);
  CHECK(report.damage->what.find("checksum") != std::string::npos);
}

TEST_CASE("journal: damage that opening did not look at is named when it is read, and nothing is skipped (G20)") {
  FaultyFiles files;
  const auto confirmed = small_log(files, true, true);
  const auto path = segments_of(files)[0];
  auto bytes = files.contents(path);
  bytes[700] ^= std::byte{4};
  files.set_contents(path, bytes);
  auto options = small_options(segment_bytes);
  options.check_bytes = 0;
  const auto log = open_log(files, options);
  const auto result = log->read(1, 100'000);
  REQUIRE(result.damage);
  CHECK(result.damage->file == path);
  CHECK(result.events.size() + 1 == result.next);
  for (const auto& event : result.events) CHECK(confirmed.at(event.offset) == text_of(event.body));
  CHECK_THROWS_AS(log->scan(0, [](const Record&) {}), Error);
  CHECK(log->read(40, 1000).events.size() == 1);
}

TEST_CASE("journal: a segment whose file ends with its last batch is read to its end after a restart (G311)") {
  FaultyFiles files;
  const auto confirmed = small_log(files, false);
  const auto path = segments_of(files).back();
  auto bytes = files.contents(path);
  bytes.resize(verify(*files.copy(), log_directory).bytes - *segment_base(path.substr(5)));
  files.set_contents(path, bytes);
  const auto log = open_log(files, small_options(segment_bytes));
  CHECK(events_of(*log) == confirmed);
  append(*log, "and it goes on");
  CHECK(commit(*log, 60));
  CHECK(events_of(*log).size() == confirmed.size() + 1);
}

TEST_CASE("journal: a torn tail is cut wherever it tore, and the log goes on behind it (G19)") {
  FaultyFiles origin;
  auto log = open_log(origin);
  append(*log, "confirmed");
  REQUIRE(commit(*log));
  const auto before = log->position();
  append(*log, std::string(700, 't'));
  append(*log, std::string(700, 'u'));
  REQUIRE(commit(*log, 2, Durability::written));
  const auto end = log->position();
  log.reset();
  const auto path = segments_of(origin)[0];
  const auto whole = origin.contents(path);
  for (auto cut = before; cut < end - 8; cut += 3) {
    CAPTURE(cut);
    const auto files = origin.copy();
    auto bytes = whole;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(cut), bytes.end(), std::byte{0});
    files->set_contents(path, bytes);
    const auto report = verify(*files, log_directory);
    CHECK_FALSE(report.damage);
    log = open_log(*files);
    CHECK(log->head() == 1);
    if (cut > before) {
      CHECK(report.torn_bytes > 0);
      CHECK(log->recovery().cut_bytes == report.torn_bytes);
      CHECK(log->recovery().cut_position == before);
      CHECK(log->recovery().remarks.size() == 1);
    }
    CHECK(append(*log, "next") == 2);
    REQUIRE(commit(*log));
    log.reset();
    CHECK(events_of(*open_log(*files)) == std::map<std::uint64_t, std::string>{{1, "confirmed"}, {2, "next"}});
  }
}

TEST_CASE("journal: what lay behind a cut never comes back to life (G19)") {
  FaultyFiles files;
  auto log = open_log(files);
  append(*log, "confirmed");
  REQUIRE(commit(*log));
  const auto torn = log->position();
  append(*log, std::string(40, 'a'));
  REQUIRE(commit(*log, 2, Durability::written));
  append(*log, std::string(40, 'b'));
  REQUIRE(commit(*log, 3, Durability::written));
  log.reset();
  const auto path = segments_of(files)[0];
  auto bytes = files.contents(path);
  bytes[torn + batch_header_bytes + 10] ^= std::byte{1};  // the first of the two is torn, the second is whole
  files.set_contents(path, bytes);
  log = open_log(files);
  CHECK(log->head() == 1);
  append(*log, std::string(40, 'c'));  // as long as the torn one: it ends exactly where the whole one begins
  REQUIRE(commit(*log, 4));
  log.reset();
  // A power cut takes the zeros and the mark that were written behind it, and the old bytes show through.
  const auto behind = static_cast<std::ptrdiff_t>(torn + batch_header_bytes + record_header_bytes + 40);
  auto now = files.contents(path);
  std::copy(bytes.begin() + behind, bytes.end(), now.begin() + behind);
  files.set_contents(path, now);
  log = open_log(files);
  CHECK(events_of(*log) == std::map<std::uint64_t, std::string>{{1, "confirmed"}, {2, std::string(40, 'c')}});
}

TEST_CASE("journal: a missing or shortened segment is named (G20)") {
  FaultyFiles origin;
  const auto confirmed = small_log(origin, true, true);
  const auto paths = segments_of(origin);
  REQUIRE(paths.size() >= 3);
  for (std::size_t s = 0; s < paths.size(); ++s) {
    CAPTURE(s);
    const auto missing = origin.copy();
    missing->remove(paths[s]);
    if (s > 0) {
      CHECK(verify(*missing, log_directory).damage);
      CHECK_THROWS_AS(open_log(*missing), Error);
    } else {
      // A checkpoint covers it: that is how a log looks whose oldest segment retention dropped.
      CHECK_FALSE(verify(*missing, log_directory).damage);
      CHECK(open_log(*missing)->first_offset() > 1);
      missing->remove("/log/" + checkpoint_name(list_checkpoints(*missing, log_directory).at(0)));
      CHECK(verify(*missing, log_directory).damage);
      CHECK_THROWS_AS(open_log(*missing), Error);
    }
    for (const std::size_t keep : {0, 30, 64, 100}) {
      const auto shorter = origin.copy();
      auto bytes = origin.contents(paths[s]);
      bytes.resize(keep);
      shorter->set_contents(paths[s], bytes);
      if (s + 1 < paths.size() || keep < 64) {
        CHECK(verify(*shorter, log_directory).damage);
        CHECK_THROWS_AS(open_log(*shorter), Error);
      }
    }
  }
}

TEST_CASE("journal: a log whose newest segment is missing is refused, also without a checkpoint (G20)") {
  FaultyFiles files;
  small_log(files, true);
  files.remove(segments_of(files).back());
  const auto report = verify(files, log_directory);
  REQUIRE(report.damage);
  CHECK(report.damage->what.find("missing") != std::string::npos);
  CHECK_THROWS_AS(open_log(files, small_options(segment_bytes)), Error);
}

TEST_CASE("journal: a confirmed batch has its witness also after a write that broke off for lack of space (G18)") {
  FaultyFiles files;
  auto log = open_log(files);
  const auto first = log->position();
  append(*log, "confirmed");
  REQUIRE(commit(*log));
  Fault fault;
  fault.kind = Fault::Kind::torn_write;
  fault.error = 28;  // ENOSPC
  fault.at = 1;
  files.inject(fault);
  append(*log, std::string(500, 'x'));
  REQUIRE(commit(*log).status == CommitResult::Status::no_space);
  log.reset();
  const auto path = segments_of(files)[0];
  auto bytes = files.contents(path);
  bytes[first + batch_header_bytes + record_header_bytes] ^= std::byte{1};
  files.set_contents(path, bytes);
  CHECK(verify(files, log_directory).damage);
  CHECK_THROWS_AS(open_log(files), Error);
}

TEST_CASE("journal: random bytes over any part of a log are named, cut or harmless, and crash nothing (G18)") {
  LABAN_SEED(seed);
  std::mt19937_64 random{seed};
  FaultyFiles origin;
  const auto confirmed = small_log(origin, true, true);
  const auto paths = origin.paths();
  for (int round = 0; round < 400; ++round) {
    const auto files = origin.copy();
    const auto& path = paths[random() % paths.size()];
    auto bytes = files->contents(path);
    if (bytes.empty()) continue;
    const auto at = random() % bytes.size();
    const auto length = std::min<std::size_t>(1 + random() % 300, bytes.size() - at);
    for (std::size_t i = 0; i < length; ++i) bytes[at + i] = static_cast<std::byte>(random());
    files->set_contents(path, bytes);
    try {
      verify(*files, log_directory);
      const auto log = open_log(*files, small_options(segment_bytes));
      CHECK(events_of(*log) == confirmed);
    } catch (const Error& error) {
      CHECK(error.code() == Errc::storage);
    }
  }
}
