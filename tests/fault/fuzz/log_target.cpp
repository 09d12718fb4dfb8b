// tests/fault/fuzz/log_target.cpp - one file of a log with other bytes in it. The lowest bits of the first byte say which
// file; where `resealed` is set, it is the newest segment, and its checksums are made to fit again.
#include <algorithm>
#include <stdexcept>

#include "bus/journal/format.hpp"
#include "bus/journal/verify.hpp"
#include "laban/error.hpp"
#include "tests/fault/fuzz/targets.hpp"
#include "tests/support/faulty_files.hpp"
#include "tests/support/journal_log.hpp"

namespace laban::fuzz {

namespace {

using namespace laban::journal;
using test::FaultyFiles;

constexpr char resealed = 16;
constexpr std::uint64_t segment_bytes = 4'096;

bool is_segment(const std::string& path) {
  return path.ends_with(".log");
}

std::unique_ptr<FaultyFiles> write_log() {
  auto files = std::make_unique<FaultyFiles>();
  auto options = test::small_options(segment_bytes);
  options.spare_segments = 0;
  const auto log = test::open_log(*files, options);
  const auto committed = [](const CommitResult& result) {
    if (!result) throw std::logic_error("the sound log cannot be written: " + result.reason);
  };
  for (int i = 1; i <= 12; ++i) {
    test::append(*log, "event " + std::to_string(i) + std::string(static_cast<std::size_t>(i * 197 % 1'500), '.'));
    if (i % 3 == 0) log->append_note(2, {test::bytes_of("a note")});
    if (i % 4 != 1) committed(test::commit(*log, i));
    if (i != 8) continue;
    if (!log->save_checkpoint(log->position(), test::bytes_of("the state after eight")).empty())
      throw std::logic_error("no checkpoint");
    Retention retention;
    retention.bytes_max = 1;
    retention.is_live = [](std::uint64_t offset) { return offset == 1; };
    log->retain(retention);
  }
  committed(test::commit(*log, 13));
  return files;
}

const FaultyFiles& sound_log() {
  static const auto log = write_log();
  return *log;
}

// The files of the log, segments in order and last.
std::vector<std::string> files_of(const FaultyFiles& log) {
  std::vector<std::string> paths;
  for (const auto& path : log.paths())
    if (path.ends_with(".checkpoint") || is_segment(path)) paths.push_back(path);
  std::stable_partition(paths.begin(), paths.end(), [](const auto& path) { return !is_segment(path); });
  return paths;
}

// A segment whose header and chain of checksums are those of this log, whatever else is in it.
void reseal(std::vector<std::byte>& file, const std::vector<std::byte>& sound) {
  if (file.size() < segment_header_bytes) return;
  std::copy_n(sound.begin(), segment_header_bytes, file.begin());
  const auto segment = decode_segment(std::span{file}.first<segment_header_bytes>());
  if (!segment) throw std::logic_error("a sound segment has no header");
  auto previous = segment->previous;
  for (std::size_t at = segment_header_bytes; at + batch_header_bytes <= file.size();) {
    auto batch = decode_batch(std::span{file}.subspan(at).first<batch_header_bytes>());
    if (!batch || batch->length > file.size() - at) return;
    batch->previous = previous;
    batch->log_id = segment->log_id;
    batch->generation = segment->generation;
    batch->position = segment->base + at;
    previous = seal_batch(*batch, std::span{file}.subspan(at, batch->length));
    at += batch->length;
  }
}

// Reads all that there is, in small steps; each must get on.
std::string read_all(Journal& log) {
  std::uint64_t events = 0;
  for (auto from = log.first_offset(); from <= log.head();) {
    const auto result = log.read(from, 300);
    if (result.damage) return "";
    if (result.next <= from) return "a read does not get on";
    for (const auto& event : result.events)
      if (event.offset < from || event.offset > log.head()) return "an event at an offset that was not asked for";
    events += result.events.size();
    from = result.next;
  }
  if (events != log.head() + 1 - log.first_offset()) return "offsets are not dense";
  for (std::uint64_t offset = 1; offset < log.first_offset(); ++offset) (void)log.get(offset);
  (void)log.latest_checkpoint();
  try {
    log.scan(0, [](const Record&) {});
  } catch (const Error&) {
    return "what can be read cannot be scanned";
  }
  return "";
}

std::string run(std::string_view input) {
  if (input.empty()) return "";
  const auto paths = files_of(sound_log());
  const bool resealing = (input[0] & resealed) != 0;
  const auto& path = resealing ? paths.back() : paths[static_cast<unsigned char>(input[0]) % 16 % paths.size()];
  const auto bytes = test::bytes_of(input.substr(1));
  std::vector<std::byte> file{bytes.begin(), bytes.end()};
  if (resealing) reseal(file, sound_log().contents(path));
  const auto files = sound_log().copy();
  files->set_contents(path, std::move(file));
  bool sound = false;
  std::string why;
  try {
    const auto report = verify(*files, test::log_directory);
    sound = !report.damage;
    if (report.damage) why = report.damage->text();
  } catch (const Error& error) {
    why = error.what();
  }
  try {
    auto options = test::small_options(segment_bytes);
    options.spare_segments = 0;
    const auto log = test::open_log(*files, options);
    if (!sound) return "it opens, and verification says: " + why;
    return read_all(*log);
  } catch (const Error& error) {
    return sound ? std::string{"verification finds nothing, and it does not open: "} + error.what() : "";
  }
}

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  const auto paths = files_of(sound_log());
  for (std::size_t i = 0; i < paths.size(); ++i)
    all.push_back(static_cast<char>(i) + test::text_of(sound_log().contents(paths[i])));
  all.push_back(resealed + test::text_of(sound_log().contents(paths.back())));
  return all;
}

}  // namespace

Target log_target() {
  return {"log", run, seeds, mutated_bytes};
}

}  // namespace laban::fuzz
