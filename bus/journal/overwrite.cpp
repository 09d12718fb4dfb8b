// bus/journal/overwrite.cpp - written aside, synced, then written in place.
#include "bus/journal/overwrite.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "bus/journal/crc32c.hpp"
#include "bus/journal/format.hpp"
#include "bus/journal/impl.hpp"
#include "bus/journal/walker.hpp"
#include "laban/error.hpp"

namespace laban::journal {
namespace {

constexpr std::string_view magic = "LABANOVW";
constexpr std::size_t header_bytes = 32;  // magic, checksum, zero, log id, number of patches
constexpr std::size_t patch_header_bytes = 24;
constexpr std::size_t wiped_at_once = 1 << 20;
constexpr std::uint64_t second_mark_at = 4096;

std::string aside(const std::string& directory) {
  return directory + "/log.overwrite";
}

std::vector<std::byte> encode(std::uint64_t log_id, const std::vector<Patch>& patches) {
  std::size_t size = header_bytes;
  for (const auto& patch : patches) size += patch_header_bytes + padded(patch.bytes.size());
  std::vector<std::byte> file(size);
  const auto put = [&](std::size_t at, std::uint64_t value) { std::memcpy(file.data() + at, &value, sizeof value); };
  std::memcpy(file.data(), magic.data(), magic.size());
  put(16, log_id);
  put(24, patches.size());
  std::size_t at = header_bytes;
  for (const auto& patch : patches) {
    put(at, patch.base);
    put(at + 8, patch.at);
    put(at + 16, patch.bytes.size());
    std::memcpy(file.data() + at + patch_header_bytes, patch.bytes.data(), patch.bytes.size());
    at += patch_header_bytes + padded(patch.bytes.size());
  }
  const std::uint32_t checksum = crc32c(std::span{file}.subspan(12));
  std::memcpy(file.data() + 8, &checksum, sizeof checksum);
  return file;
}

std::optional<std::vector<Patch>> decode(std::span<const std::byte> file) {
  const auto take = [&](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, file.data() + at, sizeof value);
    return value;
  };
  if (file.size() < header_bytes || std::memcmp(file.data(), magic.data(), magic.size()) != 0) return {};
  if (static_cast<std::uint32_t>(take(8)) != crc32c(file.subspan(12))) return {};
  std::vector<Patch> patches;
  std::size_t at = header_bytes;
  for (std::uint64_t left = take(24); left > 0; --left) {
    if (file.size() - at < patch_header_bytes) return {};
    const std::uint64_t size = take(at + 16);
    if (size > file.size() - at - patch_header_bytes) return {};
    const auto bytes = file.subspan(at + patch_header_bytes, static_cast<std::size_t>(size));
    patches.push_back({take(at), take(at + 8), {bytes.begin(), bytes.end()}});
    at += patch_header_bytes + padded(static_cast<std::size_t>(size));
  }
  return patches;
}

// An errno. Segments that retention took since are passed over.
int put_in_place(FileSystem& files, const std::string& directory, const std::vector<Patch>& patches) {
  for (auto patch = patches.begin(); patch != patches.end();) {
    const auto base = patch->base;
    const auto opened = files.open(directory + "/" + segment_name(base), OpenMode::write);
    if (!opened.value && opened.error != ENOENT) return opened.error;
    for (; patch != patches.end() && patch->base == base; ++patch) {
      if (!opened.value) continue;
      if (const int error = write_fully(*opened.value, patch->at, patch->bytes)) return error;
    }
    if (!opened.value) continue;
    if (const int error = opened.value->sync_data()) return error;
  }
  return 0;
}

int put_away(FileSystem& files, const std::string& directory) {
  if (const int error = files.remove(aside(directory))) return error;
  return files.sync_directory(directory);
}

// Zeros over what is there, where it is not zero.
int wipe(File& file, std::uint64_t from, std::uint64_t to) {
  std::vector<std::byte> piece(wiped_at_once);
  for (auto at = from; at < to;) {
    const auto part = std::span{piece}.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), to - at)));
    const auto got = read_fully(file, at, part);
    if (got.error != 0) return got.error;
    const auto seen = part.first(got.bytes);
    if (std::any_of(seen.begin(), seen.end(), [](std::byte byte) { return byte != std::byte{0}; })) {
      std::fill(seen.begin(), seen.end(), std::byte{0});
      if (const int error = write_fully(file, at, seen)) return error;
    }
    at += part.size();
  }
  return 0;
}

bool is_mark(File& file, std::uint64_t at) {
  std::array<std::byte, batch_header_bytes> bytes{};
  if (read_fully(file, at, bytes).bytes != bytes.size()) return false;
  const auto header = decode_batch(bytes);
  return header && (header->flags & batch_mark) != 0;
}

}  // namespace

// The checksum is linear: from the one before the four bytes and the one behind them, which is found by going back from the
// wanted one, the four bytes follow.
void set_checksum(std::span<std::byte> batch, std::size_t at, std::uint32_t checksum) {
  const auto before = crc32c(batch.subspan(8, at - 8), crc32c(batch.first(4)));
  auto state = crc32c_before(batch.subspan(at + 4), checksum);
  std::fill_n(batch.begin() + static_cast<std::ptrdiff_t>(at), 4, std::byte{0});
  state = crc32c_before(batch.subspan(at, 4), state);
  const std::uint32_t bytes = ~before ^ ~state;
  std::memcpy(batch.data() + at, &bytes, sizeof bytes);
}

OverwriteOutcome overwrite(FileSystem& files, const std::string& directory, std::uint64_t log_id,
                           const std::vector<Patch>& patches) {
  const auto bytes = encode(log_id, patches);
  const auto unfinished = directory + "/overwrite.filling";
  const auto write_aside = [&] {
    const auto opened = files.open(unfinished, OpenMode::create);
    if (!opened.value) return opened.error;
    if (const int error = write_fully(*opened.value, 0, bytes)) return error;
    if (const int error = opened.value->sync_data()) return error;
    return files.rename(unfinished, aside(directory));
  };
  OverwriteOutcome outcome;
  if (const int error = write_aside()) {
    files.remove(unfinished);
    outcome.problem = "nothing was overwritten in " + directory + ": " + error_text(error) + ": make room";
    return outcome;
  }
  outcome.begun = true;
  int error = files.sync_directory(directory);
  if (error == 0) error = put_in_place(files, directory, patches);
  if (error == 0) error = put_away(files, directory);
  if (error != 0)
    outcome.problem = "an erasure in " + directory + " was interrupted: " + error_text(error) +
                      ": check the disk and start the hub again, it ends the erasure";
  return outcome;
}

void finish_overwrite(FileSystem& files, const std::string& directory) {
  std::vector<std::string> names;
  if (files.list(directory, names) != 0) return;  // told by whoever reads the log
  if (std::find(names.begin(), names.end(), "log.overwrite") == names.end()) return;
  const auto fail = [&](int error) {
    throw Error{Errc::storage, "an erasure in " + directory + " was interrupted and cannot be ended: " +
                                   error_text(error) + ": check the disk and the rights of " + aside(directory)};
  };
  const auto opened = files.open(aside(directory), OpenMode::read);
  if (!opened.value) fail(opened.error);
  std::vector<std::byte> bytes(static_cast<std::size_t>(opened.value->size()));
  const auto got = read_fully(*opened.value, 0, bytes);
  if (got.error != 0) fail(got.error);
  bytes.resize(got.bytes);
  const auto patches = decode(bytes);
  if (!patches)
    throw Error{Errc::storage, aside(directory) + " is damaged: the erasure that it belongs to may be half done; " +
                                   "restore the log from a backup"};
  if (const int error = put_in_place(files, directory, *patches)) fail(error);
  if (const int error = put_away(files, directory)) fail(error);
}

Overwritten Journal::overwrite(std::uint64_t from_position, const Edit& edit, std::uint64_t bytes_max) {
  Overwritten result;
  auto& appender = impl_->appender;
  auto& segments = impl_->segments;
  result.position = std::max(from_position, first_position());
  if (impl_->backups.use_count() > 1) {
    result.problem = "a backup is being copied";
    return result;
  }
  if (appender.failed() || (appender.dirty() && appender.sync() != Appender::Outcome::ok)) {
    result.problem = appender.reason();
    return result;
  }
  std::vector<Patch> patches;
  const auto first = result.position;
  for (auto s = segments.at_position(first); s < segments.size() && result.position - first < bytes_max; ++s) {
    auto& segment = segments[s];
    if (const int error = segments.open(segment)) {
      result.problem = "cannot open " + segments.path(segment) + ": " + error_text(error);
      return result;
    }
    const auto file = segment.file;
    BatchWalker walker{*file, segment.header, result.position, std::min(segment.end, position()), std::nullopt};
    auto step = walker.next();
    for (; step == BatchWalker::Step::batch; step = walker.next()) {
      if (walker.position() - first >= bytes_max) break;
      const auto changed = patches.size();
      std::vector<std::byte> batch;
      std::size_t free_at = 0;
      visit_records(walker.header(), walker.bytes(), [&](const Record& record) {
        auto body = edit(record);
        if (!body) return;
        assert(body->size() == record.body.size() && body->size() >= 4);
        if (batch.empty()) batch.assign(walker.bytes().begin(), walker.bytes().end());
        const auto at = static_cast<std::size_t>(record.body.data() - walker.bytes().data());
        std::memcpy(batch.data() + at, body->data(), body->size());
        free_at = at + body->size() - 4;
        patches.push_back({segment.header.base, walker.position() - segment.header.base + at, std::move(*body)});
      });
      result.position = walker.position() + walker.header().length;
      if (patches.size() == changed) continue;
      set_checksum(batch, free_at, walker.header().crc);
      std::memcpy(patches.back().bytes.data() + patches.back().bytes.size() - 4, batch.data() + free_at, 4);
    }
    if (step == BatchWalker::Step::batch) break;
    if (step != BatchWalker::Step::end) {
      result.problem = segments.damage(segment, walker.position(), segment.header.next_offset, walker.reason()).text();
      return result;
    }
    result.position = std::max(result.position, segment.end);
  }
  result.end = result.position >= position();
  if (patches.empty()) return result;
  auto outcome = journal::overwrite(impl_->files, impl_->directory, log_id(), patches);
  segments.forget_pages();
  if (outcome.begun && !outcome.problem.empty()) appender.fail(outcome.problem);
  result.problem = std::move(outcome.problem);
  if (result.problem.empty()) result.records = patches.size();
  return result;
}

std::string Journal::wipe_unused() {
  auto& appender = impl_->appender;
  auto& segments = impl_->segments;
  if (appender.failed()) return appender.reason();
  impl_->spares.discard();
  appender.mark_twice();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    auto& segment = segments[i];
    const auto opened = impl_->files.open(segments.path(segment), OpenMode::write);
    const auto run = [&]() -> int {
      if (!opened.value) return opened.error;
      auto& file = *opened.value;
      const auto end = segment.end - segment.header.base, size = file.size();
      const auto behind_mark = [&](std::uint64_t at) { return at + (is_mark(file, at) ? batch_header_bytes : 0); };
      if (const int error = wipe(file, behind_mark(end), std::min(size, end + second_mark_at))) return error;
      if (end + second_mark_at < size) {
        if (const int error = wipe(file, behind_mark(end + second_mark_at), size)) return error;
      }
      return file.sync_data();
    };
    if (const int error = run())
      return "what lies behind the end of " + segments.path(segment) + " cannot be wiped: " + error_text(error);
  }
  return {};
}

}  // namespace laban::journal
