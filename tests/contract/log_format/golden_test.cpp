// tests/contract/log_format/golden_test.cpp - logs of format version 1 are read for ever, and written as they were.
//
// A changed golden file means that a log on somebody's disk is no longer understood. LABAN_WRITE_GOLDEN=1 writes the files
// anew; do that for a new format version, into a new folder.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bus/journal/crc32c.hpp"
#include "bus/journal/journal.hpp"
#include "bus/journal/verify.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

using namespace laban::journal;
using namespace laban::test;

namespace {

const std::filesystem::path golden{LABAN_GOLDEN};

// Two segments: events, notes, an empty body, a carried event, a checkpoint, a clean close.
void write_log(FileSystem& files) {
  auto options = small_options();
  options.spare_segments = 0;
  const auto log = open_log(files, options);
  append(*log, "order.placed 1", 1);
  log->append_note(2, {bytes_of("queue declared")});
  append(*log, "", 1);
  REQUIRE(commit(*log, 1'700'000'000));
  for (int i = 3; i <= 14; ++i) {
    append(*log, "event " + std::to_string(i) + std::string(600, '.'), 1);
    REQUIRE(commit(*log, 1'700'000'000 + i));
  }
  REQUIRE(log->save_checkpoint(log->position(), bytes_of("state after fourteen")).empty());
  Retention retention;
  retention.bytes_max = 1;
  retention.is_live = [](std::uint64_t offset) { return offset == 1; };
  REQUIRE(log->retain(retention).segments == 1);
  append(*log, "event 15", 1);
  REQUIRE(commit(*log, 1'700'000'015));
  REQUIRE(log->close());
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

bool is_part_of_log(const std::filesystem::path& path) {
  return path.extension() == ".log" || path.extension() == ".checkpoint";
}

}  // namespace

TEST_CASE("log format: a log is written byte for byte as format version 1 says (G25)") {
  FaultyFiles files;
  write_log(files);
  std::size_t compared = 0;
  for (const auto& path : files.paths()) {
    if (!is_part_of_log(path)) continue;
    const auto name = std::filesystem::path{path}.filename();
    const auto bytes = files.contents(path);
    if (std::getenv("LABAN_WRITE_GOLDEN"))
      std::ofstream{golden / name, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                           static_cast<std::streamsize>(bytes.size()));
    CAPTURE(name.string());
    CHECK(bytes == read_file(golden / name));
    ++compared;
  }
  std::size_t expected = 0;
  for (const auto& entry : std::filesystem::directory_iterator{golden})
    if (is_part_of_log(entry.path())) ++expected;
  CHECK(compared == expected);
}

TEST_CASE("log format: the golden log of version 1 is read whole (G25)") {
  FaultyFiles files;
  for (const auto& entry : std::filesystem::directory_iterator{golden})
    if (is_part_of_log(entry.path()))
      files.set_contents(std::string{log_directory} + "/" + entry.path().filename().string(), read_file(entry.path()));
  const auto report = verify(files, log_directory);
  CHECK_FALSE(report.damage);
  CHECK(report.clean);
  CHECK(report.head == 15);
  CHECK(report.checkpoints == 1);
  const auto log = open_log(files);
  CHECK(log->log_id() == 0x1122334455667788);
  CHECK(log->generation() == 1);
  CHECK(log->head() == 15);
  CHECK(log->last_recordedtime() == at_second(1'700'000'015));
  for (const auto& [offset, text] : events_of(*log))
    CHECK(text == (offset == 15 ? "event 15" : "event " + std::to_string(offset) + std::string(600, '.')));
  const auto carried = log->get(1);
  REQUIRE(carried.events.size() == 1);
  CHECK(text_of(carried.events[0].body) == "order.placed 1");
  CHECK(carried.events[0].recordedtime == at_second(1'700'000'000));
  REQUIRE(log->latest_checkpoint());
  CHECK(text_of(log->latest_checkpoint()->state) == "state after fourteen");
}

// A reader made from docs/log-format.md alone, without a line of the journal but the checksum: the page is enough.
TEST_CASE("log format: the page tells enough to read a log without a hub (G25)") {
  const auto number = [](const std::vector<std::byte>& bytes, std::size_t at, int width) {
    std::uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i)
      value = value << 8 | static_cast<std::uint8_t>(bytes.at(at + static_cast<std::size_t>(i)));
    return value;
  };
  std::vector<std::filesystem::path> segments;
  for (const auto& entry : std::filesystem::directory_iterator{golden})
    if (entry.path().extension() == ".log") segments.push_back(entry.path());
  std::sort(segments.begin(), segments.end());
  std::map<std::uint64_t, std::string> events;
  std::uint64_t position = std::stoull(segments.at(0).stem().string());
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const auto bytes = read_file(segments[s]);
    CHECK(text_of(std::span{bytes}.first(8)) == "LABANLOG");
    CHECK(number(bytes, 8, 2) == 1);
    CHECK(number(bytes, 32, 8) == position);
    const auto base = position;
    const auto end = s + 1 < segments.size() ? std::stoull(segments[s + 1].stem().string()) : ~0ull;
    for (position += 64; position < end;) {
      const auto at = static_cast<std::size_t>(position - base);
      if (text_of(std::span{bytes}.subspan(at, 2)) != "LB" || (number(bytes, at + 3, 1) & 1) != 0) break;
      const auto length = static_cast<std::size_t>(number(bytes, at + 8, 4));
      const auto batch = std::span{bytes}.subspan(at, length);
      CHECK(crc32c_portable(batch.subspan(8), crc32c_portable(batch.first(4))) == number(bytes, at + 4, 4));
      auto offset = number(bytes, at + 40, 8);
      auto record = at + 64;
      for (auto left = number(bytes, at + 28, 4); left > 0; --left) {
        const auto size = static_cast<std::size_t>(number(bytes, record, 4));
        const auto flags = number(bytes, record + 5, 1);
        const auto body = record + 8 + ((flags & 2) != 0 ? 16 : 0);
        const auto text = text_of(std::span{bytes}.subspan(body, size));
        if ((flags & 2) != 0) events[number(bytes, record + 8, 8)] = text;
        if ((flags & 1) != 0) events[offset++] = text;
        record = body + (size + 7) / 8 * 8;
      }
      CHECK(record == at + length);
      position += length;
    }
  }
  CHECK(events.at(1) == "order.placed 1");
  CHECK(events.at(15) == "event 15");
  CHECK(events.rbegin()->first == 15);
}
